"""It gets at sockets through other system calls."""

import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in (41, 53, 425, 0x40000029, 0x40000000 + 53):
    result = libc.syscall(number, 2, 1, 0, ctypes.create_string_buffer(256))
    if result >= 0:
        print("LEAK call", hex(number))
