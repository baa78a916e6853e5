"""It raises limits and capabilities, changes its user, drops its filter."""

import ctypes
import os
import resource
libc = ctypes.CDLL(None, use_errno=True)
for which in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
    try:
        resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("LEAK limit")
    except (OSError, ValueError) as error:
        print(error)
for action in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.nice(-20)):
    try:
        action()
        print("LEAK right")
    except OSError as error:
        print(error)
header, all_rights = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
if libc.capset(header, all_rights) == 0:
    print("LEAK capabilities")
if libc.prctl(22, 0, 0, 0, 0) == 0 or libc.prctl(38, 0, 0, 0, 0) == 0:
    print("LEAK filter")
