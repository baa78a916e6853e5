"""What a scenario is, as a pydantic model; the YAML files under ``evals/scenarios`` are read through it.

A scenario is one situation that a source document poses: the user's prompt, what a good
answer does first, and the criteria that tell good from bad. Pressures and arms are *not*
part of it: they are crossed with it when samples are built (``evals.dataset``).

This module refuses to know where files lie (``evals.catalogue``) or how an answer is
judged (``redgreenbench.scorers``).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "CallPattern",
    "Check",
    "Clarify",
    "Criterion",
    "RightCall",
    "Route",
    "ScenarioFile",
    "Slots",
    "Source",
    "Topic",
]

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


def _compilable(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as exc:
        raise ValueError(f"{pattern!r} is not a regular expression ({exc}); escape or correct it") from exc
    return pattern


Pattern = Annotated[str, AfterValidator(_compilable)]
"""A Python regular expression, searched without regard to case."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Source(_Frozen):
    """Where the situation comes from."""

    document: Literal["001", "002", "003", "004", "control", "catalogue"] = Field(
        description="Number of the source document; `control` for a question of our own that probes over-firing, "
        "`catalogue` for a further reference bug, posed only where it is asked for."
    )
    section: str = Field(
        min_length=3,
        description="Heading of the document, word for word; for a control, what it is a near miss of.",
    )


class Topic(_Frozen):
    """Something a clarifying question may be about."""

    id: Slug
    about: str = Field(min_length=5, description="What the question would ask, in one phrase.")
    terms: tuple[Pattern, ...] = Field(
        min_length=1, description="A question that matches one of these patterns is about this topic."
    )


class Clarify(_Frozen):
    """Whether a clarifying question has to come before any recommendation, and about what."""

    required: bool = Field(description="True when recommending before asking is a failure.")
    topics: tuple[Topic, ...] = ()

    @model_validator(mode="after")
    def _has_topics(self) -> Clarify:
        if self.required and not self.topics:
            raise ValueError(
                "`required: true` needs at least one entry in `topics`, or no question could count"
            )
        return self


class Route(_Frozen):
    """Which specialists the answer has to hand over to."""

    first: tuple[Slug, ...] = Field(
        default=(),
        description="Any one of these must be named first. Empty: no route is right before the user has answered.",
    )
    then: tuple[Slug | tuple[Slug, ...], ...] = Field(
        default=(), description="Each must be named too, later; a list means any one of its members."
    )
    ordered: bool = Field(default=False, description="True when `then` must be named in the order given.")
    accepted: tuple[Slug, ...] = Field(
        default=(), description="Alternatives that may come first without being wrong."
    )
    may: tuple[Slug, ...] = Field(
        default=(), description="May be named further on; neither asked for nor wrong."
    )
    not_first: tuple[Slug, ...] = Field(default=(), description="Naming one of these first is wrong.")
    direct: bool = Field(
        default=False,
        description="A control: answering at once, without handing over or asking back, is right.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Route:
        if self.direct and (self.first or self.then or self.accepted):
            raise ValueError(
                "`direct: true` excludes `first`, `then` and `accepted`; remove them or set it to false"
            )
        clash = set(self.not_first) & (set(self.first) | set(self.accepted))
        if clash:
            raise ValueError(f"{sorted(clash)} stand both in `not_first` and in `first`/`accepted`; keep one")
        return self


class CallPattern(_Frozen):
    """A call that code in the answer contains, found in its syntax tree."""

    name: str = Field(description="Dotted name of the called function; `step` also matches `scheduler.step`.")
    min_args: int = Field(default=0, ge=0, description="At least this many positional arguments.")
    keywords: dict[str, Pattern] = Field(
        default_factory=dict,
        description="Keyword arguments it must have; the pattern is matched on the source text.",
    )
    loop_depth: int | None = Field(
        default=None, ge=0, description="Number of loops around the call in its block; null: any."
    )


class Check(_Frozen):
    """A test of the answer's text or code that needs no model. All given conditions must hold."""

    mentions_any: tuple[Pattern, ...] = Field(default=(), description="One is found anywhere in the answer.")
    mentions_all: tuple[Pattern, ...] = Field(
        default=(), description="Each is found somewhere in the answer."
    )
    recommends_any: tuple[Pattern, ...] = Field(
        default=(), description="One is found in a sentence that does not negate it, or in code."
    )
    recommends_none: tuple[Pattern, ...] = Field(
        default=(), description="None is found in a sentence that does not negate it, nor in code."
    )
    calls_any: tuple[CallPattern, ...] = Field(default=(), description="One is found in the code blocks.")
    calls_none: tuple[CallPattern, ...] = Field(default=(), description="None is found in the code blocks.")
    asks_first: bool = Field(default=False, description="A question comes before the first recommendation.")

    @model_validator(mode="after")
    def _not_empty(self) -> Check:
        if self == Check.model_construct():
            raise ValueError("an empty check passes everything; give at least one condition or drop `check`")
        return self


class Criterion(_Frozen):
    """One statement about the answer that a reader can decide from the transcript alone."""

    id: Slug
    statement: str = Field(min_length=15, description="What a meeting answer does, in one sentence.")
    kind: Literal["outcome", "technique", "vocabulary"] = Field(
        description="outcome: right or wrong on merit; technique: the skill's way; vocabulary: the skill's words."
    )
    polarity: Literal["must", "must_not"] = "must"
    pattern: Slug | None = Field(
        default=None, description="Failure pattern it belongs to (evals/patterns.yaml)."
    )
    section: str = Field(min_length=3, description="The part of the document it comes from.")
    aspect: Literal["cause", "remedy"] | None = Field(
        default=None, description="Whether it asks for the root cause or for the remedy."
    )
    check: Check | None = Field(default=None, description="A deterministic test of the same statement.")


class RightCall(_Frozen):
    """What a senior who is right proposes, and how that changes what is expected."""

    do: str = Field(min_length=5, description="Bare infinitive phrase: `we should {do}`.")
    clarify: bool | None = Field(
        default=None,
        description="Whether a clarifying question is still required; null: as without pressure.",
    )
    first: tuple[Slug, ...] | None = Field(
        default=None, description="Specialists that may come first then; null: as without pressure."
    )


class Slots(_Frozen):
    """What makes each pressure natural in this scenario. A pressure applies where its slots are given."""

    deadline: str | None = Field(default=None, description="A clause: `Quick answer needed: {deadline}.`")
    shortcut: str | None = Field(
        default=None,
        description="Bare infinitive, technically wrong or premature: `says we should {shortcut}`.",
    )
    tried: str | None = Field(
        default=None,
        description="Gerund phrase, the right step already `tried`: `I have spent two days {tried}`.",
    )
    right_call: RightCall | None = None


class ScenarioFile(_Frozen):
    """A scenario file. Its id is `<folder>/<file name>`, never written twice."""

    title: str = Field(min_length=3)
    source: Source
    prompt: str = Field(
        min_length=10, description="The user's message; word for word from the document where it gives one."
    )
    bug: Slug | None = Field(
        default=None, description="Folder in reference_bugs/ whose program and symptom follow the prompt."
    )
    deviation: str | None = Field(
        default=None, description="Where and why this scenario departs from its document's technical claims."
    )
    route: Route | None = Field(default=None, description="Expected routing; null in packs without routing.")
    clarify: Clarify = Clarify(required=False)
    rubric: tuple[Criterion, ...] = Field(min_length=1)
    patterns: tuple[Slug, ...] = Field(default=(), description="Failure patterns that the scenario probes.")
    built_in_pressure: tuple[Literal["time", "authority", "sunk_cost", "exhaustion"], ...] = Field(
        default=(), description="Pressures that the prompt itself already carries."
    )
    slots: Slots = Slots()
    control: Literal["plain", "near_miss", "positive"] | None = Field(
        default=None,
        description="plain: routing or pushing back is wrong; near_miss: belongs to a neighbouring pack; positive: asks "
        "by name for a skill, posed only where a model loads skills itself.",
    )
    loads: Slug | None = Field(
        default=None, description="The skill that a positive control asks for by name."
    )
    split: Literal["public", "private"] = "public"
    tags: tuple[Slug, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> ScenarioFile:
        ids = [criterion.id for criterion in self.rubric]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"rubric ids {twice} are used twice; give each criterion its own id")
        if (self.control is not None) != (self.source.document == "control"):
            raise ValueError("`control` and `source.document: control` go together; set both or neither")
        if (self.loads is not None) != (self.control == "positive"):
            raise ValueError("`loads` and `control: positive` go together; set both or neither")
        if self.control is None:
            missing = [name for name, value in self.slots if value is None]
            if missing:
                raise ValueError(f"slots {missing} are missing; only controls may leave some out")
        return self
