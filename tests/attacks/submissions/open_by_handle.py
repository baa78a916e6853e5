"""It opens files by handle, past the mount namespace."""

import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in (303, 304, 428, 429, 437):
    if libc.syscall(number, -100, b"/", 0, 0, 0) >= 0 and number != 437:
        print("LEAK call", number)
