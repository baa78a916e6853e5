"""The trusted process of a worker: holds references and checks, drives one sandbox, answers with findings.

Requests and answers are frames of `inside.wire` on its standard input and output. It is started by
`redgreenbench.reference_bugs.engine.pool`, one per worker, so that torch never runs in the caller's process.
"""

from __future__ import annotations

import math
import os
import secrets
import select
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from redgreenbench.reference_bugs.checking import Check
from redgreenbench.reference_bugs.edit_size import edit_size
from redgreenbench.reference_bugs.engine.child import Child
from redgreenbench.reference_bugs.engine.inside import framing, wire
from redgreenbench.reference_bugs.engine.outcome import Budget, EngineError, MachineBusy, answer_value
from redgreenbench.reference_bugs.engine.pool import Request
from redgreenbench.reference_bugs.engine.zygote import Zygote
from redgreenbench.reference_bugs.files import Files, as_files
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder, read_folder
from redgreenbench.reference_bugs.grading import TrustedProgram, judge, load_checks
from redgreenbench.reference_bugs.printable import printable

__all__ = ["Checker", "main"]

# Bugs and seeds whose references' answers are kept, some megabytes each.
_REMEMBERED = 6


class _ConfinedSubmission:
    """A submission in a child of the sandbox; a new child where the last one was ended by a check."""

    def __init__(self, zygote: Zygote, files: Files, bug: BugFolder, threads: int, device: str) -> None:
        self._zygote = zygote
        self._load = (files, bug.entry, bug.probe, threads, device)
        self._budget = _budget(bug)
        self._child: Child | None = None
        self.cpu = 0.0
        self.peak = 0
        self.output = b""

    def start(self) -> _ConfinedSubmission:
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


class _RecordedReference:
    """The reference in the place of a submission; keeps what it is asked."""

    def __init__(self, reference: TrustedProgram) -> None:
        self._reference = reference
        self.questions: list[dict[str, Any]] = []

    def ask(self, probe: str, inputs: dict[str, Any], seed: int) -> dict[str, Any]:
        """Runs a probe here."""
        self.questions.append({"probe": probe, "inputs": inputs, "seed": seed})
        return self._reference.ask(probe, inputs, seed)


class _RelayedSubmission:
    """A submission that somebody else runs, in a sandbox of theirs: questions go out, answers come in.

    All questions go out at once, so that torch starts once there. They are those that the reference is asked with the
    same random numbers; one that hangs on an earlier answer goes out by itself.
    """

    def __init__(
        self,
        checker: Checker,
        files: Files,
        bug: BugFolder,
        threads: int,
        device: str,
        asked: _RecordedReference,
    ) -> None:
        self._checker = checker
        self._load = {
            "files": files,
            "entry": bug.entry,
            "probe": bug.probe,
            "threads": threads,
            "device": device,
        }
        self._budget = _budget(bug)
        self._asked = asked.questions
        self._answers: list[bytes] = []
        self._next = 0

    def start(self) -> _RelayedSubmission:
        """Has the submission loaded, and all questions asked of it."""
        self._answers = self._send(self._asked)
        self._take(0)
        return self

    def ask(self, probe: str, inputs: dict[str, Any], seed: int) -> dict[str, Any]:
        """What came back for a question."""
        question = {"probe": probe, "inputs": inputs, "seed": seed}
        self._next += 1
        known = self._asked[self._next - 1 : self._next]
        if known and wire.pack(known[0]) == wire.pack(question):
            return self._take(self._next)
        self._answers = self._send([question])
        self._take(0)
        return self._take(1)

    def _send(self, questions: list[dict[str, Any]]) -> list[bytes]:
        self._nonce = os.urandom(8).hex()
        limits = {"seconds": self._budget.seconds, "rest": self._budget.rest, "wall": self._budget.wall}
        frame = wire.pack({**self._load, **limits, "questions": questions, "nonce": self._nonce})
        self._outcome, answer = self._checker.relay(frame, self._budget)
        return framing.split_frames(answer)

    def _take(self, number: int) -> dict[str, Any]:
        """The answer of so many: 0 that the program is loaded, then one for each question."""
        outcome, frame = self._outcome, b""
        if number < len(self._answers):
            outcome, frame = "done", self._answers[number]
        elif outcome == "done":
            outcome = "gone"
        return answer_value(outcome, frame, f"{self._nonce}:{number}", self._budget)


def _budget(bug: BugFolder) -> Budget:
    return Budget(math.ceil(bug.about["seconds"]), int(bug.about["memory_mb"]) << 20)


def _edit(before: Files, after: Files) -> dict[str, int] | None:
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
        self._memory: dict[tuple[str, int, int], dict[bytes, dict[str, Any]]] = {}
        self._source = sys.stdin.fileno()
        self._sink = -1

    def start(self) -> None:
        """Starts the sandbox."""
        if self._mode != "relay" and self._zygote is None:
            self._zygote = Zygote(self._mode, cuda=self._device == "cuda")

    def grade(self, request: Request) -> dict[str, Any]:
        """Grades one program.

        Raises:
            EngineError: The machinery failed.
        """
        bug = read_folder(Path(request.bug)) if os.sep in request.bug else bug_folder(request.bug)
        where = str(bug.path)
        if where not in self._checks:
            self._checks[where] = load_checks(bug.checks)
        checks = self._checks[where]
        torch.set_num_threads(request.threads)
        files, known = as_files(request.source), self._answers(bug, request)
        reference = TrustedProgram(
            bug.mended_files, bug.entry, bug.probe, request.threads, self._device, known
        )
        # Drawn here, so that nobody knows the inputs beforehand; a grade can be repeated with what it was.
        seed = secrets.randbits(53) if request.seed is None else request.seed
        submission: _ConfinedSubmission | _RelayedSubmission
        loaded = (files, bug, request.threads, self._device)
        if self._zygote is None:
            asked = _RecordedReference(reference)
            judge(bug, lambda: asked, reference, checks, str(seed), self._device)
            submission = _RelayedSubmission(self, *loaded, asked)
        else:
            submission = _ConfinedSubmission(self._zygote, *loaded)
        start: Any = submission.start
        try:
            findings = judge(bug, start, reference, checks, str(seed), self._device, request.brief)
        finally:
            if isinstance(submission, _ConfinedSubmission):
                submission.end()
        answer: dict[str, Any] = {
            "findings": findings.as_dict(),
            "edit": _edit(bug.files, files),
            "reference_edit": _edit(bug.files, bug.mended_files),
            "engine": {
                "mode": self._mode,
                "device": self._device,
                "torch": torch.__version__,
                "threads": request.threads,
                "seed": seed,
            },
        }
        if isinstance(submission, _ConfinedSubmission):
            answer["usage"] = {"cpu": submission.cpu, "peak": submission.peak}
            answer["output"] = submission.output[-2000:].decode(errors="replace")
        return answer

    def _answers(self, bug: BugFolder, request: Request) -> dict[bytes, dict[str, Any]] | None:
        """The reference's answers of this bug, seed and number of threads so far; none where each grade draws its own."""
        if request.seed is None:
            return None
        of = (bug.digest, request.seed, request.threads)
        if of not in self._memory:
            while len(self._memory) >= _REMEMBERED:
                del self._memory[next(iter(self._memory))]
            self._memory[of] = {}
        return self._memory[of]

    def relay(self, frame: bytes, budget: Budget) -> tuple[str, bytes]:
        """Sends a frame out to be run elsewhere; returns how that went and what came back."""
        self._write({"relay": len(frame), "seconds": budget.wall})
        framing.send(self._sink, frame)
        try:
            answer = wire.unpack(framing.receive(self._source))
            if "infrastructure" in answer:
                raise EngineError(str(answer["infrastructure"]))
            return str(answer["outcome"]), framing.read_exactly(self._source, int(answer["bytes"]))
        except framing.WireError as error:
            raise EngineError(f"the caller is gone: {error}") from error

    def _write(self, message: dict[str, Any]) -> None:
        framing.send(self._sink, wire.pack(message))

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
        threading.Thread(target=self._end_with_caller, daemon=True).start()
        while True:
            try:
                request = wire.unpack(framing.receive(self._source))
            except framing.Closed:
                break
            try:
                answer = self.grade(Request(**request))
            except EngineError as error:
                answer = {"infrastructure": str(error), "busy": isinstance(error, MachineBusy)}
            except Exception as error:  # a flaw in a check or a folder must not be taken for a wrong fix
                answer = {"flaw": printable(f"{type(error).__name__}: {error}")}
            self._write(answer)
        if self._zygote is not None:
            self._zygote.close()

    def _end_with_caller(self) -> None:
        """Ends this process in the middle of a grade when its caller is gone, killed perhaps."""
        poll = select.poll()
        poll.register(self._source, 0)  # hang-ups alone
        poll.poll()
        if self._zygote is not None:
            self._zygote.close()
        os._exit(1)


def main() -> None:
    """Entry point: ``python -m redgreenbench.reference_bugs.engine.checker MODE DEVICE``."""
    mode, device = sys.argv[1], sys.argv[2]
    Checker(mode, device).serve()


if __name__ == "__main__":
    main()
