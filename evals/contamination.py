"""Whether text of the skill under test stands where it should not: passages, headings and file names, found exactly."""

from __future__ import annotations

import itertools
import re
from functools import lru_cache

from inspect_ai.model import ChatMessage, ChatMessageAssistant
from inspect_ai.util import Store, StoreModel
from markdown_it import MarkdownIt
from pydantic import Field

__all__ = ["GRAM_WORDS", "THRESHOLD", "Audit", "audit_of", "grams", "leaks", "transcript_text"]

GRAM_WORDS = 8
"""Words in a row that make a passage of the skill; fewer are shared by chance among texts on one topic."""
THRESHOLD = 2
"""Passages without a common word needed for a finding, so that one stock phrase is none."""

_PROGRAM = re.compile(r'<file path="[^"]*(?<!\.md)">\n.*?\n</file>', re.S)
"""A sheet that is no Markdown, as `redgreenbench.evals.skillfolder.Skill.text` gives it."""


class Audit(StoreModel):
    """What was seen of a sample's arm when it ended; kept in the log, since scorers do not get the skills' texts.

    Attributes:
        delivered: Whether what the arm adds stood where it should; None where it adds nothing.
        found: Passages of the skill under test in an arm without it; None where there is nothing to look for.
    """

    delivered: bool | None = None
    found: list[str] | None = Field(default=None)


def audit_of(store: Store) -> Audit | None:
    """The audit of a sample; None if there was none."""
    return Audit(store=store) if "Audit:delivered" in store else None


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9_]+", text.lower())


@lru_cache(maxsize=64)
def grams(text: str) -> frozenset[str]:
    """All passages of `GRAM_WORDS` words in a text, in lower case, without punctuation."""
    # Not of code: the same training loop stands in every tutorial.
    words = _words(re.sub(r"^ *(```+|~~~+).*?^ *\1", " ", text, flags=re.S | re.M))
    return frozenset(" ".join(words[i : i + GRAM_WORDS]) for i in range(len(words) - GRAM_WORDS + 1))


@lru_cache(maxsize=64)
def _headings(text: str) -> frozenset[str]:
    """Headings of at least four words and names of Markdown files, in lower case."""
    # As Markdown, in which a comment of a program is no heading; nor is one of a sheet that is a program.
    tokens = MarkdownIt().disable("html_block").parse(_PROGRAM.sub(" ", text))
    after = itertools.pairwise(tokens)
    headings = {inline.content.strip().lower() for token, inline in after if token.type == "heading_open"}
    long = {h for h in headings if len(_words(h)) >= 4}
    return frozenset(long | {name.lower() for name in re.findall(r"[\w./-]+\.md\b", text)} - {"readme.md"})


def leaks(transcript: str, skill: str, given: str) -> list[str]:
    """Passages of a skill that occur in a transcript but not in what every arm is given.

    Args:
        transcript: Everything that the model saw and said.
        skill: The text of the skill under test.
        given: What the sample held in any arm: catalogue, question, base prompt.

    Returns:
        Passages of `GRAM_WORDS` words, at least `THRESHOLD` of them apart from each other, and headings or file
        names; empty if there is no finding.
    """
    passages = grams(skill)
    words = _words(transcript)
    passages_seen: list[str] = []
    position = 0
    while position + GRAM_WORDS <= len(words):
        gram = " ".join(words[position : position + GRAM_WORDS])
        if gram in passages:
            passages_seen.append(gram)
            position += GRAM_WORDS
        else:
            position += 1
    if passages_seen:
        shared = grams(given)
        passages_seen = [gram for gram in passages_seen if gram not in shared]
    lower, allowed = transcript.lower(), given.lower()
    named = sorted(h for h in _headings(skill) if h in lower and h not in allowed)
    return [*(passages_seen if len(passages_seen) >= THRESHOLD else []), *named]


def transcript_text(messages: list[ChatMessage]) -> str:
    """Everything that was seen and said, with the arguments of tool calls."""
    parts = []
    for message in messages:
        parts.append(message.text)
        if isinstance(message, ChatMessageAssistant):
            parts += [str(call.arguments) for call in message.tool_calls or ()]
    return "\n".join(parts)
