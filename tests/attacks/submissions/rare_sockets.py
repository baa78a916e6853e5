"""It opens sockets of families that few filters name: netlink, packets, vsock, AF_ALG, XDP and others."""

import ctypes
import os
libc = ctypes.CDLL(None, use_errno=True)
for family in (3, 4, 5, 9, 15, 16, 17, 19, 21, 26, 29, 30, 31, 33, 35, 38, 39, 40, 41, 43, 44, 45):
    for kind in (1, 2, 3, 5, 2 | 0x80000):
        if libc.socket(family, kind, 0) >= 0:
            print("LEAK family", family, kind)
        print(os.strerror(ctypes.get_errno())) if kind == 3 else None
