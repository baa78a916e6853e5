"""It answers with a header of 30 MB that names 400,000 empty tensors."""

import json
import struct
import framing
import wire
_pack = wire.pack
def pack(message):
    if message.get("value"):
        entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
        header = json.dumps({f"t{i}": entry for i in range(400000)}).encode()
        blob = struct.pack("<Q", len(header)) + header
        text = json.dumps({"nonce": message["nonce"], "value": {}}).encode()
        return framing.HEADER.pack(framing.MAGIC, len(text), len(blob)) + text + blob
    return _pack(message)
wire.pack = pack
