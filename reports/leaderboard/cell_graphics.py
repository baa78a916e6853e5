"""Small marks inside tables: an interval as a strip, and the answers of a cell as links to their transcripts."""

from __future__ import annotations

import math
from collections.abc import Iterable

from markupsafe import Markup, escape

from redgreenbench.reports.estimate import Estimate
from redgreenbench.reports.rules import ALPHA, EXPLORING
from redgreenbench.reports.words import level

__all__ = ["answer_links", "difference_class", "difference_interval", "value_interval"]

_WIDTH = 96
# The track and the mark at zero are drawn by the style sheet: an index has hundreds of strips.
_INTERVAL_SVG = Markup(
    '<svg class="strip{zero}" viewBox="0 0 {w} 12" aria-hidden="true"><path d="M{low} 6H{high}"/>'
    '<circle cx="{at}" cy="6" r="3.5"/></svg>'
)


def _interval_svg(value: float, low: float, high: float, zero: bool) -> Markup:
    if math.isnan(value):
        return Markup("")

    def at(x: float) -> str:
        share = (x + 1) / 2 if zero else x
        return f"{_WIDTH * min(1.0, max(0.0, share)):.1f}"

    ends = (value, value) if math.isnan(low) else (low, high)
    return _INTERVAL_SVG.format(
        w=_WIDTH, zero=" zero" if zero else "", low=at(ends[0]), high=at(ends[1]), at=at(value)
    )


def value_interval(estimate: Estimate | None) -> Markup:
    """A share between 0 and 1 with its interval."""
    return (
        Markup("") if estimate is None else _interval_svg(estimate.value, estimate.low, estimate.high, False)
    )


def difference_interval(estimate: Estimate | None) -> Markup:
    """A difference between −1 and 1 with its interval, and a mark at zero."""
    return (
        Markup("") if estimate is None else _interval_svg(estimate.value, estimate.low, estimate.high, True)
    )


def difference_class(estimate: Estimate | None) -> str:
    """Class of a difference: ``gain`` or ``loss`` where its corrected p is small enough, else ``open``."""
    if estimate is None:
        return "open"
    alpha = ALPHA if estimate.described.family == "headline" else EXPLORING
    if not estimate.p_adjusted < alpha:
        return "open"
    return "gain" if estimate.value * estimate.described.sign > 0 else "loss"


def answer_links(answers: Iterable[tuple[int, str, float, str]]) -> Markup:
    """One mark an answer: its epoch and how it was judged, linked to its transcript.

    Args:
        answers: Epoch, status, value and address; an empty address gives no link.
    """
    marks = []
    for epoch, status, value, address in answers:
        if status == "scored":
            sign = "✓" if value >= 1 else "✗" if value <= 0 else level(value).replace(" ", "")
        else:
            sign = {"unscored": "?", "not_applicable": "·"}.get(status, "!")
        kind = {"✓": "y", "✗": "n"}.get(sign, "o")
        if address:
            marks.append(f'<a class="m {kind}" href="{escape(address)}">{epoch}{sign}</a>')
        else:
            marks.append(f'<span class="m {kind}">{epoch}{sign}</span>')
    return Markup(" ".join(marks))
