"""It tries each system call that makes a process."""

import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number, arguments in ((57, ()), (58, ()), (56, (17, 0, 0, 0, 0)), (435, (ctypes.create_string_buffer(88), 88))):
    if libc.syscall(number, *arguments) >= 0:
        print("LEAK process", number)
