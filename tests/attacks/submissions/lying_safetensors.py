"""It sends a tensor header with offsets outside the data."""

import json
import os
import struct
header = json.dumps({"t0": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
blob = struct.pack("<Q", len(header)) + header + b"\x00" * 16
text = b'{"nonce":"x","value":{"a":{"$tensor":"t0"}}}'
os.write(3, struct.pack(">4sIQ", b"RGB1", len(text), len(blob)) + text + blob)
