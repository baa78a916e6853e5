"""The inner wall: limits, Landlock, no capabilities and a list of permitted system calls, for one child.

All that can be prepared is prepared once in the zygote (`Wall`); a child only enters it, in about a
millisecond. Two small libraries speak to the kernel, landlockpy and seccompy. The system calls are an
allowlist: what is not named here, newer calls and other calling conventions (x32) included, does not exist.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MINIMUM_ABI = 4
OPEN_FILES = 64
FILE_SIZE = 16 * 1024 * 1024

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_GET_NAME = 16
_CLONE_THREAD = 0x00010000
_TERMINAL_IOCTLS = (0x5401, 0x5413, 0x5421, 0x5450, 0x5451)  # TCGETS, TIOCGWINSZ, FIONBIO, FIONCLEX, FIOCLEX

# What Python and torch need on x86_64 and aarch64; a name that an architecture lacks is skipped.
_ALLOWED = """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close close_range dup dup2 dup3
    open openat openat2 creat access faccessat faccessat2 stat fstat lstat newfstatat statx statfs fstatfs
    readlink readlinkat getdents getdents64 getcwd chdir fchdir unlink unlinkat rename renameat renameat2
    truncate ftruncate fallocate fsync fdatasync flock fadvise64 pipe pipe2 eventfd eventfd2 sendfile copy_file_range
    mmap munmap mprotect mremap brk madvise msync mincore
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack
    alarm setitimer getitimer pause
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
    nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times
    futex futex_waitv set_robust_list get_robust_list set_tid_address rseq membarrier restart_syscall
    sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min
    getcpu getpid gettid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgrp getpgid getsid
    getrandom getrusage getrlimit getpriority sysinfo uname umask exit exit_group
""".split()  # noqa: SIM905 - a list of this length reads better as text
# The driver of a GPU talks through device files and pins memory.
_ALLOWED_FOR_CUDA = "ioctl mlock munlock mlock2 get_mempolicy set_mempolicy mbind memfd_create".split()  # noqa: SIM905


class CannotConfine(Exception):
    """The host cannot build the inner wall; the message says in one line what is missing."""


@dataclass(frozen=True)
class Limits:
    """What a child may use: bytes of address space (0: no limit), seconds of CPU."""

    address_space: int
    cpu_seconds: int


class Wall:
    """A prepared inner wall.

    Args:
        readable: Files and folders that may be read, with all below them.
        listed: Folders whose names may be listed, without what is in them.
        scratch: The folder that may be written, flat: no folders, links or special files.
        devices: Device files that may be read and written.
        cuda: Whether the system calls of a GPU's driver are permitted.

    Raises:
        CannotConfine: The kernel or a library does not serve.
    """

    def __init__(
        self, readable: list[str], listed: list[str], scratch: str, devices: list[str], cuda: bool
    ) -> None:
        try:
            import landlockpy
            import seccompy
        except ImportError as error:
            raise CannotConfine(
                f"the package {error.name} is not installed; pip install {error.name}"
            ) from None
        if landlock_abi() < MINIMUM_ABI:
            raise CannotConfine(f"the kernel has Landlock ABI {landlock_abi()}, {MINIMUM_ABI} is needed")
        fs = landlockpy.AccessFS
        scope = landlockpy.Scope
        self._ruleset = landlockpy.Ruleset(scoped=scope.ABSTRACT_UNIX_SOCKET | scope.SIGNAL)
        for path in listed:
            with contextlib.suppress(FileNotFoundError):
                self._ruleset.allow_path(path, fs.READ_DIR)
        for path in readable:
            with contextlib.suppress(FileNotFoundError):
                folder = fs.READ_DIR if Path(path).is_dir() else fs.NONE
                self._ruleset.allow_path(path, fs.READ_FILE | folder)
        for path in ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", *devices):
            with contextlib.suppress(FileNotFoundError, PermissionError):
                extra = fs.IOCTL_DEV if path in devices else fs.NONE
                self._ruleset.allow_path(path, fs.READ_FILE | fs.WRITE_FILE | extra)
        self._ruleset.allow_path(
            scratch, fs.READ_FILE | fs.READ_DIR | fs.WRITE_FILE | fs.MAKE_REG | fs.REMOVE_FILE | fs.TRUNCATE
        )
        self.scratch = scratch
        self._filter = _system_calls(seccompy, cuda)
        _ = self._filter.program  # compiled here, once
        # Warms what a first use loads lazily; the search for the C library would start processes in each child.
        seccompy.Filter().program  # noqa: B018
        seccompy.action_supported(seccompy.Action.ERRNO)

    @property
    def descriptor(self) -> int:
        """The one descriptor that has to stay open until `enter`."""
        return int(self._ruleset.fileno())

    def enter(self, limits: Limits) -> None:
        """Confines this process for good. Every step is checked; a wall with a hole is an error.

        Raises:
            OSError: A step failed; the caller must not go on.
        """
        os.chdir(self.scratch)
        os.umask(0o077)
        _limit(limits)
        _call("prctl", _PR_SET_PDEATHSIG, 9, 0, 0, 0)
        _drop_capabilities()
        self._ruleset.restrict()
        self._ruleset.close()
        self._filter.load()


def landlock_abi() -> int:
    """Version of the kernel's Landlock, 0 without it."""
    return max(0, int(_LIBC.syscall(444, None, 0, 1)))


def _system_calls(seccompy: Any, cuda: bool) -> Any:
    permitted = seccompy.Filter(default=seccompy.Action.ERRNO | errno.EPERM)
    names = [*_ALLOWED, *(_ALLOWED_FOR_CUDA if cuda else ())]
    for name in names:
        with contextlib.suppress(ValueError, KeyError, seccompy.SeccompError):
            permitted.allow(name)
    # glibc asks clone3 first, whose flags lie in memory where no filter sees them; told that there is no such
    # call it takes clone, and that is permitted for threads alone.
    permitted.errno("clone3", errno.ENOSYS)
    masked = seccompy.CmpOp.MASKED_EQ
    permitted.allow("clone", args=[(0, masked, _CLONE_THREAD, _CLONE_THREAD)])
    for option in (_PR_SET_NAME, _PR_GET_NAME):
        permitted.allow("prctl", args={0: option})
    permitted.allow("prlimit64", args={2: 0})  # reading limits, not setting them
    if not cuda:
        for request in _TERMINAL_IOCTLS:
            permitted.allow("ioctl", args={1: request})
    commands = (0, 1, 2, 3, 4, 1030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC
    for command in commands:
        permitted.allow("fcntl", args={1: command})
    return permitted


def _limit(limits: Limits) -> None:
    def fix(which: int, value: int) -> None:
        resource.setrlimit(which, (value, value))

    if limits.address_space:
        fix(resource.RLIMIT_AS, limits.address_space)
    # The hard limit is a second above the soft one, whose signal a program may catch.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    fix(resource.RLIMIT_FSIZE, FILE_SIZE)
    fix(resource.RLIMIT_NOFILE, OPEN_FILES)
    fix(resource.RLIMIT_CORE, 0)
    fix(resource.RLIMIT_MEMLOCK, 0)


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _call("capset", header, nothing)


def _call(name: str, *arguments: Any) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def close_other_descriptors(*kept: int) -> None:
    """Closes every descriptor but those given."""
    last = -1
    for descriptor in sorted(kept):
        if last + 1 < descriptor:  # an empty range from 0 would close everything
            os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
