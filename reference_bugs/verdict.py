"""From a reply or a program to a verdict, in words and in numbers: the one call that everything else wraps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from redgreenbench.reference_bugs.edit_size import EditSize
from redgreenbench.reference_bugs.engine.pool import Relay, Request
from redgreenbench.reference_bugs.files import Files, as_files, problem_of
from redgreenbench.reference_bugs.folder import BugFolder
from redgreenbench.reference_bugs.printable import printable
from redgreenbench.reference_bugs.submission import missing_names, read_submission

__all__ = ["QUALITIES", "STEPS", "Grader", "Verdict", "grade_program", "grade_reply", "no_program"]

STEPS = (
    "program",
    "imports",
    "runs",
    "symptom_gone",
    "behaviour",
    "root_cause",
    "nothing_broken",
)
"""What a verdict says, in the order in which a fix can fail."""
QUALITIES = ("minimal", "complex", "workaround", "broken")
"""What a program is: right by about the reference's edit, or by a larger one; or it hides the symptom; or none of these."""
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

    def grade(self, request: Request, relay: Relay | None = None) -> dict[str, Any]:
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
        failed_check: Id of the first check that failed, or the step that failed before any check; ``names`` where a name
            that was to be kept is gone.
        how: How the reply gave the program, see `redgreenbench.reference_bugs.submission.Submission`; empty where it gave
            none.
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
    edit: EditSize | None = None
    reference_edit: EditSize | None = None
    minimal: bool | None = None
    checks: list[dict[str, str]] = field(default_factory=list)
    engine: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    output: str = ""

    @property
    def quality(self) -> str:
        """One of `QUALITIES`; empty where there is no program."""
        if not self.steps["program"]:
            return ""
        if self.correct:
            return "complex" if self.minimal is False else "minimal"
        intact = self.steps["runs"] and self.steps["nothing_broken"] is not False
        return "workaround" if intact and self.steps["symptom_gone"] else "broken"

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
        lines = [head]
        if self.how not in ("", "whole"):
            given = {
                "definitions": "whole definitions, put into the program",
                "diff": "a diff, applied to the program",
            }
            lines.append(f"given as {given[self.how]}")
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


def grade_reply(
    bug: BugFolder, reply: str, grader: Grader, seed: int | None = None, relay: Relay | None = None
) -> Verdict:
    """Grades the program that a reply gives.

    Args:
        bug: The bug that it answers.
        reply: Its text.
        grader: Who runs the program.
        seed: For the inputs; none: one that the checker draws for this grade.
        relay: Runs programs in another sandbox, where the grader is of that kind.

    Raises:
        GraderError: The grader failed; there is no verdict.
    """
    submission = read_submission(reply, bug.files, bug.entry_points)
    if submission.files is None:
        return no_program(bug, submission.problem)
    verdict = grade_program(bug, submission.files, grader, seed, relay)
    verdict.how = submission.how
    return verdict


def no_program(bug: BugFolder, problem: str) -> Verdict:
    """The verdict where there is no program to run.

    Args:
        bug: The bug.
        problem: Why there is none, in one line.
    """
    return Verdict(bug.name, failed_check="program", reason=f"no program: {printable(problem)}")


def grade_program(
    bug: BugFolder,
    source: str | Files,
    grader: Grader,
    seed: int | None = None,
    relay: Relay | None = None,
    brief: bool = False,
) -> Verdict:
    """Grades a whole program.

    Args:
        bug: The bug.
        source: The program: its files, or the text of a single one.
        grader: Who runs it.
        seed: For the inputs; none: one that the checker draws for this grade.
        relay: Runs programs in another sandbox, where the grader is of that kind.
        brief: Whether only `Verdict.correct` and the steps up to ``symptom_gone`` are wanted; the others are then False
            where an earlier one is.

    Raises:
        GraderError: The grader failed; there is no verdict.
    """
    files = as_files(source)
    if problem := problem_of(files):
        return no_program(bug, problem)
    verdict = Verdict(bug.name, how="whole")
    _complete_verdict(verdict, grader.grade(Request(str(bug.path), files, seed, brief=brief), relay))
    lost = [] if verdict.correct else missing_names(files, bug.entry_points)
    if lost:
        verdict.failed_check = "names"
        names = ", ".join(f"`{name}`" for name in lost)
        verdict.reason = f"the program no longer defines {names}, whose name was to be kept"
    return verdict


def _complete_verdict(verdict: Verdict, graded: dict[str, Any]) -> None:
    findings = graded["findings"]
    message = printable(findings["message"])
    checks = [{**check, "message": printable(check["message"])} for check in findings["checks"]]
    verdict.steps["program"] = True
    verdict.checks = checks
    verdict.engine = graded["engine"]
    verdict.usage = graded.get("usage", {})
    verdict.output = printable(graded.get("output", ""), kept="\n\t")
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
        verdict.reason = f"the program cannot be loaded: {message}"
    elif failed:
        verdict.failed_check = failed["id"]
        verdict.reason = f"{failed['message']} (checked: {failed['title']})"
    if graded["edit"] and graded["reference_edit"]:
        verdict.edit = EditSize(**graded["edit"])
        verdict.reference_edit = EditSize(**graded["reference_edit"])
        verdict.minimal = verdict.edit.nodes <= _GENEROSITY * verdict.reference_edit.nodes + _ALLOWANCE
