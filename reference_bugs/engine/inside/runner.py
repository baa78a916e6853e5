"""Runs a submission inside a sandbox that is not ours (docker, k8s, …): torch starts once, and all questions are asked.

Usage: ``python3 runner.py request.bin answer.bin`` in the folder that holds it and the modules that it imports. The
submission runs in a forked child, and its answers are written one after the other, so that those before its end count.
The exit status is this process's own (see `accounting.STATUS`). The answers prove nothing by themselves, as in our own
sandbox.
"""

from __future__ import annotations

import functools
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent))

if TYPE_CHECKING:
    from redgreenbench.reference_bugs.engine.inside import accounting, child, wire
else:
    import accounting

    try:
        import child
        import wire
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(accounting.STATUS["no torch"])


def main(request: str, answer: str) -> int:
    """Reads a request, has its program loaded and its questions asked, and returns how that ended."""
    message = wire.unpack(Path(request).read_bytes())
    os.unlink(request)
    pid = os.fork()
    if not pid:
        _run(message, answer)
    return accounting.STATUS[_watch(pid, message)]


def _watch(pid: int, message: dict[str, Any]) -> str:
    started = time.monotonic()
    while True:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            over = used.ru_utime + used.ru_stime >= message["seconds"]
            return "timeout" if over or os.waitstatus_to_exitcode(status) == -signal.SIGXCPU else "done"
        waited, own = time.monotonic() - started, accounting.own_seconds(pid)
        rested = own is not None and waited - own > message["rest"]
        if rested or waited > message["wall"]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return "rested" if rested else "busy"
        time.sleep(0.02)


def _run(message: dict[str, Any], answer: str) -> NoReturn:
    """Runs in the child; never returns."""
    try:
        seconds = message["seconds"]
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        submission = child.Submission(message)
        with open(answer, "ab", buffering=0) as out:
            out.write(child.pack_result(f"{message['nonce']}:0", submission.load))
            for number, question in enumerate(message["questions"] if submission.loaded else (), 1):
                ask = functools.partial(submission.answer, question)
                out.write(child.pack_result(f"{message['nonce']}:{number}", ask))
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
