"""The trusted process of a worker: holds references and checks, drives one sandbox, answers with findings.

Requests and answers are frames of `inside.wire` on its standard input and output. It is started by
`redgreenbench.reference_bugs.engine.pool`, one per worker, so that torch never runs in the caller's process.
"""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from redgreenbench.reference_bugs.checking import Check
from redgreenbench.reference_bugs.edit_size import edit_size
from redgreenbench.reference_bugs.engine.child import Child
from redgreenbench.reference_bugs.engine.inside import wire
from redgreenbench.reference_bugs.engine.outcome import Budget, EngineError, answered
from redgreenbench.reference_bugs.engine.zygote import Zygote
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder, read_folder
from redgreenbench.reference_bugs.grading import Trusted, judge, load_checks, patched
from redgreenbench.reference_bugs.printable import printable

__all__ = ["Checker", "main"]


class _Confined:
    """A submission in a child of the sandbox; a new child where the last one was ended by a check."""

    def __init__(self, zygote: Zygote, source: str, bug: BugFolder, threads: int, device: str) -> None:
        self._zygote = zygote
        self._load = (source, bug.probe, threads, device)
        self._budget = Budget(float(bug.about["seconds"]), int(bug.about["memory_mb"]) << 20)
        self._child: Child | None = None
        self.cpu = 0.0
        self.peak = 0
        self.output = b""

    def start(self) -> _Confined:
        """Loads the submission.

        Raises:
            SubmissionFailed: It cannot be loaded.
        """
        self._child = self._zygote.fork(self._budget)
        self._child.load(*self._load)
        return self

    def ask(self, probe: str, inputs: dict[str, Any], seed: int) -> dict[str, Any]:
        """Runs a probe behind the wall."""
        assert self._child is not None
        return self._child.ask(probe, inputs, seed)

    def end(self) -> None:
        """Ends the child and keeps what it used."""
        if self._child is not None:
            usage = self._child.end()
            self.cpu, self.peak, self.output = usage.cpu, usage.peak, self._child.output
            self._child = None


class _Relayed:
    """A submission that somebody else runs, in a sandbox of theirs: questions go out, answers come in."""

    def __init__(self, checker: Checker, source: str, bug: BugFolder, threads: int, device: str) -> None:
        self._checker = checker
        self._load = {"program": source, "probe_source": bug.probe, "threads": threads, "device": device}
        self._seconds = float(bug.about["seconds"])

    def start(self) -> _Relayed:
        """Loads the submission once, to see whether it can be."""
        self._exchange({})
        return self

    def ask(self, probe: str, inputs: dict[str, Any], seed: int) -> dict[str, Any]:
        """Has a probe run elsewhere."""
        return self._exchange({"probe": probe, "inputs": inputs, "seed": seed})

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        nonce = os.urandom(8).hex()
        frame = wire.pack({**self._load, **request, "nonce": nonce})
        outcome, answer = self._checker.relay(frame, self._seconds)
        return answered(outcome, answer, nonce, self._seconds)


def _edit(before: str, after: str) -> dict[str, int] | None:
    try:
        return asdict(edit_size(before, after))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class Checker:
    """Grades submissions one after the other.

    Args:
        mode: How submissions are confined, see `redgreenbench.reference_bugs.engine.host`; ``relay``: elsewhere.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, mode: str, device: str = "cpu") -> None:
        self._mode = mode
        self._device = device
        self._zygote: Zygote | None = None
        self._checks: dict[str, list[Check]] = {}
        self._source = sys.stdin.fileno()
        self._sink = -1

    def start(self) -> None:
        """Starts the sandbox."""
        if self._mode != "relay" and self._zygote is None:
            self._zygote = Zygote(self._mode, cuda=self._device == "cuda")

    def grade(self, request: dict[str, Any]) -> dict[str, Any]:
        """Grades one program.

        Args:
            request: bug (a name or a folder), source, seed (None: its own), threads, and brief where not all is asked.

        Raises:
            EngineError: The machinery failed.
        """
        name = str(request["bug"])
        bug = read_folder(Path(name)) if os.sep in name else bug_folder(name)
        source = str(request["source"])
        where = str(bug.path)
        if where not in self._checks:
            self._checks[where] = load_checks(bug.checks)
        threads = int(request["threads"])
        torch.set_num_threads(threads)
        reference = Trusted(patched(bug, bug.reference.text), bug.probe, threads, self._device)
        # Drawn here, so that nobody knows the inputs beforehand; a grade can be repeated with what it was.
        seed = secrets.randbits(53) if request["seed"] is None else int(request["seed"])
        submission: _Confined | _Relayed
        if self._zygote is None:
            submission = _Relayed(self, source, bug, threads, self._device)
        else:
            submission = _Confined(self._zygote, source, bug, threads, self._device)
        start: Any = submission.start
        try:
            findings = judge(
                bug,
                start,
                reference,
                self._checks[where],
                str(seed),
                self._device,
                bool(request.get("brief")),
            )
        finally:
            if isinstance(submission, _Confined):
                submission.end()
        answer: dict[str, Any] = {
            "findings": findings.as_dict(),
            "edit": _edit(bug.program, source),
            "reference_edit": _edit(bug.program, patched(bug, bug.reference.text)),
            "engine": {
                "mode": self._mode,
                "device": self._device,
                "torch": torch.__version__,
                "threads": threads,
                "seed": seed,
            },
        }
        if isinstance(submission, _Confined):
            answer["usage"] = {"cpu": submission.cpu, "peak": submission.peak}
            answer["output"] = submission.output[-2000:].decode(errors="replace")
        return answer

    def relay(self, frame: bytes, seconds: float) -> tuple[str, bytes]:
        """Sends a frame out to be run elsewhere; returns how that went and what came back."""
        self._write({"relay": True, "seconds": seconds, "bytes": len(frame)})
        wire.send(self._sink, frame)
        try:
            answer = wire.unpack(wire.receive(self._source))
        except wire.WireError as error:
            raise EngineError(f"the caller is gone: {error}") from error
        if "infrastructure" in answer:
            raise EngineError(str(answer["infrastructure"]))
        size = int(answer["bytes"])
        data = b""
        while len(data) < size:
            part = os.read(self._source, min(size - len(data), 1 << 20))
            if not part:
                raise EngineError("the caller is gone")
            data += part
        return str(answer["outcome"]), data

    def _write(self, message: dict[str, Any]) -> None:
        wire.send(self._sink, wire.pack(message))

    def serve(self) -> None:
        """Answers requests until standard input closes."""
        # Whatever a reference prints must not end up among the answers.
        self._sink = os.dup(1)
        os.dup2(2, 1)
        try:
            self.start()
        except EngineError as error:
            self._write({"infrastructure": str(error)})
            return
        self._write({"ready": True, "zygote": self._zygote.pid if self._zygote else 0})
        while True:
            try:
                request = wire.unpack(wire.receive(self._source))
            except wire.Closed:
                break
            try:
                answer = self.grade(request)
            except EngineError as error:
                answer = {"infrastructure": str(error)}
            except Exception as error:  # a flaw in a check or a folder must not be taken for a wrong fix
                answer = {"flaw": printable(f"{type(error).__name__}: {error}")}
            self._write(answer)
        if self._zygote is not None:
            self._zygote.close()


def main() -> None:
    """Entry point: ``python -m redgreenbench.reference_bugs.engine.checker MODE DEVICE``."""
    mode, device = sys.argv[1], sys.argv[2]
    Checker(mode, device).serve()


if __name__ == "__main__":
    main()
