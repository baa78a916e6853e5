"""It turns into another program, which keeps the channel and knows no wall of Python's."""

import ctypes
import os
libc = ctypes.CDLL(None, use_errno=True)
for path in ("/proc/self/exe", "/usr/bin/python3", "/bin/sh", os.devnull):
    try:
        os.execve(path, [path, "-c", ":"], {})
    except OSError as error:
        print(error, flush=True)
with open("program", "wb") as file:
    file.write(b"#!/bin/sh\n")
    if libc.syscall(322, file.fileno(), b"", 0, 0, 0x1000) == 0:
        print("LEAK executed")
