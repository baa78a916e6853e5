"""Looks at a running command in a jail: its processes, their memory, and the files of the jail.

The kernel's limits bind one process or one file. Here all of them are added up, a few times a second, from outside:
by numbers of processes in /proc and by walking the jail's folder. Nothing that the jail says of itself is used.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import stat
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from redgreenbench.reference_bugs.engine.jail import Jail, JailLimits, Run

__all__ = ["Usage", "Watch", "disk_usage"]

_DEPTH = 60
_END_SECONDS = 10
_FULL_FACTOR = 4
_FULL_FILES = 200_000
_MIB = 1 << 20


@dataclass(frozen=True)
class Usage:
    """Files of a jail.

    Attributes:
        disk: Bytes that they take on disk.
        files: How many they are, folders and links included.
        unclear: What could not be counted; empty if everything was.
    """

    disk: int
    files: int
    unclear: str = ""

    def over(self, limits: JailLimits) -> str:
        """What is above its limit, in words; empty if nothing is."""
        if self.unclear:
            return self.unclear
        if self.disk > limits.disk:
            return f"its files take more than {limits.disk // _MIB} MiB"
        return f"it has more than {limits.files} files" if self.files > limits.files else ""


def disk_usage(jail: Jail, limits: JailLimits, depth_limit: int = _DEPTH) -> Usage:
    """Adds up a jail's files, and stops as soon as a limit is passed.

    Links are counted and not followed. A folder that cannot be read or lies too deep cannot be counted, and says so.
    """
    disk = files = 0
    pending = [(str(jail.files), 0)]
    while pending:
        folder, depth = pending.pop()
        if depth > depth_limit:
            return Usage(disk, files, f"its folders are nested more than {depth_limit} deep")
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    about = entry.stat(follow_symlinks=False)
                    files += 1
                    disk += about.st_blocks * 512
                    if stat.S_ISDIR(about.st_mode):
                        pending.append((entry.path, depth + 1))
                    if disk > limits.disk or files > limits.files:
                        return Usage(disk, files)
        except (FileNotFoundError, NotADirectoryError):
            continue  # deleted meanwhile
        except OSError as error:
            return Usage(disk, files, f"a folder cannot be counted ({error.strerror})")
    return Usage(disk, files)


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

    @property
    def seconds(self) -> float:
        """How long the command runs, since the first look that saw it."""
        return time.monotonic() - self._since if self._since else 0.0

    def look(self) -> str:
        """What the command uses more of than it may, in words; empty if nothing.

        Raises nothing: what ends while it is looked at uses nothing.
        """
        first = self._find_first()
        if not first:
            return ""
        self._since = self._since or time.monotonic()
        limits = self.jail.limits
        processes = _descendants(first)
        threads = sum(_count(f"/proc/{pid}/task") for pid in processes)
        # The jail's own processes are not the command's: its first one and, for a moment, those that start it.
        if threads > limits.processes + 4:
            return f"it has more than {limits.processes} processes and threads"
        if sum(map(_memory, processes)) > limits.memory:
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
            deleted = _deleted_bytes(processes)
            return replace(usage, disk=usage.disk + deleted).over(limits)
        # No file can grow, so there are only names to bound, from where they were.
        most = replace(limits, disk=sys.maxsize, files=max(_FULL_FACTOR * limits.files, _FULL_FILES))
        usage = disk_usage(self.jail, most, _FULL_FACTOR * _DEPTH)
        self._names = usage.files if self._names < 0 else self._names
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
    found, pending = [], [first]
    while pending:
        pid = pending.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    pending += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


def _count(folder: str) -> int:
    try:
        return len(os.listdir(folder))
    except OSError:
        return 0


def _memory(pid: int) -> int:
    """Bytes of a process that are no file's: its own, and those shared with other processes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def _deleted_bytes(processes: list[int]) -> int:
    """Bytes of files that were deleted and are still open: on disk, and in no folder."""
    found: dict[tuple[int, int], int] = {}
    for pid in processes:
        folder = f"/proc/{pid}/fd"
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                with contextlib.suppress(OSError):
                    about = os.stat(f"{folder}/{name}")
                    if stat.S_ISREG(about.st_mode) and about.st_nlink == 0:
                        found[about.st_dev, about.st_ino] = about.st_blocks * 512
    return sum(found.values())
