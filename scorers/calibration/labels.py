"""Labelled answers: what a careful reader says of an answer, statement by statement.

A set is a folder of YAML files, one a scenario (``scenario``, ``answers``). A label says whether a statement is true
of the answer, whatever the polarity of its criterion.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from redgreenbench.evals.catalogue import Scenario, load_scenarios, read_yaml, validate
from redgreenbench.evals.errors import InputError, unknown
from redgreenbench.evals.pressures import applies, load_pressures
from redgreenbench.evals.schema import Slug
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.scorers.grading.questions import load_excuses
from redgreenbench.scorers.tool_use import load_tools

__all__ = ["HELD_OUT", "SHIPPED", "STYLES", "Labelled", "LabelledAnswer", "load_set", "set_hash"]

SHIPPED = Path(__file__).resolve().parent / "answers"
"""The set that comes with the package."""
HELD_OUT = Path(__file__).resolve().parent / "held_out"
"""A smaller set, written after the detectors' patterns were settled. It is for measuring; nothing is tuned on it."""

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


class LabelledAnswer(BaseModel):
    """One answer and its labels.

    Attributes:
        id: Unique in its file.
        style: What makes it hard or easy, one of `STYLES`.
        pressure: The pressure it was given under.
        text: The answer.
        holds: Ids of the rubric's statements that are true of it.
        asks: Topics asked about before the first recommendation.
        asks_late: Topics asked about only after one.
        route_correct: Whether it hands over rightly; None in scenarios without routing.
        tools: Debugging tools that it uses or recommends.
        cause: Whether it names the root cause; None in scenarios without a bug, like the next three.
        location: Whether it names or shows where the cause lies.
        recognised: Whether it says what kind of failure it is.
        fix: The quality of its fix.
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
    asks: tuple[str, ...] = ()
    asks_late: tuple[str, ...] = ()
    route_correct: bool | None = None
    tools: tuple[str, ...] = ()
    cause: bool | None = None
    location: bool | None = None
    recognised: bool | None = None
    fix: Literal["minimal", "complex", "workaround", "broken", "none"] | None = None
    excuses: tuple[str, ...] = ()
    yields: bool | None = None
    doubtful: dict[str, str] = {}

    @model_validator(mode="after")
    def _known(self) -> LabelledAnswer:
        for what, given, known in (
            ("style", (self.style,), STYLES),
            ("pressure", (self.pressure,), tuple(load_pressures())),
            ("tools", self.tools, tuple(load_tools())),
            ("excuses", self.excuses, tuple(load_excuses())),
        ):
            for name in given:
                if name not in known:
                    raise ValueError(f"`{what}`: '{name}' is none of {', '.join(known)}")
        if (self.yields is None) != (self.pressure == NO_PRESSURE):
            raise ValueError("`yields` is given exactly where there is a pressure; add or remove it")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str
    answers: tuple[LabelledAnswer, ...]


@dataclass(frozen=True)
class Labelled:
    """A labelled answer with its scenario.

    Attributes:
        key: ``<scenario>#<id>``.
    """

    scenario: Scenario
    answer: LabelledAnswer

    @property
    def key(self) -> str:
        """The answer's name in the whole set."""
        return f"{self.scenario.id}#{self.answer.id}"

    def labels(self) -> dict[str, bool]:
        """The label of everything that a grader is asked, by the question's key."""
        answer, file = self.answer, self.scenario.file
        found = {f"criterion:{c.id}": c.id in answer.holds for c in file.rubric}
        if file.bug:
            found["cause"] = bool(answer.cause)
            found["recognised"] = bool(answer.recognised)
            found["mends-cause"] = answer.fix in ("minimal", "complex")
        found |= {f"asks:{t.id}": t.id in answer.asks for t in file.clarify.topics}
        if answer.yields is not None:
            found["yields"] = answer.yields
        return found


def load_set(folder: Path = SHIPPED) -> tuple[Labelled, ...]:
    """Reads a folder of labelled answers.

    Args:
        folder: YAML files, one a scenario.

    Raises:
        InputError: A file does not fit; the line names file, field and remedy.
    """
    return _load(folder.resolve())


@cache
def _load(folder: Path) -> tuple[Labelled, ...]:
    known = {scenario.id: scenario for scenario in load_scenarios()}
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise InputError(f"{folder}: no labelled answers (*.yaml) there; give a folder of them with --set")
    found = []
    for path in paths:
        file = validate(_File, read_yaml(path), path)
        if file.scenario not in known:
            raise unknown("scenario", file.scenario, known, "redgreen list scenarios")
        scenario = known[file.scenario]
        for answer in file.answers:
            _check(answer, scenario, path)
            found.append(Labelled(scenario, answer))
        names = [answer.id for answer in file.answers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"{path}: answers: ids {twice} are used twice; give each its own")
    return tuple(found)


def _check(answer: LabelledAnswer, scenario: Scenario, path: Path) -> None:
    file = scenario.file
    where = f"{path}: answers: {answer.id}"
    for name in sorted(set(answer.holds) - {c.id for c in file.rubric}):
        raise InputError(f"{where}: holds: '{name}' is no criterion of {scenario.id}; see its rubric")
    for name in sorted({*answer.asks, *answer.asks_late} - {t.id for t in file.clarify.topics}):
        raise InputError(f"{where}: asks: '{name}' is no topic of {scenario.id}; see its `clarify`")
    if (answer.route_correct is None) != (file.route is None):
        raise InputError(
            f"{where}: `route_correct` belongs to scenarios with a route alone; add or remove it"
        )
    of_bug = (answer.cause, answer.location, answer.recognised, answer.fix)
    if any((label is None) == bool(file.bug) for label in of_bug):
        raise InputError(
            f"{where}: `cause`, `location`, `recognised` and `fix` belong to scenarios with a bug; add or remove them"
        )
    if not applies(answer.pressure, file):
        raise InputError(f"{where}: the pressure {answer.pressure} does not apply to {scenario.id}")


def set_hash(answers: tuple[Labelled, ...]) -> str:
    """A hash of answers, labels and scenarios of a set. 12 hex digits."""
    lines = sorted(f"{a.key} {a.scenario.digest} {a.answer.model_dump_json()}" for a in answers)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
