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


def lift_cell(one: Estimate | None) -> dict[str, Any]:
    """A difference, coloured where it is one."""
    text = estimate_text(one)
    return {
        "text": text,
        "class": difference_class(one) if text != BLANK else "none",
        "sort": sortable(one.value if one else math.nan),
        "strip": difference_interval(one) if one and one.described.scale == "share" else Markup(""),
    }


def amount_cell(entry: Entry, metric: str) -> dict[str, Any]:
    """A row's mean of a metric."""
    one = entry.get(metric)
    if one is None:
        return {"text": BLANK, "sort": ""}
    return {"text": value_text(one), "sort": sortable(one.value)}


def slice_cells(found: Slice) -> dict[str, Any]:
    """A row's rank, value, number of answers and lift over some of the samples."""
    return {
        "rank": str(found.rank),
        "rank_sort": found.rank.low * 1000 + found.rank.high,
        "value": estimate_text(found.value),
        "value_sort": sortable(found.value.value),
        "strip": value_interval(found.value),
        "n": f"{found.value.n} ({found.value.answers})",
        "n_sort": found.value.answers,
        "lift": lift_cell(found.lift),
    }
