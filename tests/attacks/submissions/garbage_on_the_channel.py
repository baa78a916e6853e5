"""It writes bytes that are no message."""

import os
os.write(3, b"\x00\xff" * 5000)
