"""Reads the act that a reply announces in its first line, by a strict grammar.

The form is asked for in the system message of every arm (``prompts/act.md``)::

    NEXT: answer
    NEXT: ask
    NEXT: hand over to NAME[, NAME …]

Case, spaces and Markdown marks around the line aside it has to stand as it is; what follows it is not read. Nothing here
reads English.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from redgreenbench.reference_bugs.submission import without_reasoning

__all__ = ["Act", "act_grammar", "read_act"]

_MARKS_BEFORE = re.compile(r"(?:[\s>#+•\-]|\d{1,2}[.)](?=\s))*")
_HEAD = re.compile(r"_*next_*\s*[:：]", re.IGNORECASE)
_HAND_OVER = "hand over to "
_BETWEEN_NAMES = re.compile(r"[,，、;；→]|->")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.\-]*")
_FENCE = re.compile(r"`{3,}|~{3,}")
_INVISIBLE = str.maketrans(dict.fromkeys("\ufeff\u200b\u200e\u200f\u2060"))


@dataclass(frozen=True)
class Act:
    """What a reply announces.

    Attributes:
        next: What is to happen with it.
        names: Who takes over, in order; only with ``hand over``.
    """

    next: Literal["answer", "ask", "hand over"]
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"hand over to {', '.join(self.names)}" if self.names else self.next


def read_act(reply: str, own: Collection[str] = ()) -> Act | None:
    """The act of a reply; None where its first line announces none.

    Args:
        reply: The reply; reasoning in it is no part of it.
        own: Names of the tested skill, which hands over to nobody by naming itself.
    """
    lines = without_reasoning(reply).translate(_INVISIBLE).splitlines()
    written = [line.strip() for line in lines if line.strip() and not _FENCE.fullmatch(line.strip())]
    if not written:
        return None
    line = _MARKS_BEFORE.sub("", written[0], count=1).replace("*", "").replace("`", "").strip()
    head = _HEAD.match(line)
    if head is None:
        return None
    # By words and ends, since an expression for the whole line would take for ever on a long run of spaces or marks.
    words = line[head.end() :].split()
    if len(words) > 1 and not words[-1].strip("#"):
        words.pop()
    said = " ".join(words).strip("_ ")
    if said.endswith((".", "。")):
        said = said[:-1].rstrip("_ ")
    if said.lower() in ("answer", "ask"):
        return Act("ask" if said.lower() == "ask" else "answer")
    if not said.lower().startswith(_HAND_OVER):
        return None
    names = [_name(piece) for piece in _BETWEEN_NAMES.split(said[len(_HAND_OVER) :])]
    if not all(names):
        return None
    mine = {_name(name) or name for name in own}
    others = tuple(dict.fromkeys(name for name in names if name not in mine))
    return Act("hand over", others) if others else Act("answer")


def _name(piece: str) -> str:
    """A specialist's name out of ``plugin:NAME``, ``skills/x/NAME.md`` or ``NAME/SKILL.md``; empty for anything else."""
    plugin, colon, place = piece.strip().strip("_").lower().rpartition(":")
    parts = place.split("/")
    if len(parts) > 1 and not parts[-1].endswith(".md"):
        return ""
    if len(parts) > 1 and parts[-1] == "skill.md":
        parts.pop()
    name = parts.pop().removesuffix(".md")
    around = [*([plugin] if colon else []), *(part for part in parts if part != ".")]
    return name if all(_NAME.fullmatch(part) for part in (name, *around)) else ""


def act_grammar(names: Collection[str]) -> str:
    """A GBNF grammar of the act line, for servers that accept grammars.

    Args:
        names: Who can take over.
    """
    either = " | ".join(f'"{name}"' for name in sorted(names))
    return "\n".join(
        [
            'root ::= "NEXT: " ("answer" | "ask" | "hand over to " name (", " name){0,5}) "\\n" rest',
            f"name ::= {either}",
            "rest ::= [^\\x00]*",
        ]
    )
