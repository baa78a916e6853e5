"""Makes words of a submission safe to show: in a terminal, in Markdown and HTML, and in JSON."""

from __future__ import annotations

__all__ = ["MOST", "printable"]

MOST = 2000
"""Characters of a text that are kept."""


def printable(text: str, kept: str = "") -> str:
    """A text of at most `MOST` characters, with all that steers a terminal or is no character written as an escape.

    Args:
        text: Anything.
        kept: Control characters that stay, such as line ends.
    """
    cut = text if len(text) <= MOST else f"{text[:MOST]} …"
    shown = "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in cut)
    return shown if len(shown) <= MOST + 2 else f"{shown[:MOST]} …"
