"""It has the kernel send its signals: a descriptor's owner is told when something comes."""

import ctypes
import fcntl
import os
import signal
for pid in (os.getppid(), 1, NEIGHBOUR, -NEIGHBOUR):
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(reader, fcntl.F_SETOWN, pid)
        fcntl.fcntl(reader, 10, signal.SIGKILL)
        fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        os.write(writer, b"x")
        print("owned", pid)
    except OSError as error:
        print(error)
    os.close(reader)
    os.close(writer)
