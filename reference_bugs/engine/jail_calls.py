"""The system calls that do not exist in a jail.

A shell needs far more calls than a graded fix, so this is a list of what is denied and not of what is allowed. Calls
that are newer than the list's library, and other calling conventions (x32), do not exist either.
"""

from __future__ import annotations

import contextlib
import errno
import struct
from functools import cache

__all__ = ["filter_program"]

# Other processes' memory, mounts and namespaces, the kernel's own machinery, and memory that no process's account
# shows (memfd, System V, message queues, asynchronous requests, and pages given to a pipe, each of which holds 2 MiB).
_DENIED = """
    ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
    mount umount2 pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr
    unshare setns bpf perf_event_open add_key request_key keyctl io_uring_setup io_uring_enter io_uring_register
    userfaultfd kexec_load kexec_file_load init_module finit_module create_module delete_module
    open_by_handle_at name_to_handle_at swapon swapoff reboot acct quotactl quotactl_fd sethostname setdomainname
    settimeofday clock_settime clock_adjtime adjtimex iopl ioperm syslog lookup_dcookie nfsservctl vhangup modify_ldt
    uselib ustat sysfs _sysctl fanotify_init migrate_pages move_pages
    memfd_create memfd_secret shmget shmat shmctl msgget msgsnd msgrcv semget semop mq_open
    io_setup vmsplice
""".split()  # noqa: SIM905 - a list of this length reads better as text
_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: the network namespace has nothing but its own loopback
_PROTOCOLS = (0, 1, 6, 17, 58)  # the family's own, ICMP, TCP, UDP: not MPTCP, SCTP, UDP-Lite
_SOL_SOCKET, _SIZES_OF_SOCKETS = 1, (7, 8, 32, 33)  # SO_SNDBUF, SO_RCVBUF and the forced ones
_F_SETPIPE_SZ = 1031
_CLONE_FILES, _CLONE_THREAD = 0x400, 0x10000
_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX put words into a terminal's input
_INT = 0xFFFFFFFF
_LOAD, _JUMP_GREATER, _RETURN, _ERRNO = 0x20, 0x25, 0x06, 0x00050000


@cache
def filter_program() -> bytes:
    """The filter as bubblewrap takes it: an array of the kernel's ``sock_filter``."""
    import seccompy
    from seccompy import CmpOp

    rules = seccompy.Filter(default=seccompy.Action.ALLOW)
    for name in _DENIED:
        with contextlib.suppress(ValueError, KeyError, seccompy.SeccompError):  # other machines, other calls
            rules.errno(name, errno.EPERM)
    # The flags of clone3 lie in memory where no filter sees them; told that there is none, glibc takes clone.
    rules.errno("clone3", errno.ENOSYS)
    # The kernel reads these arguments as 32 bits, so the upper half must not decide.
    for flag in _NAMESPACES:
        rules.errno("clone", errno.EPERM, args=[(0, CmpOp.MASKED_EQ, flag, flag)])
    for request in _TERMINAL:
        rules.errno("ioctl", errno.EPERM, args=[(1, CmpOp.MASKED_EQ, request, _INT)])
    for call in ("socket", "socketpair"):
        for family in _FAMILIES:
            for protocol in _PROTOCOLS:
                both = [(0, CmpOp.MASKED_EQ, family, _INT), (2, CmpOp.MASKED_EQ, protocol, _INT)]
                rules.allow(call, args=both)
        rules.errno(call, errno.EAFNOSUPPORT)
    # Buffers stay as large as they are at first, which `jail_buffers` counts. Who asks for more is not told, as with
    # the kernel's own bound.
    for option in _SIZES_OF_SOCKETS:
        setting = [(1, CmpOp.MASKED_EQ, _SOL_SOCKET, _INT), (2, CmpOp.MASKED_EQ, option, _INT)]
        rules.errno("setsockopt", 0, args=setting)
    rules.errno("fcntl", errno.EPERM, args=[(1, CmpOp.MASKED_EQ, _F_SETPIPE_SZ, _INT)])
    # A thread with descriptors of its own would have them where nobody looks.
    rules.errno(
        "clone", errno.EPERM, args=[(0, CmpOp.MASKED_EQ, _CLONE_THREAD, _CLONE_THREAD | _CLONE_FILES)]
    )
    rules.allow("personality", args=[(0, CmpOp.MASKED_EQ, 0, _INT)])
    rules.allow("personality", args=[(0, CmpOp.MASKED_EQ, _INT, _INT)])  # asks only
    rules.errno("personality", errno.EPERM)
    return _nothing_newer() + rules.program


def _nothing_newer() -> bytes:
    """Instructions before all others: what lies above the highest known number does not exist."""
    import seccompy

    newest = 0
    for number in range(1024):
        with contextlib.suppress(ValueError, KeyError, seccompy.SeccompError):
            seccompy.syscall_name(number)
            newest = number
    steps = [(_LOAD, 0, 0, 0), (_JUMP_GREATER, 0, 1, newest), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
