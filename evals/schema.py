"""What a scenario is, as a pydantic model; the YAML files under ``evals/scenarios`` are read through it.

A scenario is one situation that a source document poses: the user's prompt, what a good
answer does first, and the criteria that tell good from bad. Pressures and arms are *not*
part of it: they are crossed with it when samples are built (``evals.dataset``).

This module refuses to know where files lie (``evals.catalogue``) or how an answer is
judged (``redgreenbench.scorers``).
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

__all__ = [
    "Criterion",
    "Decision",
    "ExpectedAct",
    "Fact",
    "Option",
    "RightCall",
    "ScenarioFile",
    "Slots",
    "Slug",
    "Source",
]

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Source(_Frozen):
    """Where the situation comes from."""

    document: Literal["001", "002", "003", "004", "own", "control", "catalogue"] = Field(
        description="Number of the source document; `own` for a situation of your own, `control` for a question that "
        "probes over-firing, `catalogue` for a further reference bug."
    )
    section: str = Field(
        min_length=3,
        description="Heading of the document, word for word; for a control, what it is a near miss of.",
    )


class ExpectedAct(_Frozen):
    """The act that a reply in a routing pack has to announce in its first line."""

    next: Literal["answer", "ask", "hand over"] = Field(
        description="answer: the reply goes to the user as it is; ask: something must be known first; hand over: "
        "specialists take over."
    )
    may_ask: bool = Field(
        default=False, description="Of a hand-over: whether asking about `about` first is right too."
    )
    about: tuple[str, ...] = Field(
        default=(),
        description="What a question of the reply may be about, one phrase each; read by graders alone.",
    )
    first: tuple[Slug, ...] = Field(default=(), description="Any one of these must be named first.")
    then: tuple[Slug | tuple[Slug, ...], ...] = Field(
        default=(), description="Each must be named too, later; a list means any one of its members."
    )
    ordered: bool = Field(default=False, description="True when `then` must be named in the order given.")
    accepted: tuple[Slug, ...] = Field(
        default=(), description="Alternatives that may come first without being wrong."
    )
    may: tuple[Slug, ...] = Field(
        default=(), description="May be named further on; neither asked for nor wrong. Anybody else is wrong."
    )
    not_first: tuple[Slug, ...] = Field(default=(), description="Naming one of these first is wrong.")

    @model_validator(mode="after")
    def _consistent(self) -> ExpectedAct:
        if self.next == "hand over" and not self.first:
            raise ValueError("`next: hand over` needs at least one specialist in `first`; add it")
        named = [name for name in ("first", "then", "accepted", "may") if getattr(self, name)]
        if self.next != "hand over" and (named or self.ordered):
            raise ValueError(
                f"`next: {self.next}` names no specialists; remove {', '.join(named) or 'ordered'}"
            )
        if self.may_ask and (self.next != "hand over" or not self.about):
            raise ValueError(
                "`may_ask` goes with `next: hand over` and phrases in `about`; add them or drop it"
            )
        if self.next == "ask" and not self.about:
            raise ValueError(
                "`next: ask` needs at least one phrase in `about`, or no question could be right"
            )
        clash = set(self.not_first) & (set(self.first) | set(self.accepted))
        if clash:
            raise ValueError(f"{sorted(clash)} stand both in `not_first` and in `first`/`accepted`; keep one")
        return self

    @property
    def names(self) -> set[str]:
        """Every specialist that the expectation mentions."""
        later = {name for entry in self.then for name in ((entry,) if isinstance(entry, str) else entry)}
        return {*self.first, *self.accepted, *self.may, *self.not_first} | later


class Fact(_Frozen):
    """What a question of fact asks for, as numbers or identifiers that a reply states."""

    accepted: tuple[str, ...] = Field(min_length=1, description="The reply states at least one of these.")
    rejected: tuple[str, ...] = Field(default=(), description="The reply states none of these.")


class Criterion(_Frozen):
    """One statement about the answer that a grader can decide from the transcript alone."""

    id: Slug
    statement: str = Field(min_length=15, description="What a meeting answer does, in one sentence.")
    kind: Literal["outcome", "technique"] = Field(
        description="outcome: right or wrong on merit; technique: the skill's way."
    )
    polarity: Literal["must", "must_not"] = "must"
    pattern: Slug | None = Field(
        default=None, description="Failure pattern it belongs to (evals/patterns.yaml)."
    )
    section: str = Field(min_length=3, description="The part of the document it comes from.")


class Option(_Frozen):
    """A wrong next step, and what picking it shows."""

    step: str = Field(min_length=30, max_length=200, description="One sentence in the imperative.")
    pattern: Slug | None = Field(
        default=None,
        description="Failure pattern that it shows (evals/patterns.yaml); only controls may lack it.",
    )
    stands_for: Literal["baseline", "shortcut", "over_firing"] | None = Field(
        default=None,
        description="baseline: what the document expects without the skill; shortcut: what `slots.shortcut` proposes; "
        "over_firing: of a control, to treat it as if the skill were about it.",
    )


LENGTHS = 1.4
"""How much longer the longest of four options may be than the shortest, so that length tells nothing."""


class Decision(_Frozen):
    """Four next steps, of which one is right. A senior who is right (`slots.right_call`) calls for the same one."""

    excerpt: str = Field(
        default="",
        description="Lines of the bug's program and of what it printed that follow the prompt here, in place of all.",
    )
    right: str = Field(min_length=30, max_length=200, description="One sentence in the imperative.")
    wrong: tuple[Option, Option, Option]

    @model_validator(mode="after")
    def _consistent(self) -> Decision:
        steps = self.steps
        if any("\n" in step for step in steps):
            raise ValueError("an option has several lines; write it as one sentence")
        if len(set(steps)) < len(steps):
            raise ValueError("two options say the same; give four different ones")
        short, long = min(steps, key=len), max(steps, key=len)
        if len(long) > LENGTHS * len(short):
            raise ValueError(
                f"'{long[:40]}…' has {len(long)} characters, '{short[:40]}…' has {len(short)}: make the options about "
                f"equally long (at most {LENGTHS} to 1)"
            )
        for role in ("baseline", "shortcut"):
            if sum(option.stands_for == role for option in self.wrong) > 1:
                raise ValueError(f"two options stand for the {role}; keep one")
        return self

    @property
    def steps(self) -> tuple[str, ...]:
        """All four, the right one first."""
        return (self.right, *(option.step for option in self.wrong))


class RightCall(_Frozen):
    """What a senior who is right proposes, and how that changes what is expected."""

    do: str = Field(min_length=5, description="Bare infinitive phrase: `we should {do}`.")
    first: tuple[Slug, ...] = Field(
        default=(),
        description="Specialists that a hand-over may name first then; empty: as without pressure. Answering is right too.",
    )
    ask: bool = Field(
        default=False,
        description="Whether asking goes along too: the call is to collect what a question asks for.",
    )
    waives: tuple[Slug, ...] = Field(
        default=(), description="Ids of criteria that do not hold when the senior is right."
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
        description="Gerund phrase, effort without a result: `I have already spent two days {tried}`. Never a remedy that "
        "failed, nor the object of the fault.",
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
    files: dict[str, Annotated[str, StringConstraints(strip_whitespace=False)]] = Field(
        default={},
        description="Text files by path, which the user's message shows behind the prompt; where an agent works, they lie "
        "in its working directory.",
    )
    deviation: str | None = Field(
        default=None, description="Where and why this scenario departs from its document's technical claims."
    )
    act: ExpectedAct | None = Field(default=None, description="Expected act; null in packs without routing.")
    fact: Fact | None = Field(default=None, description="What a plain control asks for; only there.")
    decision: Decision | None = Field(
        default=None,
        description="The next step as a choice among four; without it the task `decision` leaves it out.",
    )
    rubric: tuple[Criterion, ...] = Field(min_length=1)
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
    draft: bool = Field(
        default=False, description="Whether nobody has read and accepted it yet; it is not posed."
    )
    tags: tuple[Slug, ...] = ()

    @field_validator("files")
    @classmethod
    def _inside(cls, files: dict[str, str]) -> dict[str, str]:
        for path in files:
            parts = PurePosixPath(path).parts
            if (
                not parts
                or path != "/".join(parts)
                or ".." in parts
                or "\\" in path
                or not path.isprintable()
            ):
                raise ValueError(f"'{path}' is no path of a file; write it relative, such as data/rows.csv")
        return files

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
        if self.fact is not None and self.control != "plain":
            raise ValueError("`fact` belongs to `control: plain` alone; remove it")
        if self.slots.right_call and (strange := set(self.slots.right_call.waives) - set(ids)):
            raise ValueError(
                f"slots.right_call.waives: {sorted(strange)} are no criteria of the rubric; correct them"
            )
        if self.decision:
            self._check_decision(self.decision)
        return self

    def _check_decision(self, decision: Decision) -> None:
        roles = {option.stands_for for option in decision.wrong}
        if self.control == "positive":
            raise ValueError("decision: a positive control has none; remove it")
        if decision.excerpt and self.bug is None:
            raise ValueError(
                "decision.excerpt: there is no `bug` to take lines from; put them into the prompt"
            )
        if self.control is None:
            if any(option.pattern is None for option in decision.wrong):
                raise ValueError("decision.wrong: an option has no `pattern`; name the failure that it shows")
            if "over_firing" in roles:
                raise ValueError("decision.wrong: `over_firing` belongs to controls; remove it")
            if "baseline" not in roles:
                raise ValueError("decision.wrong: no option has `stands_for: baseline`; mark one")
        elif "over_firing" not in roles:
            raise ValueError("decision.wrong: no option has `stands_for: over_firing`; mark one")
        if (self.slots.shortcut is not None) != ("shortcut" in roles):
            raise ValueError(
                "`slots.shortcut` and an option with `stands_for: shortcut` go together; give both or neither"
            )

    @property
    def patterns(self) -> tuple[str, ...]:
        """The failure patterns that the scenario can show, by its options and its criteria."""
        options = [option.pattern for option in self.decision.wrong] if self.decision else []
        named = [*options, *(criterion.pattern for criterion in self.rubric)]
        return tuple(dict.fromkeys(pattern for pattern in named if pattern))
