"""It sends signals to everybody."""

import ctypes
import os
import signal
libc = ctypes.CDLL(None, use_errno=True)
for pid in (NEIGHBOUR, os.getppid(), 1, -1, 0):
    for send in (
        lambda: os.kill(pid, signal.SIGKILL),
        lambda: os.killpg(abs(pid), signal.SIGKILL),
        lambda: libc.syscall(234, pid, pid, 9),
        lambda: libc.syscall(200, pid, 9),
        lambda: signal.pidfd_send_signal(os.pidfd_open(pid), 9),
    ):
        try:
            send()
        except OSError as error:
            print(error)
