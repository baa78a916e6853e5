"""It asks to outlive its parent, to be traced by anybody, and for walls of its own in the place of those around it."""

import ctypes
import os
libc = ctypes.CDLL(None, use_errno=True)
for option, value in ((1, 0), (4, 0), (8, 0), (35, 1), (36, 1), (0x59616D61, -1), (53, 0), (56, 0)):
    if libc.prctl(option, value, 0, 0, 0) == 0:
        print("LEAK prctl", option)
    else:
        print(os.strerror(ctypes.get_errno()))
ruleset = ctypes.create_string_buffer(b"\xff" * 8, 8)
if libc.syscall(444, ruleset, 8, 0) >= 0:
    print("LEAK landlock")
if libc.syscall(317, 2, 0, ctypes.byref(ctypes.c_uint32(0x7FFF0000))) == 0:
    print("LEAK seccomp")
