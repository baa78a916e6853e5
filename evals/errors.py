"""The one exception for bad input: a line that says what is wrong, where, and what to do.

It derives from inspect's prerequisite error, which `inspect eval` prints without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from inspect_ai._util.error import PrerequisiteError
from rich.text import Text

__all__ = ["InputError", "unknown_name"]


class InputError(PrerequisiteError, ValueError):
    """The user's input cannot be used. The message is one line with the remedy."""

    def __init__(self, message: str) -> None:
        # Text, because inspect prints the message as console markup, which swallows [brackets].
        super().__init__(Text(message))
        self.text = message

    def __str__(self) -> str:
        return self.text


def unknown_name(kind: str, name: str, known: Iterable[str], listing: str) -> InputError:
    """The error for a name that does not exist, with the nearest names that do.

    Args:
        kind: What the name should have been, for example ``scenario``.
        name: The name as given.
        known: Every name that exists.
        listing: Command that lists them.
    """
    names = sorted(known)
    # Short names (the part after the folder) are what people mistype, so both forms are compared.
    by_short = {full.rpartition("/")[2]: full for full in names}
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near += [
        by_short[s] for s in difflib.get_close_matches(name.rpartition("/")[2], by_short, n=3, cutoff=0.5)
    ]
    near = list(dict.fromkeys(near))[:3]
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return InputError(f"unknown {kind} '{name}': {hint}`{listing}` shows all {len(names)}")
