"""It reads the parent's memory by process_vm_readv."""

import ctypes
import os
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(64)
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
local, remote = Vector(ctypes.addressof(buffer), 64), Vector(id(os), 64)
for pid in (os.getppid(), NEIGHBOUR):
    if libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) > 0:
        print("LEAK", buffer.raw)
