"""The console that every command prints tables to, and how a command that makes many objects saves time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

__all__ = ["uncollected", "wide_console"]


def wide_console() -> Console:
    """A console as wide as the terminal; in a pipe, which has no width, wide enough for every table."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


@contextmanager
def uncollected() -> Iterator[None]:
    """Does not look for cycles of garbage: they are few, and the looking takes a tenth of a report's time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
