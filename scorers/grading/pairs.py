"""Which of two replies serves the user better: a grader sees both without names, once in each order, and quotes both."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, Model, ResponseSchema
from inspect_ai.util import JSONSchema, collect
from pydantic import BaseModel, ConfigDict

from redgreenbench.evals.catalogue import HERE, Scenario, read_yaml, validate
from redgreenbench.scorers.grading.asking import ask_grader
from redgreenbench.scorers.grading.evidence import Transcript
from redgreenbench.scorers.grading.questions import applicable
from redgreenbench.scorers.grading.reply import MAX_QUOTE, object_in

__all__ = [
    "Choice",
    "GraderPreference",
    "Replies",
    "criteria_of",
    "majority",
    "pair_hash",
    "pair_messages",
    "prefer",
    "read_choice",
]

Side = Literal["base", "head", "tie"]

_TOKENS = 600


class _PairText(BaseModel):
    """The wording of the prompt (``evals/pairwise.yaml``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    pair: str
    repair: str
    must: str
    must_not: str
    otherwise: str


@dataclass(frozen=True)
class Replies:
    """Two replies to the same question.

    Attributes:
        question: What the user asked.
        base: The base's side of what followed.
        head: The head's.
        criteria: What matters in this case, a line each.
    """

    question: str
    base: Transcript
    head: Transcript
    criteria: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What a grader chose in one order.

    Attributes:
        better: The reply that it prefers; None where that does not count.
        base: Its quote of the base.
        head: Its quote of the head.
        reason: Its one line.
        void: Why it does not count: ``no evidence`` or ``invented quote``.
        failure: Why nothing could be read; empty where it could.
        attempts: Calls made.
    """

    better: Side | None
    base: str = ""
    head: str = ""
    reason: str = ""
    void: str = ""
    failure: str = ""
    attempts: int = 0


@dataclass(frozen=True)
class GraderPreference:
    """What a grader chose in both orders.

    Attributes:
        grader: The model.
        base_first: Its choice where the base is shown first.
        head_first: Its choice where the head is.
    """

    grader: str
    base_first: Choice
    head_first: Choice

    @property
    def better(self) -> Side | None:
        """The reply that is preferred in both orders, else a tie; None where one of the choices does not count."""
        first, second = self.base_first.better, self.head_first.better
        if first is None or second is None:
            return None
        return first if first == second else "tie"

    @property
    def flip(self) -> Literal["", "first", "second"]:
        """The position that was preferred, if the preference followed the position and not the reply."""
        chosen = (self.base_first.better, self.head_first.better)
        return {("base", "head"): "first", ("head", "base"): "second"}.get(chosen, "")  # type: ignore[arg-type, return-value]

    @property
    def failure(self) -> str:
        """Why a choice does not count; empty where both do."""
        return next((c.failure or c.void for c in (self.base_first, self.head_first) if c.better is None), "")


@cache
def _text() -> _PairText:
    path = HERE / "pairwise.yaml"
    return validate(_PairText, read_yaml(path), path)


@cache
def pair_hash() -> str:
    """A hash of what graders are told beside the case. 12 hex digits."""
    return hashlib.sha256(_text().model_dump_json().encode()).hexdigest()[:12]


def criteria_of(scenario: Scenario, pressure: str) -> tuple[str, ...]:
    """The criteria of a comparison: outcome criteria only, so that a skill gains nothing by its own method."""
    wording = {"must": _text().must, "must_not": _text().must_not}
    return tuple(
        wording[criterion.polarity].replace("{statement}", criterion.statement)
        for criterion in applicable(scenario, pressure)
        if criterion.kind == "outcome"
    )


def pair_messages(pair: Replies, head_first: bool = False) -> list[ChatMessage]:
    """The prompt: the rules, the question and the replies between marks, and what matters."""
    a, b = (pair.head, pair.base) if head_first else (pair.base, pair.head)
    # Of all texts together: none of them can hold the mark but by finding a hash that its own text goes into.
    whole = "\0".join((pair.question, a.text, b.text))
    mark = f"pair-{hashlib.sha256(whole.encode()).hexdigest()[:12]}"
    criteria = "\n".join(f"- {line}" for line in pair.criteria or (_text().otherwise,))
    # All at once, so that slots written into a reply stay what they are.
    text = _text().pair.format(mark=mark, question=pair.question, a=a.text, b=b.text, criteria=criteria)
    return [ChatMessageSystem(content=_text().system), ChatMessageUser(content=text)]


def _schema() -> ResponseSchema:
    text = JSONSchema(type="string")
    fields = {
        "quote_a": text,
        "quote_b": text,
        "reason": text,
        "better": JSONSchema(type="string", enum=["A", "B", "tie"]),
    }
    whole = JSONSchema(type="object", properties=fields, required=[*fields], additionalProperties=False)
    return ResponseSchema(name="choice", json_schema=whole)


def _fits(data: object) -> bool:
    return isinstance(data, dict) and "better" in data


def read_choice(text: str, pair: Replies, head_first: bool = False) -> Choice:
    """Reads a grader's reply and checks its evidence.

    Args:
        text: The reply.
        pair: What quotes have to come from.
        head_first: Whether the head was reply A.

    Raises:
        ValueError: There is no usable JSON object in it.
    """
    data = object_in(text, _fits)
    if data is None:
        raise ValueError('there is no JSON object with "better" in it')
    a, b = ("head", "base") if head_first else ("base", "head")
    sides: dict[str, Side] = {"a": a, "b": b, "tie": "tie"}  # type: ignore[dict-item]
    word = str(data["better"]).strip().lower()
    if word not in sides:
        raise ValueError('"better" is none of "A", "B" and "tie"')
    quoted = {side: str(data.get(f"quote_{name}") or "").strip()[:MAX_QUOTE] for name, side in sides.items()}
    reason = " ".join(str(data.get("reason") or "").split())[:MAX_QUOTE]
    void = ""
    if not quoted["base"] or not quoted["head"]:
        void = "no evidence"
    elif not pair.base.holds(quoted["base"]) or not pair.head.holds(quoted["head"]):
        void = "invented quote"
    return Choice(None if void else sides[word], quoted["base"], quoted["head"], reason, void)


async def prefer(model: Model, pair: Replies, fresh: bool = False) -> GraderPreference:
    """Asks a grader about a pair, in both orders.

    Args:
        model: The grader.
        pair: The replies.
        fresh: Whether every epoch is asked anew.
    """
    first, second = await collect(*(_choice(model, pair, head_first, fresh) for head_first in (False, True)))
    return GraderPreference(str(model), first, second)


async def _choice(model: Model, pair: Replies, head_first: bool, fresh: bool) -> Choice:
    messages = pair_messages(pair, head_first)
    asked = await ask_grader(
        model,
        messages,
        _schema(),
        _TOKENS,
        lambda text: read_choice(text, pair, head_first),
        _text().repair,
        fresh,
    )
    choice = asked.reply or Choice(None, failure=asked.failure)
    return replace(choice, attempts=asked.attempts)


def majority(preferences: Sequence[GraderPreference]) -> Side | None:
    """What more than half of the graders prefer; None where no side has so many."""
    votes = [preference.better for preference in preferences]
    sides: tuple[Side, ...] = ("base", "head", "tie")
    return next((side for side in sides if 2 * votes.count(side) > len(votes)), None)
