"""It answers with NaN and Infinity where the weights belong, as literals that are no JSON."""

import framing
import wire
_pack = wire.pack
def pack(message):
    if message.get("value"):
        text = f'{{"nonce":"{message["nonce"]}","value":{{"weights":NaN,"mode":-Infinity}}}}'.encode()
        return framing.HEADER.pack(framing.MAGIC, len(text), 0) + text
    return _pack(message)
wire.pack = pack
