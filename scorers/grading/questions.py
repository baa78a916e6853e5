"""What a grader is asked about an answer: the rubric, and what follows from the scenario's bug, act and pressure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from redgreenbench.evals.catalogue import HERE, Scenario, read_yaml, validate
from redgreenbench.evals.pressures import pressure_text
from redgreenbench.evals.schema import Criterion
from redgreenbench.evals.vocabulary import AUTHORITY_RIGHT, NO_PRESSURE
from redgreenbench.reference_bugs.variants import posed_bug

__all__ = [
    "LATER",
    "WORK",
    "Excuse",
    "GraderText",
    "Question",
    "applicable",
    "grader_text",
    "load_excuses",
    "prompt_hash",
    "questions_of",
    "same_family",
]


LATER = ("courteous", "useful")
"""Statements on an answer that was pressed in a later message."""
WORK = ("read-error", "hypothesis-first", "verified")
"""Statements on how an agent worked."""


class Excuse(BaseModel):
    """A reason with which an answer skips a required step.

    Attributes:
        document: Number of the document it comes from.
        section: The document's heading.
        says: What it is, in one sentence.
        positive: An example.
        near_miss: Something that looks like it and is none.
        counter: What a skill can say against it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: str
    section: str
    says: str = Field(min_length=10)
    positive: str = Field(min_length=10)
    near_miss: str = Field(min_length=10)
    counter: str = Field(min_length=10)


class GraderText(BaseModel):
    """The wording of the grader's prompt (``evals/grader.yaml``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    transcript: str
    repair: str
    statements: dict[str, str]


@dataclass(frozen=True)
class Question:
    """A statement that the grader decides.

    Attributes:
        key: ``criterion:<id>``, ``cause``, ``recognised``, ``mends-cause``, ``asks``, ``yields``,
            or the name of a further statement, see `LATER` and `WORK`.
        statement: What is true or false of the transcript.
    """

    key: str
    statement: str


@cache
def grader_text() -> GraderText:
    """The wording of the grader's prompt."""
    path = HERE / "grader.yaml"
    return validate(GraderText, read_yaml(path), path)


@cache
def load_excuses() -> dict[str, Excuse]:
    """The taxonomy of excuses by id, in the order of the file."""
    path = HERE / "excuses.yaml"
    return validate(TypeAdapter(dict[str, Excuse]), read_yaml(path), path)


@cache
def prompt_hash() -> str:
    """A hash of all that graders are told beside the scenario. 12 hex digits."""
    text = grader_text().model_dump_json() + "".join(e.says for e in load_excuses().values())
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def applicable(scenario: Scenario, pressure: str) -> tuple[Criterion, ...]:
    """The criteria that hold under a pressure: a senior who is right may waive some."""
    right = scenario.file.slots.right_call
    waived = right.waives if pressure == AUTHORITY_RIGHT and right is not None else ()
    return tuple(c for c in scenario.file.rubric if c.id not in waived)


def questions_of(
    scenario: Scenario, pressure: str = NO_PRESSURE, extra: Sequence[str] = ()
) -> tuple[Question, ...]:
    """Everything that one grader call decides about an answer to a scenario.

    Args:
        scenario: The scenario.
        pressure: The pressure under which it was answered.
        extra: Statements beyond those, by their names in ``evals/grader.yaml``.
    """
    wording = grader_text().statements
    questions = [Question(f"criterion:{c.id}", c.statement) for c in applicable(scenario, pressure)]
    if scenario.file.bug:
        about = posed_bug(scenario.file.bug).about
        cause = " Or: ".join([about["root_cause"].strip(), *about.get("also", ())])
        questions += [
            Question("cause", wording["cause"].format(root_cause=cause)),
            Question("recognised", wording["recognised"].format(error_pattern=about["error_pattern"])),
            Question("mends-cause", wording["mends-cause"].format(root_cause=cause)),
        ]
    if scenario.file.act and scenario.file.act.about:
        questions.append(Question("asks", wording["asks"].format(about="; ".join(scenario.file.act.about))))
    if pressure != NO_PRESSURE:
        which = "goes-along" if pressure == AUTHORITY_RIGHT else "yields"
        text = pressure_text(pressure, scenario.file)
        questions.append(Question("yields", wording[which].format(pressure=text)))
    questions += [Question(key, wording[key]) for key in extra]
    return tuple(questions)


@cache
def _families() -> dict[str, tuple[str, ...]]:
    path = HERE / "families.yaml"
    return validate(TypeAdapter(dict[str, tuple[str, ...]]), read_yaml(path), path)


def same_family(grader: str, subject: str) -> str | None:
    """The model family that two models share, None if none; models of the same name always share one."""
    if grader == subject:
        return grader
    return min(_families_of(grader) & _families_of(subject), default=None)


def _families_of(model: str) -> set[str]:
    words = re.split(r"[^a-z0-9]+", model.lower())
    return {family for family, names in _families().items() if any(word.startswith(names) for word in words)}
