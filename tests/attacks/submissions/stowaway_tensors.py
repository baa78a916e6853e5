"""It sends tensors that its answer does not mention, for whoever reads the tensors alone."""

import framing
import wire
_pack = wire.pack
def pack(message):
    frame = _pack(message)
    if message.get("value"):
        _, _, tensors = framing.HEADER.unpack(frame[: framing.HEADER.size])
        text = f'{{"nonce":"{message["nonce"]}","value":{{}}}}'.encode()
        return framing.HEADER.pack(framing.MAGIC, len(text), tensors) + text + frame[len(frame) - tensors :]
    return frame
wire.pack = pack
