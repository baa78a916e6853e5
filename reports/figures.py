"""Figures by matplotlib's object interface; colours that colour-blind readers can tell apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.figure import Figure

from redgreenbench.reports.summary import Group

__all__ = ["accuracy_figure", "arm_styles"]

# Okabe and Ito's palette; shapes repeat what colours say.
_STYLES = {
    "red": ("#D55E00", "o"),
    "generic": ("#E69F00", "v"),
    "placebo": ("#999999", "s"),
    "green": ("#009E73", "D"),
}
_OTHERS = (("#0072B2", "^"), ("#CC79A7", "P"), ("#56B4E9", "X"), ("#000000", "*"))


def arm_styles(arms: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each arm."""
    others = [arm for arm in arms if arm not in _STYLES]
    return _STYLES | {arm: _OTHERS[i % len(_OTHERS)] for i, arm in enumerate(others)}


def accuracy_figure(groups: Sequence[Group]) -> Figure:
    """Left: each arm's rate with its interval. Right: its paired difference to RED with its interval."""
    styles = arm_styles(dict.fromkeys(cell.arm for group in groups for cell in group.cells))
    figure = Figure(figsize=(10, 1.6 + 0.3 * sum(len(g.cells) + 1 for g in groups)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    labels, ticks = [], []
    row = 0.0
    drawn: dict[str, Any] = {}
    for group in groups:
        start = row
        for cell in group.cells:
            colour, marker = styles[cell.arm]
            if cell.rate.rows:
                errors = [[cell.rate.value - cell.rate.low], [cell.rate.high - cell.rate.value]]
                drawn[cell.arm] = left.errorbar(
                    cell.rate.value, row, xerr=[[max(e, 0.0) for e in side] for side in errors],
                    color=colour, marker=marker, capsize=3, linestyle="none",
                )  # fmt: skip
            difference = cell.difference
            if difference is not None and difference.pairs:
                right.plot(100 * difference.value, row, color=colour, marker=marker, linestyle="none")
                if not math.isnan(difference.low):
                    right.hlines(row, 100 * difference.low, 100 * difference.high, color=colour)
            row += 1
        labels.append(group.label_among(groups))
        ticks.append((start + row - 1) / 2)
        row += 1
        left.axhline(row - 1, color="0.9", linewidth=0.8)
        right.axhline(row - 1, color="0.9", linewidth=0.8)
    left.set(xlim=(-0.02, 1.02), xlabel="share correct, 95 % interval", ylim=(row - 0.5, -0.8))
    left.set_yticks(ticks, labels)
    right.axvline(0, color="0.4", linewidth=0.8)
    right.set(xlabel="arm − RED in points, 95 % interval")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    if drawn:
        figure.legend(
            list(drawn.values()), list(drawn), loc="outside upper center", ncols=len(drawn), frameon=False
        )
    return figure
