"""It mounts, unshares, enters other namespaces, changes root."""

import ctypes
libc = ctypes.CDLL(None, use_errno=True)
calls = {"unshare": (272, 0x10000000), "setns": (308, 0, 0), "mount": (165, b"none", CANARY.encode(), b"tmpfs", 0, 0),
         "chroot": (161, b"/"), "pivot_root": (155, b"/", b"/"), "umount": (166, b"/", 2), "fsopen": (430, b"tmpfs", 0),
         "open_tree": (428, -100, b"/", 1)}
for name, arguments in calls.items():
    if libc.syscall(*arguments) >= 0:
        print("LEAK", name)
