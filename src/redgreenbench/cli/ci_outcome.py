"""How `redgreen ci` comes to an outcome: what has to be asked, asking it, comparing, and what spoils a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from redgreenbench.cli.run import is_finished
from redgreenbench.cli.versions import (
    INTERRUPTED,
    SuiteOptions,
    TimeBudget,
    Version,
    VersionAnswers,
    answers_of,
    run_answers,
    set_aside,
    task_names,
)
from redgreenbench.evals.errors import InputError
from redgreenbench.reports.compare import Sides, compare, sides_of
from redgreenbench.reports.estimate import Frame
from redgreenbench.reports.logs.table import Table, load
from redgreenbench.reports.rules import BLOCK, INCONCLUSIVE, GateFile, GateResult, judge_gates, outcome_of

__all__ = ["PLANNED", "SKIPPED", "CiResult", "SkillChange", "plan_runs", "run_and_judge"]

SKIPPED = "skipped"
PLANNED = "planned"
_ANSWERED = ("scored", "not_applicable", "unscored")
"""Statuses of an answer that was given, whether or not it could be judged."""


@dataclass(frozen=True)
class SkillChange:
    """A change of a skill that is to be judged.

    Attributes:
        folder: The skill's folder.
        old: The skill at the base.
        new: The skill at the head.
        asked: What both are asked.
        output: The folder in which everything is written.
    """

    folder: Path
    old: Version
    new: Version
    asked: SuiteOptions
    output: Path

    @property
    def arms(self) -> tuple[str, str]:
        """The arms of base and head; a skill that is new is compared with none."""
        return ("green", "green") if self.old.skill else ("red", "green")


@dataclass(frozen=True)
class CiResult:
    """The outcome of judging a change.

    Attributes:
        outcome: ``PASS``, ``BLOCK``, ``INCONCLUSIVE``, ``skipped`` or ``planned``.
        reasons: Why it is not the outcome of the gates.
        base: The base's answers; None where nothing is asked.
        head: The head's answers; of a new skill the same as the base's, with another arm.
        tables: The logs that were read, of base and head; one of a new skill.
        sides: Base and head beside each other; None where nothing could be compared.
        frame: The comparison; None where nothing could be compared.
        gates: The gates.
    """

    outcome: str
    reasons: tuple[str, ...] = ()
    base: VersionAnswers | None = None
    head: VersionAnswers | None = None
    tables: tuple[Table, ...] = ()
    sides: Sides | None = None
    frame: Frame | None = None
    gates: tuple[GateResult, ...] = ()


def plan_runs(case: SkillChange) -> CiResult:
    """Plans the runs of both versions; the outcome is `SKIPPED` if nothing has to be asked.

    Raises:
        InputError: It cannot be asked.
    """
    if case.new.skill is None:
        return CiResult(SKIPPED, ("the head has no such skill any more; nothing is left to judge",))
    if case.old.hash == case.new.hash:
        return CiResult(SKIPPED, ("base and head have the same content; there is nothing to compare",))
    names = task_names(case.asked, case.new)
    runs = case.output / "runs"
    if case.old.skill is None:
        both = answers_of(case.new, case.arms, case.asked, names, runs)
        return CiResult(PLANNED, (), both, both)
    base, head = (answers_of(v, ("green",), case.asked, names, runs) for v in (case.old, case.new))
    return CiResult(PLANNED, (), base, head)


def run_and_judge(
    case: SkillChange,
    planned: CiResult,
    file: GateFile,
    noise: Mapping[tuple[str, str], float],
    force: bool,
    budget: TimeBudget,
    quiet: bool,
) -> CiResult:
    """Asks, compares and judges.

    Args:
        case: What is judged.
        planned: What `plan_runs` said is to be asked.
        file: The gates.
        noise: Half-width of the A/A band by model and metric.
        force: Whether unlike logs are judged too.
        budget: How long may be asked.
        quiet: Whether to show nothing.

    Raises:
        InputError: Nothing can be asked: a model that does not exist, a folder that cannot be written.
    """
    result = _ask(case, planned, budget, quiet)
    kept = [side for side in (result.base, result.head) if side and side.reused]
    if result.sides and result.sides.differs and kept and not force:
        # Answers of an earlier run may have been scored by an earlier version; that is mended by asking again.
        base, head = (
            set_aside(side) if side and side.reused else side for side in (result.base, result.head)
        )
        result = _ask(case, replace(planned, base=base, head=head), budget, quiet)
    if result.sides is None:
        return replace(result, outcome=INCONCLUSIVE)
    reasons = result.reasons
    unlike = bool(result.sides.differs) and not force
    if unlike:
        reasons += tuple(f"base and head are not alike: {d}" for d in result.sides.differs)
    gates = judge_gates(result.sides.rows, file)
    outcome = outcome_of(gates)
    if unlike or (reasons and outcome != BLOCK):
        # A part passes nothing; what its finished pairs prove against the head stays proved.
        outcome = INCONCLUSIVE
    frame = compare(result.sides, noise=noise)
    return replace(result, outcome=outcome, reasons=reasons, frame=frame, gates=gates)


def _ask(case: SkillChange, planned: CiResult, budget: TimeBudget, quiet: bool) -> CiResult:
    """Gets the answers of both and puts them beside each other, with what spoils them as reasons."""
    assert planned.base is not None
    assert planned.head is not None
    base = run_answers(planned.base, case.asked, budget, quiet)
    alone = planned.base is planned.head
    # After an interruption nothing more is asked.
    stopped = base.code == INTERRUPTED
    head = (
        base if alone else planned.head if stopped else run_answers(planned.head, case.asked, budget, quiet)
    )
    asked = [("base and head" if alone else "base", base), *([] if alone else [("head", head)])]
    reasons: list[str] = []
    tables: list[Table] = []
    for who, answers in asked:
        if answers.code == INTERRUPTED:
            why = "the time of --max-minutes is over" if budget.spent else "interrupted"
            reasons.append(f"the run of the {who} did not end: {why}; the same command goes on with it")
        try:
            table = load([answers.logs])
        except InputError as error:
            reasons.append(f"the {who} has no answers: {error}")
            continue
        tables.append(table)
        arms = case.arms if alone else case.arms[-1:]
        reasons += _unfinished(table, answers, arms, who, case.asked.epochs)
    result = replace(
        planned, outcome=INCONCLUSIVE, reasons=tuple(reasons), base=base, head=head, tables=tuple(tables)
    )
    if len(tables) < len(asked):
        return result
    try:
        return replace(result, sides=sides_of(tables[0], None if alone else tables[1], *case.arms))
    except InputError as error:
        return replace(result, reasons=(*reasons, str(error)))


def _unfinished(
    table: Table, answers: VersionAnswers, arms: tuple[str, ...], who: str, epochs: int
) -> tuple[str, ...]:
    """In what a run is not whole, a line each."""
    reasons = [f"the {who}'s log {skipped.log} is left out: {skipped.reason}" for skipped in table.skipped]
    sample = ["task", "scenario", "pressure", "arm", "epoch"]
    rows = table.rows[table.rows["arm"].isin(arms)]
    failed = rows[~rows["status"].isin(_ANSWERED)]
    # A sample that failed may still have values, such as of its tokens; it is no answer all the same.
    given = len(rows[sample].drop_duplicates()) - len(failed[sample].drop_duplicates())
    wanted = epochs * sum(answers.samples(arm) for arm in arms)
    if given < wanted:
        why = str(failed["reason"].iloc[0]) if len(failed) else ""
        first = f", the first for this reason: {why}" if why else ""
        reasons.append(f"{wanted - given} of {wanted} answers of the {who} are missing{first}")
    elif not is_finished(answers.tasks, answers.folder, epochs):
        reasons.append(f"the run of the {who} did not end well, although all answers are there")
    return tuple(reasons)
