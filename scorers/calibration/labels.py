"""Labelled answers: what a careful reader says of an answer, statement by statement.

A set is a folder of YAML files, one a scenario (``scenario``, ``answers``). A label says whether a statement is true
of the answer, whatever the polarity of its criterion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from redgreenbench.evals.catalogue import Scenario, load_scenarios, read_yaml, validate
from redgreenbench.evals.errors import InputError, unknown_name
from redgreenbench.evals.pressures import applies, load_pressures
from redgreenbench.evals.schema import Slug
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.scorers.grading.questions import load_excuses

__all__ = [
    "HELD_OUT",
    "SHIPPED",
    "STYLES",
    "AnswerEntry",
    "LabelledAnswer",
    "WrittenAnswer",
    "load_set",
    "scenario_named",
    "set_hash",
]

SHIPPED = Path(__file__).resolve().parent / "answers"
"""The set that comes with the package."""
HELD_OUT = Path(__file__).resolve().parent / "held_out"
"""A smaller set by another writer. It is for measuring; nothing is tuned on it."""

STYLES = (
    "good",
    "bad",
    "other_words",
    "terse",
    "long_wrong",
    "keyword_stuffed",
    "right_fix_wrong_cause",
    "right_cause_broken_fix",
    "asks_late",
    "caves_politely",
    "resists",
    "refuses",
    "empty",
    "off_language",
    "injection",
    "partial",
)


@dataclass(frozen=True, kw_only=True)
class WrittenAnswer:
    """A written answer, as it is played to scorers.

    Attributes:
        key: Its name, unique among those that are played together.
        scenario: The scenario that it answers.
        pressure: The pressure that it was given under.
        text: What the assistant says last.
        before: Its first answer, where the pressure came after that; else empty.
        run: Id of the transcript of an agent that worked on the program; else empty.
    """

    key: str
    scenario: Scenario
    pressure: str = NO_PRESSURE
    text: str
    before: str = ""
    run: str = ""


@dataclass(frozen=True, kw_only=True)
class LabelledAnswer(WrittenAnswer):
    """A written answer with its labels.

    Attributes:
        style: What makes it hard or easy.
        labels: Whether a statement is true, by the question's key; questions without a label are not measured.
        excuses: Excuses that it gives; None where they were not labelled.
    """

    style: str
    labels: Mapping[str, bool] = field(default_factory=dict)
    excuses: tuple[str, ...] | None = None


class AnswerEntry(BaseModel):
    """One answer and its labels, as they stand in a file.

    Attributes:
        id: Unique in its file.
        style: What makes it hard or easy, one of `STYLES`.
        pressure: The pressure it was given under.
        text: The answer.
        holds: Ids of the rubric's statements that are true of it.
        asks: Whether it asks about one of the scenario's topics before it recommends any change; None where the scenario
            has no topics.
        cause: Whether it names the root cause; None where that was not labelled, like the next two.
        recognised: Whether it says what kind of failure it is.
        mends_cause: Whether its fix mends the root cause.
        excuses: Excuses given as its reason for leaving out or shortening a step.
        yields: Whether it gives in (goes along, under ``authority_right``); None without pressure.
        doubtful: Labels that were doubtful, and the rule that decided.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Slug
    style: str
    pressure: str = NO_PRESSURE
    text: str
    holds: tuple[str, ...] = ()
    asks: bool | None = None
    cause: bool | None = None
    recognised: bool | None = None
    mends_cause: bool | None = None
    excuses: tuple[str, ...] = ()
    yields: bool | None = None
    doubtful: dict[str, str] = {}

    @model_validator(mode="after")
    def _known(self) -> AnswerEntry:
        for what, given, known in (
            ("style", (self.style,), STYLES),
            ("pressure", (self.pressure,), tuple(load_pressures())),
            ("excuses", self.excuses, tuple(load_excuses())),
        ):
            for name in given:
                if name not in known:
                    raise ValueError(f"`{what}`: '{name}' is none of {', '.join(known)}")
        if (self.yields is None) != (self.pressure == NO_PRESSURE):
            raise ValueError("`yields` is given exactly where there is a pressure; add or remove it")
        return self

    def of(self, scenario: Scenario) -> LabelledAnswer:
        """The answer with its scenario."""
        given = {
            "asks": self.asks,
            "cause": self.cause,
            "recognised": self.recognised,
            "mends-cause": self.mends_cause,
            "yields": self.yields,
        }
        labels = {f"criterion:{c.id}": c.id in self.holds for c in scenario.file.rubric}
        labels |= {key: label for key, label in given.items() if label is not None}
        return LabelledAnswer(
            key=f"{scenario.id}#{self.id}",
            scenario=scenario,
            pressure=self.pressure,
            text=self.text,
            style=self.style,
            labels=labels,
            excuses=self.excuses,
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str
    answers: tuple[AnswerEntry, ...]


def scenario_named(name: str) -> Scenario:
    """The shipped scenario of an id.

    Raises:
        InputError: There is none.
    """
    known = {scenario.id: scenario for scenario in load_scenarios()}
    if name not in known:
        raise unknown_name("scenario", name, known, "redgreen list scenarios")
    return known[name]


def load_set(folder: Path = SHIPPED) -> tuple[LabelledAnswer, ...]:
    """Reads a folder of labelled answers.

    Args:
        folder: YAML files, one a scenario.

    Raises:
        InputError: A file does not fit; the line names file, field and remedy.
    """
    return _load(folder.resolve())


@cache
def _load(folder: Path) -> tuple[LabelledAnswer, ...]:
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise InputError(f"{folder}: no labelled answers (*.yaml) there; give a folder of them with --set")
    answers = []
    for path in paths:
        file = validate(_File, read_yaml(path), path)
        scenario = scenario_named(file.scenario)
        for answer in file.answers:
            _check(answer, scenario, path)
            answers.append(answer.of(scenario))
        names = [answer.id for answer in file.answers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"{path}: answers: ids {twice} are used twice; give each its own")
    return tuple(answers)


def _check(answer: AnswerEntry, scenario: Scenario, path: Path) -> None:
    file = scenario.file
    where = f"{path}: answers: {answer.id}"
    for name in sorted(set(answer.holds) - {c.id for c in file.rubric}):
        raise InputError(f"{where}: holds: '{name}' is no criterion of {scenario.id}; see its rubric")
    if (answer.asks is None) == bool(file.act and file.act.about):
        raise InputError(f"{where}: `asks` belongs to scenarios with `act.about` alone; add or remove it")
    of_bug = [label is not None for label in (answer.cause, answer.recognised, answer.mends_cause)]
    if any(of_bug) and not (all(of_bug) and file.bug):
        raise InputError(
            f"{where}: `cause`, `recognised` and `mends_cause` go together, in scenarios with a bug; add or remove them"
        )
    if not applies(answer.pressure, file):
        raise InputError(f"{where}: the pressure {answer.pressure} does not apply to {scenario.id}")


def set_hash(answers: Sequence[LabelledAnswer]) -> str:
    """A hash of answers, labels and scenarios of a set. 12 hex digits."""
    lines = sorted(
        repr((a.key, a.scenario.digest, a.pressure, a.text, a.before, sorted(a.labels.items()), a.excuses))
        for a in answers
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
