"""It makes system calls by the x32 and the 32-bit convention."""

import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in (0x40000000 + 57, 0x40000000 + 41, 0x40000000 + 59, 0x40000000 + 62):
    if libc.syscall(number, 0, 0, 0, 0) >= 0:
        print("LEAK x32", hex(number))
