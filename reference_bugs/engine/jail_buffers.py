"""Bytes that a command may hold in the kernel: in buffers of sockets and pipes, which no process's account shows.

What a buffer holds cannot be seen for all of them (a connection that was reset keeps what it received, and is in no
list), so each socket and each pipe counts as much as it can hold. The filter of system calls keeps programs from making
them larger; those of TCP grow by themselves, up to a setting of the jail's own network that is set here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

from redgreenbench.reference_bugs.engine.inside.accounting import open_files

__all__ = ["Buffers"]

_KIB = 1 << 10
_PIPE = 64 * _KIB
# Most bytes of a connection's two buffers: as many as every connection starts with to receive, and some to send.
_TCP = {"tcp_rmem": f"4096 {128 * _KIB} {128 * _KIB}", "tcp_wmem": f"4096 {16 * _KIB} {128 * _KIB}"}
_QUEUED = 12  # datagrams of as many senders that a unix socket keeps, also of senders that are gone
_STREAM = "0001"
_MOST_CLOSED = 20
_NEW_NET = 0x40000000
_GET_OWNER = 0xB701
# A process of its own, since only one without threads can enter a user namespace.
_ENTER = """
import ctypes, fcntl, os, sys
libc = ctypes.CDLL(None, use_errno=True)
net = os.open(sys.argv[1], os.O_RDONLY)
user = fcntl.ioctl(net, {owner})
if libc.setns(user, 0x10000000) or libc.setns(net, {net}):
    sys.exit(os.strerror(ctypes.get_errno()))
for name, value in {settings}.items():
    open("/proc/sys/net/ipv4/" + name, "w").write(value)
"""


class Buffers:
    """Counts the buffers of one command's processes.

    Args:
        first: The first process of the jail, as this machine numbers it.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self._tcp = 0
        self._closed: dict[int, int] = {}

    def bytes(self, processes: list[int]) -> int:
        """Upper bound of the bytes in sockets and pipes of these processes, including bytes in transit between them.

        Raises:
            PermissionError: A process could not be looked at many times in a row, as programs that nobody may read.
        """
        sockets, pipes = self._descriptors([pid for pid in processes if pid != self._first])
        kinds = self._unix()
        connections = self._connections()
        held = len(pipes) * _PIPE
        if not (sockets or kinds or connections):
            return held
        plain = _default("wmem_default") + _default("rmem_default") + _default("optmem_max")
        for kind in kinds.values():
            held += plain if kind == _STREAM else _QUEUED * _default("wmem_default")
        others = sockets - set(kinds) | set(connections)
        if others and not self._tcp:
            self._tcp = self._bound_tcp()
        each = max(plain, self._tcp)
        return held + len(others) * each + sum(max(0, size - each) for size in connections.values())

    def _descriptors(self, processes: list[int]) -> tuple[set[str], set[str]]:
        """Numbers of the sockets and of the pipes that processes have open."""
        numbers: dict[str, set[str]] = {"socket": set(), "pipe": set()}
        closed = {}
        for pid in processes:
            try:
                paths = open_files(pid)
            except PermissionError:
                closed[pid] = self._closed.get(pid, 0) + 1
                if closed[pid] > _MOST_CLOSED:
                    raise
                continue
            for path in paths:
                with contextlib.suppress(OSError):
                    kind, _, number = os.readlink(path).partition(":")
                    if kind in numbers:
                        numbers[kind].add(number.strip("[]"))
        self._closed = closed
        return numbers["socket"], numbers["pipe"]

    def _unix(self) -> dict[str, str]:
        """Number and kind of every unix socket of the jail's network, those included that no process has open."""
        lines = _text(f"/proc/{self._first}/net/unix").splitlines()[1:]
        fields = [line.split() for line in lines]
        return {field[6]: field[4] for field in fields if len(field) > 6}

    def _connections(self) -> dict[str, int]:
        """TCP sockets and the bytes that wait in them, those included that no process has open.

        These are not accepted yet, or closed with bytes still to send, and have no number of their own.
        """
        waiting = {}
        for name in ("tcp", "tcp6"):
            for line in _text(f"/proc/{self._first}/net/{name}").splitlines()[1:]:
                fields = line.split()
                if fields[3] in ("03", "06"):  # half open and timed wait: without buffers
                    continue
                number = fields[9] if fields[9] != "0" else f"{name}-{fields[0]}"
                waiting[number] = sum(int(part, 16) for part in fields[4].split(":"))
        return waiting

    def _bound_tcp(self) -> int:
        """Bounds the buffers of the jail's TCP sockets, and says how large the two of one become."""
        place = f"/proc/{self._first}/ns/net"
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if os.geteuid() == 0:
                _in_a_thread(place)
            else:
                code = _ENTER.format(owner=_GET_OWNER, net=_NEW_NET, settings=_TCP)
                command = [sys.executable, "-I", "-S", "-c", code, place]
                subprocess.run(command, capture_output=True, timeout=20, check=True)
            return sum(int(value.split()[2]) for value in _TCP.values())
        return sum(int(_text(f"/proc/sys/net/ipv4/{name}").split()[2]) for name in _TCP)


def _in_a_thread(place: str) -> None:
    """Writes the settings from a thread that enters the network and ends there."""
    problems: list[OSError] = []

    def write() -> None:
        try:
            with open(place, "rb") as net:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(net.fileno(), _NEW_NET):
                    raise OSError(ctypes.get_errno(), "setns")
            for name, value in _TCP.items():
                Path("/proc/thread-self/root/proc/sys/net/ipv4", name).write_text(value)
        except OSError as error:
            problems.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]


@cache
def _default(name: str) -> int:
    return int(_text(f"/proc/sys/net/core/{name}") or 256 * _KIB)


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
