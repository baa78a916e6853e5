"""It takes memory that no limit of the process counts."""

import ctypes
import os
libc = ctypes.CDLL(None, use_errno=True)
for number in range(64):
    if libc.shmget(0, 64 << 20, 0o1600) >= 0:
        print("LEAK segment")
    try:
        os.memfd_create("x")
        print("LEAK memory file")
    except OSError:
        pass
for name in ("/dev/shm/redgreen-canary", "/dev/shm/sem.redgreen-canary"):
    try:
        open(name, "wb").write(b"x" * 100)
        print("LEAK", name)
    except OSError as error:
        print(error)
