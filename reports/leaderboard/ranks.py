"""Rank intervals: how many rows a row can be told apart from, instead of a place that noise decides.

The rule, for a table of R rows. For each pair, the scenario's difference is the mean over the pressures that both rows have
of the difference of their means over epochs; the pair's p is that of a two-sided t test over the common scenarios. All pairs
are corrected together (Holm). Row i is *distinguishably worse* than j where that p is below 0.05 and its mean is
worse. Then

    rank of i = [1 + number of rows distinguishably better than i, R − number of rows distinguishably worse than i]

so that all intervals of a table hold together with 95 % confidence. Two rows with fewer than two common scenarios are not
distinguishable; of those whose differences do not vary p is that of `redgreenbench.reports.inference.effect_of`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from redgreenbench.reports.inference import adjust

__all__ = ["Rank", "rank_intervals"]

_LEVEL = 0.05
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Rank:
    """The places that a row may have."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}–{self.high}"


def rank_intervals(cells: Mapping[str, pd.Series[float]], sign: int = 1) -> dict[str, Rank]:
    """The rank interval of every row.

    Args:
        cells: By row, the mean of its answers by (scenario, pressure).
        sign: 1 where more is better, −1 where less is.
    """
    names = list(cells)
    count = len(names)
    better, p = _pairs(cells)
    upper = [(i, j) for i in range(count) for j in range(i + 1, count)]
    adjusted = adjust([p[pair] for pair in upper])
    above, below = [0] * count, [0] * count
    for (i, j), value in zip(upper, adjusted, strict=True):
        if not math.isnan(value) and value < _LEVEL:
            first, second = (i, j) if sign * better[i, j] > 0 else (j, i)
            below[first] += 1
            above[second] += 1
    return {name: Rank(1 + above[i], count - below[i]) for i, name in enumerate(names)}


def _pairs(cells: Mapping[str, pd.Series[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean difference row i − row j, and its p; NaN where nothing can be said."""
    count = len(cells)
    mean, p = np.full((count, count), math.nan), np.full((count, count), math.nan)
    known = [series for series in cells.values() if len(series)]
    if not known:
        return mean, p
    index = pd.MultiIndex.from_tuples(sorted({pair for series in known for pair in series.index}))
    scenarios, pressures = (sorted(set(index.get_level_values(level))) for level in (0, 1))
    block = np.full((count, len(scenarios), len(pressures)), math.nan)
    row_of = {name: i for i, name in enumerate(scenarios)}
    column_of = {name: i for i, name in enumerate(pressures)}
    for i, series in enumerate(cells.values()):
        places = zip(*(series.index.get_level_values(level) for level in (0, 1)), strict=True)
        for (scenario, pressure), value in zip(places, series.to_numpy(float), strict=True):
            block[i, row_of[scenario], column_of[pressure]] = value
    for i in range(count):
        difference = block[i] - block
        common = ~np.isnan(difference)
        per_cell = common.sum(axis=2)
        with np.errstate(invalid="ignore", divide="ignore"):
            per = np.where(per_cell > 0, np.nansum(difference, axis=2) / per_cell, math.nan)
            n = (~np.isnan(per)).sum(axis=1)
            mean[i] = np.nansum(per, axis=1) / n
            spread = np.sqrt(np.nansum((per - mean[i][:, None]) ** 2, axis=1) / (n - 1))
            varies = spread > _TOLERANCE * np.nanmax(np.abs(per), axis=1, initial=0)
            # Differences that are all the same: as if one scenario did not differ.
            t = np.where(
                varies, mean[i] / (spread / np.sqrt(n)), np.where(np.abs(mean[i]) > _TOLERANCE, n - 1, 0)
            )
            p[i] = np.where(n > 1, 2 * stats.t.sf(np.abs(t), np.maximum(n - 1, 1)), math.nan)
    return mean, p
