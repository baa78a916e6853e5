"""It keeps bytes in the kernel: in pipes made large, in queues, in timers, in asynchronous requests, in watches."""

import ctypes
import fcntl
import os
libc = ctypes.CDLL(None, use_errno=True)
reader, writer = os.pipe()
try:
    fcntl.fcntl(writer, 1031, 1 << 20)
    print("LEAK pipe")
except OSError as error:
    print(error)
number = ctypes.create_string_buffer(8)
for name, call in {
    "queue": (240, b"redgreen", 0o102, 0o600, 0), "messages": (68, 0, 0o1600), "aio": (206, 4096, number),
    "timer": (222, 1, 0, number), "timer descriptor": (283, 1, 0), "inotify": (294, 0), "fanotify": (300, 0, 0),
    "vmsplice": (278, writer, 0, 0, 0), "splice": (275, reader, 0, writer, 0, 1, 3), "secret": (447, 0),
}.items():
    if libc.syscall(*call) >= 0:
        print("LEAK", name)
    else:
        print(os.strerror(ctypes.get_errno()))
