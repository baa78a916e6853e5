"""It attaches to its parent and to a neighbour."""

import ctypes
import os
libc = ctypes.CDLL(None, use_errno=True)
for pid in (os.getppid(), NEIGHBOUR):
    for request in (16, 0x4206):
        if libc.ptrace(request, pid, 0, 0) == 0:
            print("LEAK attached", pid)
