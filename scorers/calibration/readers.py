"""How often the exact readers agree with labelled cases: the act line, the program of a reply, an agent's calls.

The cases of acts (``acts.yaml``) and programs (``programs.yaml``) are labelled by the contract of a reply, not by what
a reader does with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import anyio
from pydantic import BaseModel, ConfigDict, TypeAdapter

from redgreenbench.evals.act_line import Act, read_act
from redgreenbench.evals.catalogue import read_yaml, validate
from redgreenbench.evals.schema import Slug
from redgreenbench.reference_bugs.files import as_files
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.submission import Submission, read_submission
from redgreenbench.scorers.calibration.transcripts import method_pairs
from redgreenbench.scorers.running import Runner

__all__ = [
    "ActCase",
    "ProgramCase",
    "Reading",
    "act_readings",
    "by_reader",
    "load_acts",
    "load_programs",
    "method_readings",
    "program_readings",
    "verdict_readings",
]


class _Case(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Slug
    note: str
    text: str
    doubtful: str = ""


class ActCase(_Case):
    """A reply and its act.

    Attributes:
        id: Unique.
        note: What it shows.
        own: Names of the tested skill.
        text: The reply.
        label: Its act; None where it announces none.
        doubtful: Why the label is doubtful; empty where it is not.
    """

    own: tuple[str, ...] = ()
    label: Act | None


class ProgramLabel(BaseModel):
    """How a reply gives a program, and whether that is right; None where there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reads: Literal["whole", "definitions", "diff", "none"]
    correct: bool | None


class ProgramCase(_Case):
    """A reply and the program that it gives.

    Attributes:
        id: Unique.
        note: What it shows.
        bug: The bug that it is about.
        cut_off: Whether the reply met its token limit; it is unscored then, and the label says what the text alone gives.
        text: The reply.
        label: What it gives.
        doubtful: Why the label is doubtful; empty where it is not.
    """

    bug: str
    cut_off: bool = False
    label: ProgramLabel


@dataclass(frozen=True)
class Reading:
    """What a reader made of a case, beside the label.

    Attributes:
        reader: ``act``, ``program``, ``verdict`` or ``method.<key>``.
        case: The case's id.
        label: What is right.
        read: What was read.
        note: What the case shows.
    """

    reader: str
    case: str
    label: str
    read: str
    note: str = ""

    @property
    def agrees(self) -> bool:
        """Whether it was read as labelled."""
        return self.label == self.read


@cache
def load_acts() -> tuple[ActCase, ...]:
    """The labelled act lines.

    Raises:
        InputError: The file is not as it should be.
    """
    path = Path(__file__).with_name("acts.yaml")
    return validate(TypeAdapter(tuple[ActCase, ...]), read_yaml(path), path)


@cache
def load_programs() -> tuple[ProgramCase, ...]:
    """The labelled replies with programs.

    Raises:
        InputError: The file is not as it should be.
    """
    path = Path(__file__).with_name("programs.yaml")
    return validate(TypeAdapter(tuple[ProgramCase, ...]), read_yaml(path), path)


def act_readings() -> list[Reading]:
    """The act reader on its cases. Act, names and their order have to equal the label."""
    return [
        Reading(
            "act", case.id, str(case.label or "none"), str(read_act(case.text, case.own) or "none"), case.note
        )
        for case in load_acts()
    ]


def _submission(case: ProgramCase) -> Submission:
    bug = bug_folder(case.bug)
    return read_submission(case.text, bug.files, bug.entry_points)


def program_readings() -> list[Reading]:
    """The program reader on its cases: how it takes the program."""
    return [
        Reading("program", case.id, case.label.reads, _submission(case).how or "none", case.note)
        for case in load_programs()
    ]


async def verdict_readings(cases: Iterable[ProgramCase], runner: Runner) -> list[Reading]:
    """Runs the programs that were read as labelled, and compares the verdicts with the labels.

    Args:
        cases: The cases.
        runner: Who runs programs.

    Raises:
        CannotRun: This machine runs none.
    """
    by_program: dict[tuple[str, str], list[ProgramCase]] = {}
    for case in cases:
        submission = _submission(case)
        if submission.source is not None and submission.how == case.label.reads:
            by_program.setdefault((case.bug, submission.source), []).append(case)
    readings: list[Reading] = []
    words = {True: "right", False: "wrong"}

    async def run(bug: str, source: str) -> None:
        read = words[(await runner.program(bug_folder(bug), as_files(source))).correct]
        for case in by_program[bug, source]:
            readings.append(Reading("verdict", case.id, words[bool(case.label.correct)], read, case.note))

    first, *others = by_program
    # Alone, so that a machine that runs nothing says so once.
    await run(*first)
    async with anyio.create_task_group() as group:
        for program in others:
            group.start_soon(run, *program)
    return sorted(readings, key=lambda reading: reading.case)


def method_readings() -> list[Reading]:
    """What the scorer `method` reads out of agents' calls."""
    words = {True: "yes", False: "no", None: "undecided"}
    return [
        Reading(key, name, words[pair.label], words[pair.verdict])
        for key, pairs in method_pairs().items()
        for name, pair in pairs.items()
    ]


def by_reader(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    """Readings by reader, in the order in which readers come."""
    grouped: dict[str, list[Reading]] = {}
    for reading in readings:
        grouped.setdefault(reading.reader, []).append(reading)
    return grouped
