"""The console that every command prints tables to."""

from __future__ import annotations

from rich.console import Console

__all__ = ["wide_console"]


def wide_console() -> Console:
    """A console as wide as the terminal; in a pipe, which has no width, wide enough for every table."""
    console = Console()
    return console if console.is_terminal else Console(width=160)
