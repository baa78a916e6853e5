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
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["GraderError", "Pool", "Relay", "Worker"]

_HEADER = struct.Struct(">4sIQ")
_START_SECONDS = 180.0
Relay = Callable[[bytes, float], tuple[str, bytes]]
"""Runs a frame in another sandbox: (frame, seconds) to (outcome, answer), see `checker.answered`."""


class GraderError(Exception):
    """The grader failed; the program is neither right nor wrong by it. The message gives the reason."""


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
        self,
        bug: str,
        source: str,
        seed: int | None = None,
        threads: int = 1,
        seconds: float = 300.0,
        relay: Relay | None = None,
        brief: bool = False,
    ) -> dict[str, Any]:
        """Grades one program.

        Args:
            bug: Name of a bug, or path of a folder of that form.
            source: The program.
            seed: For the inputs; none: one that the checker draws for this grade.
            threads: Threads of torch, on both sides.
            seconds: Time limit of the grader itself.
            relay: Runs what the checker sends out, in the mode ``relay``.
            brief: Whether a failure ends the grade as soon as it is known if the symptom is gone.

        Returns:
            Findings, engine, sizes of the edit, and usage and output where this machine ran it.

        Raises:
            GraderError: The machinery failed, took too long, or the bug's folder is flawed.
        """
        deadline = time.monotonic() + seconds
        self._send({"bug": bug, "seed": seed, "threads": threads, "brief": brief, "source": source})
        while True:
            reply = self._receive(deadline)
            if "relay" not in reply:
                break
            frame = self._exactly(int(reply["bytes"]), deadline)
            self._answer_relay(relay, frame, float(reply["seconds"]))
        for key in ("infrastructure", "flaw"):
            if key in reply:
                raise GraderError(reply[key])
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
        text = json.dumps(message).encode(errors="surrogatepass")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(_HEADER.pack(b"RGB1", len(text), 0) + text + data)
            self._process.stdin.flush()
        except OSError as error:
            raise GraderError(f"the grader ended: {self._last_words()}") from error

    def _receive(self, deadline: float) -> dict[str, Any]:
        _, size, blob = _HEADER.unpack(self._exactly(_HEADER.size, deadline))
        message: dict[str, Any] = json.loads(self._exactly(size, deadline))
        self._exactly(blob, deadline)
        return message

    def _exactly(self, size: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        parts = []
        while size:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([descriptor], [], [], remaining)[0]:
                raise GraderError("the grader took too long")
            part = os.read(descriptor, min(size, 1 << 20))
            if not part:
                raise GraderError(f"the grader ended: {self._last_words()}")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

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

    def grade(
        self,
        bug: str,
        source: str,
        seed: int | None = None,
        threads: int = 1,
        seconds: float = 300.0,
        relay: Relay | None = None,
        brief: bool = False,
    ) -> dict[str, Any]:
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
                    return worker.grade(bug, source, seed, threads, seconds, relay, brief)
                except GraderError:
                    if worker is not None:
                        self._retire(worker)
                        worker = None
                    if attempt == 2:
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
