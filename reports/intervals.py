"""Interval estimates over a plain table with columns scenario, pressure, epoch, arm, value.

The unit of inference is the base scenario: rows of one scenario are not independent, so epochs (and
pressure variants) are averaged first and intervals are taken over scenarios. Degenerate cases have one
stated policy each, in the docstrings; where nothing can be said, the interval is NaN, never zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

__all__ = ["Cells", "Rate", "pass_rate", "scenario_sums", "share", "side_by_side"]

_SAME = 1e-12


@dataclass(frozen=True)
class Rate:
    """A mean of values in [0, 1] with its interval.

    Attributes:
        value: Mean over scenarios of the mean over their rows; NaN without rows.
        low: Lower end.
        high: Upper end.
        passed: Sum of all values.
        rows: Number of values.
        scenarios: Number of scenarios.
        means: Scenarios with the mean over their rows, in sorted order.
    """

    value: float
    low: float
    high: float
    passed: float
    rows: int
    scenarios: int
    means: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Cells:
    """A metric's answers added up by scenario, pressure, epoch and arm: all that estimates need of them.

    Attributes:
        sums: Sum of the values in each cell, shape (scenarios, pressures, epochs, arms).
        counts: How many they are.
        scenarios: Names, in sorted order.
        pressures: Names, in sorted order.
        arms: Names, in the order given.
    """

    sums: np.ndarray
    counts: np.ndarray
    scenarios: np.ndarray
    pressures: np.ndarray
    arms: tuple[str, ...]

    @classmethod
    def of(cls, frame: pd.DataFrame, arms: Sequence[str]) -> Cells:
        """Adds up the values of some arms.

        Args:
            frame: Columns scenario, pressure, epoch, arm and value.
            arms: The arms; all others are left out.
        """
        arm = np.select([frame["arm"].to_numpy() == name for name in arms], range(len(arms)), -1)
        mine = arm >= 0
        codes, kinds = zip(
            *(
                pd.factorize(frame[by].to_numpy()[mine], sort=True)
                for by in ("scenario", "pressure", "epoch")
            ),
            strict=True,
        )
        shape = (*map(len, kinds), len(arms))
        place = np.ravel_multi_index((*codes, arm[mine]), shape)
        size = math.prod(shape)
        sums = np.bincount(place, frame["value"].to_numpy(float)[mine], size).reshape(shape)
        counts = np.bincount(place, minlength=size).reshape(shape)
        return cls(sums, counts, np.asarray(kinds[0], object), np.asarray(kinds[1], object), tuple(arms))

    def where(self, scenarios: np.ndarray | None = None, pressure: int | None = None) -> Cells:
        """The cells of some scenarios, chosen by booleans, or of one pressure, by its place."""
        rows = slice(None) if scenarios is None else scenarios
        column = slice(None) if pressure is None else slice(pressure, pressure + 1)
        return Cells(
            self.sums[rows, column], self.counts[rows, column], self.scenarios[rows], self.pressures[column], self.arms
        )  # fmt: skip

    def by_scenario(self, arm: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """An arm's scenarios that have answers, the sums of their values, and how many these are."""
        place = self.arms.index(arm)
        sums, counts = (cells[..., place].sum(axis=(1, 2)) for cells in (self.sums, self.counts))
        there = counts > 0
        return self.scenarios[there], sums[there], counts[there]


def scenario_sums(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scenarios in sorted order, the sums of their values, and how many these are.

    Args:
        frame: Columns scenario and value.
    """
    codes, names = pd.factorize(frame["scenario"].to_numpy(), sort=True)
    return names, np.bincount(codes, frame["value"].to_numpy(float)), np.bincount(codes)


def pass_rate(frame: pd.DataFrame, level: float = 0.95) -> Rate:
    """A pass rate, clustered by scenario.

    The interval is inspect's `ci_wilson`, the Wilson interval with the Korn-Graubard effective sample size and a Student-t
    critical value (Franco et al. 2019, doi:10.1093/jssam/smy019), on all rows with the scenario as cluster; computed here
    on arrays, since that of a report's thousands of rates took a fifth of its time. Policy: at a rate of exactly 0 or 1,
    and with a single scenario, where a clustered variance says nothing, the plain Wilson interval with n = number of
    scenarios. Where ragged scenarios put the macro mean outside the interval of all rows, the interval is widened to hold
    it.

    Args:
        frame: Columns scenario and value, values in [0, 1].
        level: Confidence level.
    """
    return share(*scenario_sums(frame), level)


def share(names: np.ndarray, sums: np.ndarray, sizes: np.ndarray, level: float = 0.95) -> Rate:
    """`pass_rate` of scenarios of which the sum and the number of their values are known.

    Raises:
        ValueError: Values are not in [0, 1].
    """
    if not len(names):
        return Rate(math.nan, math.nan, math.nan, 0.0, 0, 0)
    if (sums < 0).any() or (sums > sizes).any():
        raise ValueError("a share lies between 0 and 1; such values are an amount")
    means, rows, passed = sums / sizes, int(sizes.sum()), float(sums.sum())
    groups, mean, pooled = len(names), float(means.mean()), passed / rows
    if groups > 1 and _SAME < pooled < 1.0 - _SAME:
        # The variance of the mean over clusters, with the correction for how many there are.
        variance = ((sums - pooled * sizes) ** 2).sum() * groups / (groups - 1) / rows**2
        effective = min(pooled * (1 - pooled) / variance, rows) if variance > 0 else rows
        low, high = _wilson(pooled, effective, float(special.stdtrit(groups - 1, 0.5 + level / 2)))
    else:
        low, high = _wilson(mean, groups, float(special.ndtri(0.5 + level / 2)))
    by_scenario = tuple(zip(map(str, names), map(float, means), strict=True))
    return Rate(mean, min(low, mean), max(high, mean), passed, rows, groups, by_scenario)


def _wilson(share: float, count: float, critical: float) -> tuple[float, float]:
    """Wilson's interval of a share among so many, ends within [0, 1]."""
    square = critical**2 / count
    center = (share + square / 2) / (1 + square)
    half = critical * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return max(center - half, 0.0), min(center + half, 1.0)


def side_by_side(
    frame: pd.DataFrame, base: str, head: str, by: Sequence[str] = ("scenario", "pressure", "epoch")
) -> pd.DataFrame:
    """The values of two arms in two columns, a row a cell; NaN where an arm has none.

    Args:
        frame: Columns as in ``by``, arm and value.
        base: One arm.
        head: The other.
        by: What makes a cell; several values of one cell are averaged.
    """
    two = frame[frame["arm"].isin([base, head])]
    wide = two.groupby([*by, "arm"], sort=True)["value"].mean().unstack("arm")
    return wide.reindex(columns=[base, head])
