"""Grades the right fix of every bug while other processes take the cores, to see that load fails no fix.

Run from a checkout: ``python benchmarks/load.py [--times 4] [--rounds 3] [--bug NAME]``. It starts so many busy processes
per core, grades each reference so many times with and without them, and prints how grades ended and how long they took.
Exits with 1 where load turned a right fix into a failed one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from redgreenbench.reference_bugs.engine.host import choose_mode
from redgreenbench.reference_bugs.engine.pool import GraderError, Pool, Request
from redgreenbench.reference_bugs.folder import bug_folder, bug_names


@contextmanager
def busy_processes(processes: int) -> Iterator[None]:
    """So many processes that never rest."""
    # Each in a session of its own, since the kernel shares processors out between sessions first.
    running = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
        for _ in range(processes)
    ]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def graded_fix(pool: Pool, name: str) -> tuple[str, float, float]:
    """How a grade of the right fix ends, its seconds by the clock, and its CPU seconds."""
    bug = bug_folder(name)
    start = time.monotonic()
    try:
        answer = pool.grade(Request(str(bug.path), bug.mended_files))
    except GraderError as error:
        return "too busy" if error.busy else f"not graded: {error}", time.monotonic() - start, 0.0
    findings = answer["findings"]
    failed = next((check["message"] for check in findings["checks"] if check["outcome"] == "fail"), "")
    ended = f"{name}: {findings['message'] or failed}" if failed or findings["message"] else "pass"
    return ended, time.monotonic() - start, float(answer["usage"]["cpu"])


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=4, help="busy processes per core")
    parser.add_argument("--rounds", type=int, default=3, help="grades of each fix")
    parser.add_argument("--bug", action="append", help="name of a bug; default: all")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    names = options.bug or list(bug_names(private=False))
    jobs = names * options.rounds
    results: dict[str, list[tuple[str, float, float]]] = {}
    with Pool(cores, choose_mode()) as pool, ThreadPoolExecutor(cores) as threads:
        list(
            threads.map(lambda name: graded_fix(pool, name), names[:cores])
        )  # workers are warm before anything counts
        results["idle"] = list(threads.map(lambda name: graded_fix(pool, name), jobs))
        with busy_processes(options.times * cores):
            results["loaded"] = list(threads.map(lambda name: graded_fix(pool, name), jobs))
    ends = {load: Counter(ended for ended, _, _ in endings) for load, endings in results.items()}
    wall, cpu = (
        statistics.median(b[i] / a[i] for a, b in zip(*results.values(), strict=True) if b[2]) for i in (1, 2)
    )
    result = {
        "cores": cores,
        "busy_processes": options.times * cores,
        "grades": len(jobs),
        **{f"{load}_passed": endings["pass"] for load, endings in ends.items()},
        **{f"{load}_too_busy": endings["too busy"] for load, endings in ends.items()},
        "wall_ratio": round(wall, 2),
        "cpu_ratio": round(cpu, 2),
    }
    failed = [ended for endings in ends.values() for ended in endings if ended not in ("pass", "too busy")]
    if options.json:
        print(json.dumps({**result, "failed": failed}, indent=2))
    else:
        print("\n".join(f"{key:16} {value}" for key, value in result.items()))
        print("\n".join(failed) or "no fix failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
