"""It sends JSON nested deeply enough to overflow a stack."""

import os
import struct
text = b"[" * 3_000_000
os.write(3, struct.pack(">4sIQ", b"RGB1", len(text), 0) + text)
