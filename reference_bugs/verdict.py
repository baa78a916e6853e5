"""From an answer or a program to a verdict, in words and in numbers: the one call that everything else wraps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from redgreenbench.reference_bugs.engine.pool import Relay
from redgreenbench.reference_bugs.extraction import EditSize
from redgreenbench.reference_bugs.folder import BugFolder

__all__ = ["STEPS", "Grader", "Verdict", "grade_answer", "grade_program"]

STEPS = (
    "extracted",
    "applies",
    "imports",
    "runs",
    "symptom_gone",
    "behaviour",
    "root_cause",
    "nothing_broken",
)
"""What a verdict says, in the order in which a fix can fail."""
_STAGES = {
    "runs": "runs",
    "symptom_gone": "symptom",
    "behaviour": "behaviour",
    "root_cause": "cause",
    "nothing_broken": "collateral",
}
# An edit counts as minimal up to twice the reference's size, and a few nodes for what is written differently.
_GENEROSITY, _ALLOWANCE = 2, 12


class Grader(Protocol):
    """Whatever grades programs: a pool or a worker."""

    def grade(
        self,
        bug: str,
        source: str | None = None,
        answer: str | None = None,
        seed: int = 0,
        threads: int = 1,
        seconds: float = 300.0,
        relay: Relay | None = None,
        brief: bool = False,
    ) -> dict[str, Any]:
        """See `redgreenbench.reference_bugs.engine.pool.Worker.grade`."""


@dataclass
class Verdict:
    """What became of a proposed fix.

    Attributes:
        bug: Name of the bug.
        steps: Each of `STEPS`: True, False, or None where it does not apply to this bug.
        correct: Whether the root cause is mended and nothing else is broken.
        outcome: ``pass``, ``fail``, ``timeout``, ``memory``, ``crash``, ``exit``, ``disk`` or ``protocol``.
        reason: Why it is not correct, in one line; empty where it is.
        failed_check: Id of the first check that failed, or the step that failed before any check.
        how: How the fix was taken from the answer.
        notes: What was left out of the answer, and why.
        reservation: What could not be applied although something was.
        edit: Size of the edit.
        reference_edit: Size of the reference fix.
        minimal: Whether the edit is about as small as the reference's; None where nothing was applied.
        checks: All checks with what they said.
        engine: How it was run.
        usage: Seconds of CPU, bytes at the peak.
        output: The last of what the program printed; not evidence.
    """

    bug: str
    steps: dict[str, bool | None] = field(default_factory=lambda: dict.fromkeys(STEPS, False))
    correct: bool = False
    outcome: str = "fail"
    reason: str = ""
    failed_check: str = ""
    how: str = ""
    notes: tuple[str, ...] = ()
    reservation: str = ""
    edit: EditSize | None = None
    reference_edit: EditSize | None = None
    minimal: bool | None = None
    checks: list[dict[str, str]] = field(default_factory=list)
    engine: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    output: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The verdict as plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The verdict for a person."""
        head = (
            "correct: the root cause is mended, nothing else is broken"
            if self.correct
            else f"not correct: {self.reason}"
        )
        marks = {True: "yes", False: "no", None: "does not apply"}
        lines = [head, f"taken from the answer: {self.how}" if self.how else "nothing taken from the answer"]
        lines += [f"left out: {note}" for note in self.notes]
        lines += [f"with a reservation: {self.reservation}"] if self.reservation else []
        lines += [f"{step.replace('_', ' ')}: {marks[self.steps[step]]}" for step in STEPS]
        if self.edit and self.reference_edit:
            size = f"{self.edit.lines} lines, {self.edit.nodes} syntax nodes"
            lines.append(
                f"size of the edit: {size} (reference: {self.reference_edit.lines}, {self.reference_edit.nodes})"
            )
        words = {"pass": "passed", "fail": "FAILED", "not run": "not run"}
        for check in self.checks:
            because = f": {check['message']}" if check["message"] else ""
            lines.append(f"  {words[check['outcome']]} [{check['stage']}] {check['title']}{because}")
        return lines


def grade_answer(
    bug: BugFolder, answer: str, grader: Grader, seed: int = 0, relay: Relay | None = None
) -> Verdict:
    """Grades an answer in prose with code.

    Args:
        bug: The bug that it answers.
        answer: Its text.
        grader: Who takes the fix out of it and runs it.
        seed: For the inputs.
        relay: Runs programs in another sandbox, where the grader is of that kind.

    Raises:
        GraderError: The grader failed; there is no verdict.
    """
    graded = grader.grade(str(bug.path), answer=answer, seed=seed, relay=relay)
    extraction = graded["extraction"]
    verdict = Verdict(bug.name, how=extraction["how"], notes=tuple(extraction["notes"]))
    verdict.reservation = extraction["reason"] if "findings" in graded else ""
    verdict.steps["extracted"] = extraction["status"] != "nothing"
    if "findings" in graded:
        return _found(verdict, graded)
    verdict.failed_check = "applies" if verdict.steps["extracted"] else "extracted"
    verdict.reason = ("not applied: " if verdict.steps["extracted"] else "no code: ") + extraction["reason"]
    return verdict


def grade_program(
    bug: BugFolder,
    source: str,
    grader: Grader,
    seed: int = 0,
    relay: Relay | None = None,
    brief: bool = False,
) -> Verdict:
    """Grades a whole program.

    Args:
        bug: The bug.
        source: The program.
        grader: Who runs it.
        seed: For the inputs.
        relay: Runs programs in another sandbox, where the grader is of that kind.
        brief: Whether only `Verdict.correct` and the steps up to ``symptom_gone`` are wanted; the others are then False
            where an earlier one is.

    Raises:
        GraderError: The grader failed; there is no verdict.
    """
    verdict = Verdict(bug.name, how="the whole program was given")
    verdict.steps["extracted"] = True
    return _found(verdict, grader.grade(str(bug.path), source, seed=seed, relay=relay, brief=brief))


def _found(verdict: Verdict, graded: dict[str, Any]) -> Verdict:
    findings = graded["findings"]
    checks = findings["checks"]
    verdict.steps["applies"] = True
    verdict.checks = checks
    verdict.engine = graded["engine"]
    verdict.usage = graded.get("usage", {})
    verdict.output = graded.get("output", "")
    verdict.outcome = findings["outcome"]
    verdict.steps["imports"] = findings["imports"]
    for step, stage in _STAGES.items():
        outcomes = [check["outcome"] for check in checks if check["stage"] == stage]
        verdict.steps[step] = all(outcome == "pass" for outcome in outcomes) if outcomes else None
    if verdict.steps["runs"] is None:
        verdict.steps["runs"] = findings["imports"] and not findings["message"]
    verdict.correct = findings["imports"] and all(check["outcome"] == "pass" for check in checks)
    failed = next((check for check in checks if check["outcome"] == "fail"), None)
    if not findings["imports"]:
        verdict.failed_check = "imports"
        verdict.reason = f"the program cannot be loaded: {findings['message']}"
    elif failed:
        verdict.failed_check = failed["id"]
        verdict.reason = f"{failed['message']} (checked: {failed['title']})"
    if graded["edit"] and graded["reference_edit"]:
        verdict.edit = EditSize(**graded["edit"])
        verdict.reference_edit = EditSize(**graded["reference_edit"])
        verdict.minimal = verdict.edit.nodes <= _GENEROSITY * verdict.reference_edit.nodes + _ALLOWANCE
    return verdict
