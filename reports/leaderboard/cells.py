"""Cells of tables: the text of an estimate, what it sorts by, its class and its strip."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

from redgreenbench.reports.estimate import Estimate
from redgreenbench.reports.leaderboard.cell_graphics import (
    difference_class,
    difference_interval,
    value_interval,
)
from redgreenbench.reports.leaderboard.entries import Entry
from redgreenbench.reports.leaderboard.results import Slice
from redgreenbench.reports.words import BLANK, estimate_text, value_text

__all__ = ["amount_cell", "caveat", "lift_cell", "slice_cells", "sortable"]


def caveat(model: str) -> str:
    """What has to be said beside a model's name; empty for most."""
    if model.startswith("mockllm/"):
        return "scripted, not a language model"
    if model.startswith("embedded/"):
        return "embedded demonstration model, too weak to judge a skill by"
    return ""


def sortable(value: float) -> str:
    """What a number sorts by; empty where there is none."""
    return "" if math.isnan(value) else f"{value:.6g}"


def lift_cell(lift: Estimate | None) -> dict[str, Any]:
    """A difference, coloured where it is one."""
    text = estimate_text(lift)
    return {
        "text": text,
        "class": difference_class(lift) if text != BLANK else "none",
        "sort": sortable(lift.value if lift else math.nan),
        "strip": difference_interval(lift) if lift and lift.described.scale == "share" else Markup(""),
    }


def amount_cell(entry: Entry, metric: str) -> dict[str, Any]:
    """A row's mean of a metric."""
    mean = entry.get(metric)
    if mean is None:
        return {"text": BLANK, "sort": ""}
    return {"text": value_text(mean), "sort": sortable(mean.value)}


def slice_cells(part: Slice) -> dict[str, Any]:
    """A row's rank, value, number of answers and lift over some of the samples."""
    return {
        "rank": str(part.rank),
        "rank_sort": part.rank.low * 1000 + part.rank.high,
        "value": estimate_text(part.value),
        "value_sort": sortable(part.value.value),
        "strip": value_interval(part.value),
        "n": f"{part.value.n} ({part.value.answers})",
        "n_sort": part.value.answers,
        "lift": lift_cell(part.lift),
    }
