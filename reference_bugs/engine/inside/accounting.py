"""What the kernel says of a process's time: how long it ran, or would have run had a processor been free."""

from __future__ import annotations

import contextlib
import os
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
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                ran, queued, _ = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()
                busiest = max(busiest, (int(ran) + int(queued)) / 1e9)
    except OSError:
        return None
    return busiest
