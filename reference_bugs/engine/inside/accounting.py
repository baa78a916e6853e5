"""What the kernel says of processes: how long they ran, or would have run on a free processor, and what they hold open."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

STATUS = {"done": 0, "timeout": 3, "rested": 4, "busy": 5, "no torch": 6}
"""Exit statuses of `runner` and what they say of the submission that it ran; any other: the runner itself was ended."""


def own_seconds(pid: int) -> float | None:
    """Seconds that the busiest thread of a process ran or waited for a processor; None where the kernel does not say.

    From the account of each thread, ``/proc/<pid>/task/<tid>/schedstat`` (nanoseconds on a processor, nanoseconds
    waiting for one). CPU seconds of the whole process are the least that it can be: threads that ended count as well.
    """
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        busiest = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") / max(1, len(os.sched_getaffinity(0)))
        for thread in threads_of(pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                ran, queued, _ = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()
                busiest = max(busiest, (int(ran) + int(queued)) / 1e9)
    except OSError:
        return None
    return busiest


def open_files(pid: int) -> list[str]:
    """Paths in /proc of the descriptors of a process.

    Raises:
        PermissionError: They cannot be looked at.
    """
    # Where the first thread has ended only the others show what is open; in a jail they share it, see `jail_calls`.
    for task in threads_of(pid):
        folder = f"/proc/{pid}/task/{task}/fd"
        try:
            if names := os.listdir(folder):
                return [f"{folder}/{name}" for name in names]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return []


def threads_of(pid: int) -> list[str]:
    """The threads of a process, its first one before the others."""
    try:
        return sorted(os.listdir(f"/proc/{pid}/task"), key=lambda task: task != str(pid))
    except OSError:
        return []


def deleted_bytes(processes: list[int]) -> int:
    """Bytes of files that were deleted and are still open: on disk, and in no folder."""
    sizes: dict[tuple[int, int], int] = {}
    paths: list[str] = []
    for pid in processes:
        with contextlib.suppress(PermissionError):  # bubblewrap's own
            paths += open_files(pid)
    for path in paths:
        with contextlib.suppress(OSError):
            about = os.stat(path)
            if stat.S_ISREG(about.st_mode) and about.st_nlink == 0:
                sizes[about.st_dev, about.st_ino] = about.st_blocks * 512
    return sum(sizes.values())
