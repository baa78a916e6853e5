"""The caller's side: starts workers, hands them programs, and brings back findings or the reason for none.

It imports no torch. A worker is a checker process with its sandbox; a pool starts them when they are first
needed, one program at a time each. A worker whose machinery fails is replaced and the grade tried once more;
what fails twice is an `EngineError`, never a verdict.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from redgreenbench.reference_bugs.engine.inside import framing
from redgreenbench.reference_bugs.files import Files

__all__ = ["GraderError", "Pool", "Relay", "Request", "Worker"]

_START_SECONDS = 180.0
# Far above any limit of a submission, also on a busy machine: what is not back by then hangs.
_GRADE_SECONDS = 1800.0
Relay = Callable[[bytes, float], tuple[str, bytes]]
"""Runs a frame in another sandbox: (frame, seconds) to (outcome, answer), see `checker.answered`."""


class GraderError(Exception):
    """The grader failed; the program is neither right nor wrong by it. The message gives the reason.

    Args:
        busy: Whether nothing failed, but the machine let the program run too little.
    """

    def __init__(self, reason: str, busy: bool = False) -> None:
        super().__init__(reason)
        self.busy = busy


@dataclass(frozen=True)
class Request:
    """One program to grade.

    Attributes:
        bug: Name of a bug, or path of a folder of that form.
        source: The program: its files, or the text of a single one.
        seed: For the inputs; none: one that the checker draws for this grade.
        threads: Threads of torch, on both sides.
        brief: Whether a failure ends the grade as soon as it is known if the symptom is gone.
    """

    bug: str
    source: str | Files
    seed: int | None = None
    threads: int = 1
    brief: bool = False


class Worker:
    """One checker process.

    Args:
        mode: How submissions are confined; ``relay``: by whoever calls `grade`.
        device: ``cpu`` or ``cuda``.

    Raises:
        GraderError: It did not start.
    """

    def __init__(self, mode: str, device: str = "cpu") -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "2",
            "GOMP_SPINCOUNT": "2000",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "redgreenbench.reference_bugs.engine.checker", mode, device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            start_new_session=True,
        )
        try:
            ready = self._receive(time.monotonic() + _START_SECONDS)
        except BaseException:
            self.close()
            raise
        if "infrastructure" in ready:
            self.close()
            raise GraderError(ready["infrastructure"])
        self.pids = (self._process.pid, int(ready["zygote"]))

    def grade(
        self, request: Request, relay: Relay | None = None, seconds: float = _GRADE_SECONDS
    ) -> dict[str, Any]:
        """Grades one program.

        Args:
            request: The program.
            relay: Runs what the checker sends out, in the mode ``relay``.
            seconds: After how long the checker counts as hanging.

        Returns:
            Findings, engine, sizes of the edit, and usage and output where this machine ran it.

        Raises:
            GraderError: The machinery failed, took too long, or the bug's folder is flawed.
        """
        deadline = time.monotonic() + seconds
        self._send(asdict(request))
        while True:
            reply = self._receive(deadline)
            if "relay" not in reply:
                break
            frame = self._read(int(reply["relay"]), deadline)
            self._answer_relay(relay, frame, float(reply["seconds"]))
        for key in ("infrastructure", "flaw"):
            if key in reply:
                raise GraderError(reply[key], busy=bool(reply.get("busy")))
        return reply

    def _answer_relay(self, relay: Relay | None, frame: bytes, seconds: float) -> None:
        assert relay is not None
        try:
            outcome, data = relay(frame, seconds)
        except Exception as error:
            self._send({"infrastructure": f"{type(error).__name__}: {error}"})
            return
        self._send({"outcome": outcome, "bytes": len(data)}, data)

    def _send(self, message: dict[str, Any], data: bytes = b"") -> None:
        text = json.dumps(message).encode()
        assert self._process.stdin is not None
        try:
            framing.send(self._process.stdin.fileno(), framing.frame_header(len(text), 0) + text + data)
        except framing.WireError as error:
            raise GraderError(f"the grader ended: {self._last_words()}") from error

    def _receive(self, deadline: float) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._read(None, deadline)[framing.HEADER.size :])
        return message

    def _read(self, size: int | None, deadline: float) -> bytes:
        """So many bytes, or a frame."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        try:
            if size is None:
                return framing.receive(descriptor, deadline)
            return framing.read_exactly(descriptor, size, deadline)
        except framing.Late as error:
            raise GraderError("the grader took too long") from error
        except framing.WireError as error:
            raise GraderError(f"the grader ended: {self._last_words()}") from error

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"

    def close(self) -> None:
        """Ends the process and its sandbox."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


class Pool:
    """Workers for concurrent callers; safe to use from several threads.

    Args:
        size: Most workers at a time.
        mode: How submissions are confined.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, size: int, mode: str, device: str = "cpu") -> None:
        self._kind = (mode, device)
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._workers: list[Worker] = []
        for _ in range(size):
            self._idle.put(None)

    def grade(self, request: Request, relay: Relay | None = None) -> dict[str, Any]:
        """Grades one program with whichever worker is free, see `Worker.grade`.

        Raises:
            GraderError: It failed twice.
        """
        worker = self._idle.get()
        try:
            for attempt in (1, 2):
                try:
                    if worker is None:
                        worker = Worker(*self._kind)
                        with self._lock:
                            self._workers.append(worker)
                    return worker.grade(request, relay)
                except GraderError as error:
                    if worker is not None and not error.busy:
                        self._retire(worker)
                        worker = None
                    if attempt == 2:
                        raise
                except BaseException:
                    # Its answer may still come, and would be taken for the next one's.
                    if worker is not None:
                        self._retire(worker)
                        worker = None
                    raise
            raise AssertionError("unreachable")
        finally:
            self._idle.put(worker)

    def _retire(self, worker: Worker) -> None:
        with self._lock:
            if worker in self._workers:
                self._workers.remove(worker)
        worker.close()

    def close(self) -> None:
        """Ends all workers."""
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
