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

__all__ = ["Rate", "pass_rate", "scenario_means", "side_by_side"]

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


def scenario_means(frame: pd.DataFrame) -> pd.Series[float]:
    """Mean of each scenario's values, in sorted order: what grouping gives, in a fraction of the time.

    Args:
        frame: Columns scenario and value.
    """
    codes, names = pd.factorize(frame["scenario"], sort=True)
    means = np.bincount(codes, frame["value"].to_numpy(float)) / np.bincount(codes)
    return pd.Series(means, pd.Index(names, name="scenario"))


def pass_rate(frame: pd.DataFrame, level: float = 0.95) -> Rate:
    """A pass rate, clustered by scenario.

    The interval is inspect's `ci_wilson`, the Wilson interval with the Korn-Graubard effective sample size and a Student-t
    critical value (Franco et al. 2019, doi:10.1093/jssam/smy019), on all rows with the scenario as cluster; computed here
    on arrays, since that of a report's thousands of rates took a fifth of its time. Policy: at a rate of exactly 0 or 1, and with a single scenario, where a clustered variance
    says nothing, the plain Wilson interval with n = number of scenarios. Where ragged scenarios put the macro mean outside
    the interval of all rows, the interval is widened to hold it.

    Args:
        frame: Columns scenario and value, values in [0, 1].
        level: Confidence level.
    """
    if frame.empty:
        return Rate(math.nan, math.nan, math.nan, 0.0, 0, 0)
    values = frame["value"].to_numpy(float)
    if values.min() < 0 or values.max() > 1:
        raise ValueError("a share lies between 0 and 1; such values are an amount")
    codes, names = pd.factorize(frame["scenario"], sort=True)
    sizes = np.bincount(codes)
    sums = np.bincount(codes, values)
    means = sums / sizes
    groups, mean, share = len(names), float(means.mean()), float(values.mean())
    if groups > 1 and _SAME < share < 1.0 - _SAME:
        # The variance of the mean over clusters, with the correction for how many there are.
        variance = ((sums - share * sizes) ** 2).sum() * groups / (groups - 1) / len(values) ** 2
        effective = min(share * (1 - share) / variance, len(values)) if variance > 0 else len(values)
        low, high = _wilson(share, effective, float(special.stdtrit(groups - 1, 0.5 + level / 2)))
    else:
        low, high = _wilson(mean, groups, float(special.ndtri(0.5 + level / 2)))
    by_scenario = tuple(zip(map(str, names), map(float, means), strict=True))
    return Rate(mean, min(low, mean), max(high, mean), float(values.sum()), len(values), groups, by_scenario)


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
