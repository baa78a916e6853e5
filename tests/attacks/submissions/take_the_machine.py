"""It asks for more of the machine than its share: real-time priority, all processors, locked memory, first place at the disk."""

import ctypes
import os
libc = ctypes.CDLL(None, use_errno=True)
asked = {
    "priority": lambda: libc.setpriority(0, 0, -20),
    "scheduler": lambda: libc.sched_setscheduler(0, 1, ctypes.byref(ctypes.c_int(99))),
    "batch": lambda: libc.sched_setscheduler(0, 3, ctypes.byref(ctypes.c_int(0))),
    "deadline": lambda: libc.syscall(314, 0, (ctypes.c_uint64 * 6)(48 | 6 << 32, 0, 0, 10**7, 10**7, 10**7), 0),
    "processors": lambda: libc.sched_setaffinity(0, 8, (ctypes.c_uint64 * 1)(2**63 - 1)),
    "disk": lambda: libc.syscall(251, 1, 0, 1 << 13),
    "locked": lambda: libc.mlockall(3),
    "limit": lambda: libc.syscall(302, 0, 9, (ctypes.c_uint64 * 2)(2**64 - 1, 2**64 - 1), 0),
}
for name, ask in asked.items():
    if ask() == 0:
        print("LEAK", name)
    else:
        print(os.strerror(ctypes.get_errno()))
