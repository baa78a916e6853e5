"""It names its results with halves of characters, terminal escapes and HTML, for those who read or keep them."""

import framing
import wire
_pack = wire.pack
def pack(message):
    if message.get("value"):
        names = ",".join(f'"{name}":1' for name in (r"\ud800", r"\u001b]0;x\u0007", r"<script>", r"z" + r"\u0000" * 200))
        text = f'{{"nonce":"{message["nonce"]}","value":{{{names}}}}}'.encode()
        return framing.HEADER.pack(framing.MAGIC, len(text), 0) + text
    return _pack(message)
wire.pack = pack
