"""It sends tensors that its answer does not mention, for whoever reads the tensors alone."""

import wire
_pack = wire.pack
def pack(message):
    frame = _pack(message)
    if message.get("value"):
        _, _, tensors = wire.HEADER.unpack(frame[: wire.HEADER.size])
        text = f'{{"nonce":"{message["nonce"]}","value":{{}}}}'.encode()
        return wire.HEADER.pack(wire.MAGIC, len(text), tensors) + text + frame[len(frame) - tensors :]
    return frame
wire.pack = pack
