"""The transcript as a grader sees it, and whether what a grader quotes is really there."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageTool, ChatMessageUser

__all__ = ["Transcript", "transcript_of"]

_SHORTEST = 4
"""Characters other than white space that a quote has to have."""
_TOOL_CHARACTERS = 3000
"""Of a tool's output, what a grader sees: an agent's run would else fill its context."""
_ALIKE = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "−": "-"})


@dataclass(frozen=True)
class Transcript:
    """What was said, without the system message, so that neither arm nor skill can be seen.

    Attributes:
        turns: Pairs of ``user``, ``assistant`` or ``tool`` and text.
    """

    turns: tuple[tuple[str, str], ...]

    @cached_property
    def text(self) -> str:
        """All turns, each under its role."""
        return "\n\n".join(f"[{role}]\n{text}" for role, text in self.turns)

    @cached_property
    def said(self) -> str:
        """All that the assistant said, its tool calls included."""
        return "\n".join(text for role, text in self.turns if role == "assistant")

    @cached_property
    def mark(self) -> str:
        """A delimiter that the transcript cannot contain, since it is a hash of the transcript."""
        return f"transcript-{hashlib.sha256(self.text.encode()).hexdigest()[:12]}"

    @cached_property
    def _said_without_layout(self) -> str:
        return _without_layout(self.said)

    def holds(self, quote: str) -> bool:
        """Whether the assistant said this, white space and typographic marks aside."""
        wanted = _without_layout(quote)
        # A reply that is shorter than any quote can only be quoted whole.
        return (
            wanted == self._said_without_layout
            if len(wanted) < _SHORTEST
            else wanted in self._said_without_layout
        )


def _without_layout(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).translate(_ALIKE))


def transcript_of(messages: Sequence[ChatMessage]) -> Transcript:
    """The conversation of a sample as a transcript."""
    return Transcript(tuple(_turns(messages)))


def _turns(messages: Iterable[ChatMessage]) -> Iterable[tuple[str, str]]:
    for message in messages:
        match message:
            case ChatMessageUser():
                yield "user", message.text
            case ChatMessageAssistant():
                calls = [f"{call.function}({call.arguments})" for call in message.tool_calls or ()]
                yield "assistant", "\n".join(part for part in (message.text, *calls) if part)
            case ChatMessageTool():
                yield "tool", _shortened(message.text)


def _shortened(text: str) -> str:
    if len(text) <= _TOOL_CHARACTERS:
        return text
    half = _TOOL_CHARACTERS // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
