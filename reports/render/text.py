"""The first table for a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from redgreenbench.reports.estimate import Frame
from redgreenbench.reports.render.report import front_table

__all__ = ["console_table"]

_COLOURS = {"improved": "green", "regressed": "red"}
_WORDS = ("Metric", "Model", "Arm", "Verdict")


def console_table(frame: Frame) -> Table:
    """The first table of a report."""
    head, rows = front_table(frame)
    models = ", ".join(sorted({subject.model for subject in frame.subjects}))
    table = Table(title=Text(f"RED against GREEN · {models}"), title_justify="left")
    for name in head:
        table.add_column(Text(name), justify="left" if name in _WORDS else "right")
    last = ""
    for row in rows:
        if last and row[0] != last:
            table.add_section()
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
        last = row[0]
    return table
