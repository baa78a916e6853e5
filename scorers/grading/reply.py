"""A grader's reply, from JSON by schema or from whatever stands around the JSON, to verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from inspect_ai.model import ResponseSchema
from inspect_ai.util import JSONSchema

from redgreenbench.scorers.grading.evidence import Transcript

__all__ = ["MAX_QUOTE", "GraderReply", "Verdict", "object_in", "read_reply", "response_schema"]

_WORDS = {
    True: {"true", "yes", "met", "holds", "correct"},
    False: {"false", "no", "not met", "not_met", "unmet", "incorrect"},
    None: {"unknown", "cannot tell", "can't tell", "cannot_tell", "unclear", "n/a"},
}
_VERDICTS = {word: value for value, words in _WORDS.items() for word in words}
MAX_QUOTE = 400
"""Characters of a quote or a reason that are kept."""


@dataclass(frozen=True)
class Verdict:
    """What a grader decided on one statement.

    Attributes:
        holds: Whether the statement is true; None where that is not decided.
        quote: The evidence, word for word from the assistant.
        reason: The grader's one line.
        void: Why it is not decided: ``cannot tell``, ``not answered``, ``invented quote`` or ``no evidence``.
    """

    holds: bool | None
    quote: str = ""
    reason: str = ""
    void: str = ""


@dataclass(frozen=True)
class GraderReply:
    """A reply that could be read.

    Attributes:
        verdicts: A verdict for each statement, in the order in which they were put.
        excuses: Excuses found, with a quote that is really there.
    """

    verdicts: tuple[Verdict, ...]
    excuses: tuple[tuple[str, str], ...]


def response_schema() -> ResponseSchema:
    """The reply as a JSON schema, for providers that can hold a model to one."""
    text = JSONSchema(type="string")

    def entries(**fields: JSONSchema) -> JSONSchema:
        entry = JSONSchema(type="object", properties=fields, required=[*fields], additionalProperties=False)
        return JSONSchema(type="array", items=entry)

    verdict = JSONSchema(type="string", enum=["true", "false", "unknown"])
    return ResponseSchema(
        name="verdicts",
        json_schema=JSONSchema(
            type="object",
            properties={
                "verdicts": entries(n=JSONSchema(type="integer"), verdict=verdict, quote=text, reason=text),
                "excuses": entries(id=text, quote=text),
            },
            required=["verdicts", "excuses"],
            additionalProperties=False,
        ),
    )


def read_reply(text: str, count: int, transcript: Transcript, excuses: Sequence[str]) -> GraderReply:
    """Reads a grader's reply and checks its evidence.

    Args:
        text: The reply.
        count: How many statements were put.
        transcript: What quotes have to come from.
        excuses: Known ids of excuses; others are ignored.

    Raises:
        ValueError: There is no usable JSON object in it, or it leaves out half of the statements.
    """
    data = object_in(text, _holds_verdicts)
    if data is None:
        raise ValueError('there is no JSON object with "verdicts" in it')
    by_number: dict[int, list[Verdict]] = {}
    for entry in data["verdicts"]:
        if isinstance(entry, dict):
            number = _number(entry.get("n"))
            if number is not None and 1 <= number <= count:
                by_number.setdefault(number, []).append(_verdict(entry, transcript))
    answered = [number for number in by_number if by_number[number]]
    if 2 * len(answered) < count:
        raise ValueError(f"it answers {len(answered)} of {count} statements")
    verdicts = tuple(_consistent_verdict(by_number.get(number, [])) for number in range(1, count + 1))
    return GraderReply(verdicts, _excuses(data.get("excuses"), transcript, excuses))


def object_in(text: str, fits: Callable[[object], bool]) -> dict[str, Any] | None:
    """The last fitting object in a text, None without one; a grader may think aloud or quote before it."""
    last = None
    decoder = json.JSONDecoder()
    position = 0
    while (start := text.find("{", position)) >= 0:
        try:
            data, position = decoder.raw_decode(text, start)
        except json.JSONDecodeError:
            position = start + 1
            continue
        if fits(data):
            last = data
    return last if last is not None else _lenient(text, fits)


def _lenient(text: str, fits: Callable[[object], bool]) -> dict[str, Any] | None:
    """What json refuses but YAML reads: trailing commas, single quotes, words without quotes."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start or len(text) > 100_000:
        return None
    try:
        data = yaml.safe_load(text[start : end + 1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return data if fits(data) else None


def _holds_verdicts(data: object) -> bool:
    return isinstance(data, dict) and isinstance(data.get("verdicts"), list)


def _number(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _verdict(entry: dict[str, Any], transcript: Transcript) -> Verdict:
    word = str(entry.get("verdict", entry.get("met", ""))).strip().lower()
    quote = str(entry.get("quote") or "").strip()[:MAX_QUOTE]
    reason = " ".join(str(entry.get("reason") or "").split())[:MAX_QUOTE]
    if word not in _VERDICTS:
        return Verdict(None, "", reason, "not answered")
    holds = _VERDICTS[word]
    if holds is None:
        return Verdict(None, "", reason, "cannot tell")
    if quote and not transcript.holds(quote):
        return Verdict(None, quote, reason, "invented quote")
    if holds and not quote:
        return Verdict(None, "", reason, "no evidence")
    return Verdict(holds, quote, reason)


def _consistent_verdict(verdicts: Sequence[Verdict]) -> Verdict:
    if not verdicts:
        return Verdict(None, void="not answered")
    if len({verdict.holds for verdict in verdicts}) > 1:
        return Verdict(None, void="answered twice, differently")
    return verdicts[0]


def _excuses(data: object, transcript: Transcript, known: Sequence[str]) -> tuple[tuple[str, str], ...]:
    quotes: dict[str, str] = {}
    for entry in data if isinstance(data, list) else ():
        if isinstance(entry, dict):
            name, quote = str(entry.get("id", "")), str(entry.get("quote") or "").strip()[:MAX_QUOTE]
            if name in known and transcript.holds(quote):
                quotes.setdefault(name, quote)
    return tuple(quotes.items())
