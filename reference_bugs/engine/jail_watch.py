"""Looks at a running command in a jail: its processes, their memory, and the files of the jail.

The kernel's limits bind one process or one file. Here all of them are added up, a few times a second, from outside:
by numbers of processes in /proc and by walking the jail's folder. Nothing that the jail says of itself is used.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import stat
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from redgreenbench.reference_bugs.engine.inside.accounting import deleted_bytes, threads_of
from redgreenbench.reference_bugs.engine.jail import Jail, JailLimits, Run
from redgreenbench.reference_bugs.engine.jail_buffers import Buffers

__all__ = ["Usage", "Watch", "disk_usage"]

_DEPTH = 60
_KEPT_OPEN = 80
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_MOVED = 20
_END_SECONDS = 10
_FULL_FACTOR = 4
_FULL_FILES = 200_000
_MIB = 1 << 20
_MEMORY = ("RssAnon:", "RssShmem:", "VmSwap:", "VmPTE:")


@dataclass(frozen=True)
class Usage:
    """Files of a jail.

    Attributes:
        disk: Bytes that they take on disk.
        files: How many they are, folders and links included.
        unclear: What could not be counted; empty if everything was.
        moved: Whether folders were moved or deleted meanwhile, so that what lies below them may be missing.
    """

    disk: int
    files: int
    unclear: str = ""
    moved: bool = False

    def over(self, limits: JailLimits) -> str:
        """Which limit is exceeded, in words; empty if none."""
        if self.unclear:
            return self.unclear
        if self.disk > limits.disk:
            return f"its files take more than {limits.disk // _MIB} MiB"
        return f"it has more than {limits.files} files" if self.files > limits.files else ""


def disk_usage(jail: Jail, limits: JailLimits, depth_limit: int = _DEPTH) -> Usage:
    """Adds up a jail's files, and stops as soon as a limit is passed.

    Links are counted and not followed. A folder that cannot be read or lies too deep cannot be counted, and says so.
    """
    walk = _Walk(str(jail.files))
    try:
        return walk.usage(limits, depth_limit)
    finally:
        walk.close()


class _Walk:
    """A way through all folders of a jail, by descriptors: paths end at 4,096 bytes, and folders go deeper.

    The upper folders stay open. Below them only the one that is looked at is, and the way back is its ``..``, taken
    where that is the folder that it was.
    """

    def __init__(self, root: str) -> None:
        self._open = [os.open(root, _FOLDER)]  # the upper folders on the way, and the one that is looked at
        self._ids: list[tuple[int, int]] = []
        self._below: list[list[str]] = []

    def close(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)

    def usage(self, limits: JailLimits, depth_limit: int) -> Usage:
        disk = files = 0
        moved = False
        entered = True
        while True:
            if entered:
                below: list[str] = []
                try:
                    about = os.fstat(self._open[-1])
                    with os.scandir(self._open[-1]) as entries:
                        for entry in entries:
                            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                                status = entry.stat(follow_symlinks=False)
                                files += 1
                                disk += status.st_blocks * 512
                                if stat.S_ISDIR(status.st_mode):
                                    below.append(entry.name)
                            if disk > limits.disk or files > limits.files:
                                return Usage(disk, files)
                except OSError as error:
                    return Usage(disk, files, f"a folder cannot be counted ({error.strerror})")
                self._ids.append((about.st_dev, about.st_ino))
                self._below.append(below)
            if not self._below[-1]:
                moved = not self._up() or moved
                if not self._below:
                    return Usage(disk, files, moved=moved)
                entered = False
                continue
            if len(self._below) > depth_limit:
                return Usage(disk, files, f"its folders are nested more than {depth_limit} deep")
            try:
                entered = self._down(self._below[-1].pop())
            except OSError as error:
                return Usage(disk, files, f"a folder cannot be counted ({error.strerror})")

    def _down(self, name: str) -> bool:
        """Enters a folder; says whether it is still there."""
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=self._open[-1])
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            if error.errno == errno.ELOOP:  # a link by now
                return False
            raise
        if len(self._below) > _KEPT_OPEN:
            os.close(self._open.pop())
        self._open.append(descriptor)
        return True

    def _up(self) -> bool:
        """Goes back to the folder above; to one of those that stayed open where it is no longer there."""
        self._ids.pop()
        self._below.pop()
        if len(self._below) <= _KEPT_OPEN:
            os.close(self._open.pop())
            return True
        with contextlib.suppress(OSError):
            above = os.open("..", _FOLDER, dir_fd=self._open[-1])
            os.close(self._open.pop())
            self._open.append(above)
            about = os.fstat(above)
            if (about.st_dev, about.st_ino) == self._ids[-1]:
                return True
        os.close(self._open.pop())
        del self._ids[_KEPT_OPEN:], self._below[_KEPT_OPEN:]
        return False


@dataclass
class Watch:
    """Watches one command from its start to its end.

    Args:
        jail: The jail that it runs in.
        run: The command.
        full: Whether the jail was above its limits before, so that the command is for deleting.
        files: Whether files are watched; they need not be where the command is the harness's own.
    """

    jail: Jail
    run: Run
    full: bool = False
    files: bool = True
    _first: int = field(default=0, init=False)
    _looks: int = field(default=0, init=False)
    _since: float = field(default=0.0, init=False)
    _names: int = field(default=-1, init=False)
    _moved: int = field(default=0, init=False)
    _buffers: Buffers | None = field(default=None, init=False)

    @property
    def seconds(self) -> float:
        """Seconds since the command was first seen running."""
        return time.monotonic() - self._since if self._since else 0.0

    def look(self) -> str:
        """Which limit the command exceeds, in words; empty if none.

        Raises nothing: what ends while it is looked at uses nothing.
        """
        first = self._find_first()
        if not first:
            return ""
        self._buffers = self._buffers or Buffers(first)
        self._since = self._since or time.monotonic()
        limits = self.jail.limits
        processes = _descendants(first)
        threads = sum(_count(f"/proc/{pid}/task") for pid in processes)
        # The jail's own processes are not the command's: its first one and, for a moment, those that start it.
        if threads > limits.processes + 4:
            return f"it has more than {limits.processes} processes and threads"
        memory = sum(map(_memory, processes))
        try:
            memory += self._buffers.bytes(processes)
        except PermissionError:
            return "one of its processes cannot be looked at"
        if memory > limits.memory:
            return f"it uses more than {limits.memory // _MIB} MiB of memory"
        self._looks += 1
        # Files take longer to count than processes.
        if self.files and self._looks % 3 == 1:
            return self._look_at_files(processes)
        return ""

    def _look_at_files(self, processes: list[int]) -> str:
        limits = self.jail.limits
        if not self.full:
            usage = disk_usage(self.jail, limits)
            deleted = deleted_bytes(processes)
            return replace(usage, disk=usage.disk + deleted).over(limits)
        # No file can grow, so there are only names to bound, from where they were, however deep they lie.
        most = replace(limits, disk=sys.maxsize, files=max(_FULL_FACTOR * limits.files, _FULL_FILES))
        usage = disk_usage(self.jail, most, sys.maxsize)
        self._names = usage.files if self._names < 0 else self._names
        self._moved = self._moved + 1 if usage.moved else 0
        if self._moved > _MOST_MOVED:
            return "its folders are moved while they are counted"
        return usage.over(replace(most, files=min(most.files, self._names + limits.files)))

    def kill(self) -> None:
        """Ends every process of the command, and returns when all are gone.

        The jail's first process is its namespace's; the kernel ends the others with it, and that one last.
        """
        first = self._find_first()
        if not first:
            return
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(first)
            try:
                if not _is_ours(first):
                    return
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                select.select([handle], [], [], _END_SECONDS)
            finally:
                os.close(handle)

    def end(self) -> None:
        """Makes sure that nothing of the command is left, and forgets it."""
        self.kill()
        self.run.info.unlink(missing_ok=True)

    def _find_first(self) -> int:
        if not self._first:
            with contextlib.suppress(OSError, ValueError, KeyError):
                self._first = int(json.loads(self.run.info.read_text())["child-pid"])
        return self._first


def _is_ours(pid: int) -> bool:
    """Whether a number still means the first process of a jail, and no other that was given it afterwards."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return "Name:\tbwrap" in lines and len(numbers) > 1 and numbers[-1] == "1"


def _descendants(first: int) -> list[int]:
    pids, pending = [], [first]
    while pending:
        pid = pending.pop()
        pids.append(pid)
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    pending += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return pids


def _count(folder: str) -> int:
    try:
        return len(os.listdir(folder))
    except OSError:
        return 0


def _memory(pid: int) -> int:
    """Bytes of a process that are no file's: its own, those shared with others, and the tables that say where they are."""
    for task in threads_of(pid):
        try:
            lines = Path(f"/proc/{pid}/task/{task}/status").read_text().splitlines()
        except OSError:
            continue
        sizes = [int(line.split()[1]) for line in lines if line.startswith(_MEMORY)]
        if sizes:
            return sum(sizes) * 1024
    return 0
