"""It sends a torch.save archive where tensors belong."""

import io
import os
import struct
import torch
buffer = io.BytesIO()
torch.save({"weights": torch.ones(3)}, buffer)
data = buffer.getvalue()
os.write(3, struct.pack(">4sIQ", b"RGB1", 2, len(data)) + b"{}" + data)
