"""It opens devices, the kernel's files and its own memory."""

import os
for name in (
    "/dev/kmsg", "/dev/mem", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/vsock", "/dev/userfaultfd", "/dev/vhost-vsock",
    "/dev/vda", "/dev/loop-control", "/proc/kcore", "/proc/sysrq-trigger", "/sys/kernel/notes", "/sys/power/state",
    "/dev/ptmx", "/dev/tty", "/proc/self/mem", "/proc/self/pagemap", "/dev/shm/x",
):
    try:
        os.close(os.open(name, os.O_RDWR | os.O_CREAT if name == "/dev/shm/x" else os.O_RDWR))
        print("LEAK", name)
    except OSError as error:
        print(error)
