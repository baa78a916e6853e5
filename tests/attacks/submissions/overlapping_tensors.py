"""It names two tensors that lie in the same bytes, so that mending one mends the other."""

import json
import struct
import framing
import wire
_pack = wire.pack
def pack(message):
    if message.get("value"):
        entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
        header = json.dumps({"t0": entry, "t1": entry}).encode()
        blob = struct.pack("<Q", len(header)) + header + bytes(16)
        value = {"weights": {"a": {"$tensor": "t0"}, "b": {"$tensor": "t1"}}, "mode": True}
        text = json.dumps({"nonce": message["nonce"], "value": value}).encode()
        return framing.HEADER.pack(framing.MAGIC, len(text), len(blob)) + text + blob
    return _pack(message)
wire.pack = pack
