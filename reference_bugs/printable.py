"""Makes words of a submission safe to show: in a terminal, in Markdown and HTML, and in JSON."""

from __future__ import annotations

__all__ = ["MAX_CHARACTERS", "printable"]

MAX_CHARACTERS = 2000
"""Characters of a text that are kept."""


def printable(text: str, kept: str = "") -> str:
    """A text cut to `MAX_CHARACTERS`, with control and non-character code points written as escapes.

    Args:
        text: Anything.
        kept: Control characters that stay, such as line ends.
    """
    cut = text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} …"
    shown = "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in cut)
    return shown if len(shown) <= MAX_CHARACTERS + 2 else f"{shown[:MAX_CHARACTERS]} …"
