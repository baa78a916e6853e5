"""The columns of the leaderboard, each in this one place: what it is called, what it shows, and what the downloads hold.

To add a column, add an entry to `COLUMNS`. The page, the JSON document with its schema, and the flat downloads follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reports.estimate import ALL, DIFFERENCE, Estimate
from redgreenbench.reports.leaderboard.cells import amount_cell, caveat, lift_cell, slice_cells
from redgreenbench.reports.leaderboard.entries import Entry
from redgreenbench.reports.leaderboard.identity import short_hash

__all__ = ["COLUMNS", "Column", "effect", "number"]

Cell = Callable[[Entry], Mapping[str, Any]]
_NUMBER: Mapping[str, Any] = {"type": ["number", "null"]}


def number(value: float | None) -> float | None:
    """A number for JSON, null where there is none."""
    return None if value is None or math.isnan(value) else round(float(value), 6)


def effect(difference: Estimate | None) -> dict[str, Any] | None:
    """A difference for JSON, as ``effect`` of the schema says; null where there is none."""
    if difference is None or not difference.n or math.isnan(difference.value):
        return None
    names = ("value", "low", "high", "p", "p_adjusted")
    return {n: number(getattr(difference, n)) for n in names} | {
        "scenarios": difference.n,
        "verdict": difference.verdict,
    }


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: Its name in the downloads, and the class of its cells.
        title: Its name on the page; empty: it is not there.
        cell: What a cell shows: ``text``, and ``sort``, by which it is sorted.
        amount: Whether it holds numbers, which stand to the right.
        macro: How a cell is laid out: a macro of ``cells.html.j2``.
        take: What the JSON document holds of a row under the key; None: nothing of its own.
        schema: JSON schema of that.
        flat: What the flat downloads hold, from the row of the JSON document; by default the value under the key.
    """

    key: str
    title: str = ""
    cell: Cell | None = None
    amount: bool = True
    macro: str = "plain"
    take: Callable[[Entry], Any] | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    flat: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None

    def in_flat(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the flat downloads hold of a row of the JSON document."""
        if self.flat is not None:
            return self.flat(row)
        return {} if self.take is None else {self.key: row[self.key]}


def _who(entry: Entry) -> dict[str, Any]:
    return {
        "entry": entry,
        "sort": f"{entry.model} {entry.label}",
        "caveat": caveat(entry.model),
        "hash": ", ".join(dict.fromkeys(short_hash(s.hash) for s in entry.skills)),
    }


def _all(entry: Entry) -> dict[str, Any]:
    return {"entry": entry, **slice_cells(entry.slices[ALL, ALL])}


def _by_pressure(entry: Entry) -> dict[str, Any]:
    cells = [
        {"pressure": pressure, **lift_cell(s.lift)}
        for (pressure, split), s in entry.slices.items()
        if split == ALL and pressure != ALL and s.lift is not None and s.lift.n
    ]
    cells.sort(key=lambda cell: (cell["pressure"] != NO_PRESSURE, cell["pressure"]))
    for cell in cells:
        cell["short"] = cell["text"].partition(" ")[0]
    return {"pressures": cells, "sort": cells[0]["sort"] if cells else ""}


def _tokens(entry: Entry) -> dict[str, Any]:
    read, written = (amount_cell(entry, name) for name in ("input-tokens", "output-tokens"))
    return {"text": f"{read['text']} / {written['text']}", "sort": written["sort"]}


def _took(row: Mapping[str, Any], metric: str) -> float | None:
    return next((m["value"]["value"] for m in row["metrics"] if m["metric"] == metric), None)


COLUMNS: tuple[Column, ...] = (
    Column("rank", "Rank", _all, macro="rank"),
    Column("who", "Model and skill", _who, amount=False, macro="who"),
    Column("value", "Value", _all, macro="value"),
    Column("delta", "Lift", _all, macro="delta"),
    Column("by", "Lift by pressure", _by_pressure, amount=False, macro="by"),
    Column(
        "over_firing",
        "Over-firing",
        lambda entry: lift_cell(entry.get("restraint", DIFFERENCE)),
        macro="lift",
        take=lambda entry: effect(entry.get("restraint", DIFFERENCE)),
        schema={
            "description": "Paired difference to RED of restraint on plain questions; negative where the row hands over "
            "what it should answer.",
            "$ref": "#/$defs/effect",
        },
        flat=lambda row: {
            f"over_firing_{name}": (row["over_firing"] or {}).get(name) for name in ("value", "low", "high")
        },
    ),
    Column(
        "noise_band",
        take=lambda entry: number(entry.noise.band) if entry.noise else None,
        schema=_NUMBER,
    ),
    Column(
        "flip_rate",
        take=lambda entry: number(entry.noise.flips) if entry.noise else None,
        schema=_NUMBER,
        flat=lambda row: {},
    ),
    Column("n", "n", _all, macro="n"),
    Column(
        "tokens",
        "Tokens",
        _tokens,
        flat=lambda row: {
            "input_tokens": _took(row, "input-tokens"),
            "output_tokens": _took(row, "output-tokens"),
        },
    ),
    Column(
        "cost",
        "Cost",
        lambda entry: amount_cell(entry, "cost"),
        flat=lambda row: {"cost": _took(row, "cost")},
    ),
    Column("epochs", take=lambda entry: entry.epochs, schema={"type": "integer", "minimum": 1}),
    Column("missing", take=lambda entry: entry.missing, schema={"type": "integer", "minimum": 0}),
    Column(
        "date",
        "Date",
        lambda entry: {"text": entry.date, "sort": entry.date},
        amount=False,
        take=lambda entry: entry.date,
        schema={"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    ),
)
"""All columns, in the order of the page and of the flat downloads."""
