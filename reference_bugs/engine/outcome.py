"""How running a submission can end, sorted by whose fault it is.

`SubmissionFailed`: the submission raised, ran too long, took too much memory, died, or broke the protocol; that
is a failed fix. `EngineError`: the machinery failed; nothing is scored then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redgreenbench.reference_bugs.engine.inside.framing import MAX_ANSWER, WireError
from redgreenbench.reference_bugs.files import PROGRAM

__all__ = ["Budget", "EngineError", "MachineBusy", "SubmissionFailed", "Usage", "answer_value", "failure_of"]


class EngineError(Exception):
    """The machinery failed; the submission is neither right nor wrong by it."""


class MachineBusy(EngineError):
    """The machine let the submission run too little to say what it does."""


class SubmissionFailed(Exception):
    """A submission did not answer a request.

    Attributes:
        kind: ``raises``, ``timeout``, ``memory``, ``crash``, ``exit``, ``disk`` or ``protocol``.
        fatal: Whether its process is gone.
    """

    def __init__(self, kind: str, message: str, fatal: bool = True, line: int = 0) -> None:
        super().__init__(message)
        self.kind = kind
        self.fatal = fatal
        self.line = line


@dataclass(frozen=True)
class Budget:
    """What one grade of a submission may use.

    Attributes:
        seconds: CPU seconds of its process, all threads together.
        memory: Bytes beyond the warm process.
    """

    seconds: float = 20
    memory: int = 1 << 30

    @property
    def rest(self) -> float:
        """Seconds that it may be idle, neither running nor waiting for a processor."""
        return 2.0 * self.seconds

    @property
    def wall(self) -> float:
        """Seconds by the clock after which the machine is too busy to tell."""
        return 10.0 * self.seconds


@dataclass
class Usage:
    """What the kernel says of a finished child.

    Attributes:
        cpu: Seconds of CPU.
        peak: Bytes of memory at the peak.
        status: Exit status; negative: the signal that ended it.
        killed: Whether that signal was ours.
    """

    cpu: float = 0.0
    peak: int = 0
    status: int = 0
    killed: bool = False


def answer_value(outcome: str, frame: bytes, nonce: str, budget: Budget) -> dict[str, Any]:
    """The value in an answer that came from another sandbox.

    Args:
        outcome: ``done``, ``timeout`` (over its CPU seconds), ``rested``, ``busy``, ``gone`` (it ended without an
            answer) or ``large``.
        frame: The answer.
        nonce: What the answer must repeat.
        budget: The limits, for the words.

    Raises:
        SubmissionFailed: Whatever is wrong with it.
        MachineBusy: The sandbox let it run too little.
    """
    if outcome == "busy":
        raise MachineBusy("the sandbox is too busy to tell what the program does")
    if outcome == "rested":
        raise SubmissionFailed("timeout", f"the program was not done: it rested {budget.rest:.0f} s")
    if outcome == "timeout":
        raise SubmissionFailed("timeout", f"the program used more than {budget.seconds} s of CPU")
    if outcome == "gone":
        raise SubmissionFailed("exit", "the program ended its own process instead of returning")
    if outcome == "large":
        raise SubmissionFailed("protocol", "the program answered with more bytes than are allowed")
    # Here, since it loads torch, and callers name failures without running anything.
    from redgreenbench.reference_bugs.engine.inside import wire

    try:
        answer = wire.unpack(frame, MAX_ANSWER)
    except WireError as error:
        raise SubmissionFailed("protocol", f"the program tampered with its channel: {error}") from None
    if answer.get("nonce") != nonce or len(answer) != 2:
        raise SubmissionFailed(
            "protocol", "the program tampered with its channel: an answer to another question"
        )
    if "error" in answer:
        raise failure_of(answer["error"])
    if not isinstance(answer.get("value"), dict):
        raise SubmissionFailed("protocol", "the program tampered with its channel: not an answer")
    value: dict[str, Any] = answer["value"]
    return value


def failure_of(error: Any) -> SubmissionFailed:
    """The failure for an exception that a submission reports. Only its text is used; the report is not trusted."""
    if not isinstance(error, dict) or not isinstance(error.get("type"), str):
        return SubmissionFailed("protocol", "the program tampered with its channel: not an error")
    kind, message, text = (str(error.get(key, ""))[:600] for key in ("type", "message", "text"))
    line = error["line"] if isinstance(error.get("line"), int) and 0 < error["line"] < 1_000_000 else 0
    file = str(error.get("file") or "")[:100]
    place = f"line {line}" if file in ("", PROGRAM) else f"{file} line {line}"
    where = f" ({place}: {text[:200]})" if line else ""
    if kind == "MemoryError" or "can't allocate memory" in message or "out of memory" in message:
        return SubmissionFailed("memory", f"the program ran out of memory{where}", fatal=False, line=line)
    if kind in ("SystemExit", "KeyboardInterrupt"):
        return SubmissionFailed("exit", f"the program ends itself with {kind}{where}", fatal=False)
    # What no line of the program raises comes of how it is used: a name that is gone, another signature, other parameters.
    how = "it cannot be used as before:" if error.get("in_use") is True else "it raises"
    words = f"{how} {kind}: {message}"
    return SubmissionFailed("raises", words[:600] + where, fatal=False, line=line)
