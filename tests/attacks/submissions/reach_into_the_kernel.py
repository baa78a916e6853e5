"""It asks for bpf, perf, keyrings, io_uring, userfaultfd, modules, reboot."""

import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in (321, 298, 248, 249, 250, 425, 323, 175, 313, 169, 246, 101, 312, 434, 438, 167, 157 + 10000):
    if libc.syscall(number, 0, 0, 0, 0, 0) >= 0:
        print("LEAK call", number)
