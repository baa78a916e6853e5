"""It announces a message of terabytes."""

import os
import struct
os.write(3, struct.pack(">4sIQ", b"RGB1", 0xFFFFFFFF, 2**60))
