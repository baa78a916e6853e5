"""Further estimates over the plain table: pooled differences with cluster-robust errors, ratios of means, amounts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from redgreenbench.reports.inference import alike
from redgreenbench.reports.intervals import Cells, Rate, scenario_sums, side_by_side

__all__ = ["Pooled", "Ratio", "amount", "amount_of", "cluster_robust", "ratio", "ratio_of_means"]


_SAME = 1e-9


@dataclass(frozen=True)
class Pooled:
    """A difference over all pairs, each pair with the same weight.

    Attributes:
        value: Mean over pairs of head − base; NaN without pairs.
        low: Lower end of the interval.
        high: Upper end.
        p: Two-sided p.
        method: ``CRV1`` where every scenario has equally many pairs, else ``CRV3``.
        pairs: Number of pairs.
        scenarios: Number of scenarios.
    """

    value: float
    low: float
    high: float
    p: float
    method: str
    pairs: int
    scenarios: int


@dataclass(frozen=True)
class Ratio:
    """A ratio of two means with its interval; an end is NaN where it is not bounded."""

    value: float
    low: float
    high: float


def cluster_robust(frame: pd.DataFrame, base: str, head: str, level: float = 0.95) -> Pooled:
    """The difference head − base over all (scenario, pressure, epoch) pairs, with errors robust to clustering by scenario.

    A check on the macro average of `scenario_differences`, which it equals where scenarios have equally many pairs.
    statsmodels' OLS on a constant with G − 1 degrees of freedom: CRV1, or where scenarios are ragged CRV3 (MacKinnon,
    Nielsen and Webb 2023, doi:10.1016/j.jeconom.2022.04.001). Policy: NaN with fewer than two
    scenarios, or where scenarios do not differ at all.

    Args:
        frame: Columns scenario, pressure, epoch, arm and value.
        base: The arm to compare with.
        head: The arm that is compared.
        level: Confidence level.
    """
    from statsmodels.regression.linear_model import OLS  # takes longer to import than most reports need it

    both = side_by_side(frame, base, head).dropna()
    difference = (both[head] - both[base]).to_numpy(float)
    groups, sizes = np.unique(both.index.get_level_values("scenario"), return_inverse=True)
    ragged = len(set(np.bincount(sizes).tolist())) > 1 if len(sizes) else False
    method = "CRV3" if ragged else "CRV1"
    value = float(difference.mean()) if len(difference) else math.nan
    count = len(groups)
    means = [float(difference[sizes == g].mean()) for g in range(count)]
    if count < 2 or alike(means):
        return Pooled(value, math.nan, math.nan, math.nan, method, len(difference), count)
    fitted = OLS(difference, np.ones(len(difference))).fit(
        cov_type="cluster-crv3" if ragged else "cluster", cov_kwds={"groups": sizes}, use_t=True
    )
    (low, high) = fitted.conf_int(alpha=1 - level)[0]
    return Pooled(value, float(low), float(high), float(fitted.pvalues[0]), method, len(difference), count)


def ratio_of_means(frame: pd.DataFrame, base: str, head: str, level: float = 0.95) -> Ratio:
    """The head's mean over the base's, over the scenarios that have both, with Fieller's interval.

    The interval holds every ratio r for which a t test with G − 1 degrees of freedom does not reject that head − r x base
    is zero on average over scenarios (Fieller 1954). Policy: NaN where the base's mean is zero; ends are NaN
    where the base's mean cannot be told from zero, so that no ratio can be ruled out, with fewer than two scenarios, or
    where nothing varies, which includes scenarios that all have the same ratio.

    Args:
        frame: Columns scenario, arm and value.
        base: The arm that divides.
        head: The arm that is divided.
        level: Confidence level.
    """
    return ratio(Cells.of(frame, (base, head)), base, head, level)


def ratio(cells: Cells, base: str, head: str, level: float = 0.95) -> Ratio:
    """`ratio_of_means` of answers that are added up."""
    both = [cells.arms.index(arm) for arm in (base, head)]
    sums, counts = (part[..., both].sum(axis=(1, 2)) for part in (cells.sums, cells.counts))
    there = (counts > 0).all(axis=1)
    b, a = (sums[there] / counts[there]).T
    count = len(a)
    if not count or b.mean() == 0:
        return Ratio(math.nan, math.nan, math.nan)
    value = float(a.mean() / b.mean())
    if count < 2:
        return Ratio(value, math.nan, math.nan)
    ((vaa, vab), (_, vbb)) = np.cov(a, b) / count
    t = float(special.stdtrit(count - 1, 0.5 + level / 2))
    # Roots of (mean a − r mean b)² = t² var(a − r b), a parabola in r that opens upwards where the base is not zero.
    square, linear, constant = (
        b.mean() ** 2 - t**2 * vbb,
        a.mean() * b.mean() - t**2 * vab,
        a.mean() ** 2 - t**2 * vaa,
    )
    inside = linear**2 - square * constant
    if square <= 0 or inside < 0 or (alike(a) and alike(b)):
        return Ratio(value, math.nan, math.nan)
    root = math.sqrt(inside)
    if root / square < _SAME:
        return Ratio(value, math.nan, math.nan)
    return Ratio(value, float((linear - root) / square), float((linear + root) / square))


def amount(frame: pd.DataFrame, level: float = 0.95) -> Rate:
    """A mean of amounts (tokens, minutes): mean over scenarios with a t interval over scenarios.

    Policy: no interval with fewer than two scenarios; one of no width where all scenarios agree.

    Args:
        frame: Columns scenario and value.
        level: Confidence level.
    """
    return amount_of(*scenario_sums(frame), level)


def amount_of(names: np.ndarray, sums: np.ndarray, sizes: np.ndarray, level: float = 0.95) -> Rate:
    """`amount` of scenarios of which the sum and the number of their values are known."""
    count = len(names)
    if not count:
        return Rate(math.nan, math.nan, math.nan, 0.0, 0, 0)
    by_scenario = sums / sizes
    means = tuple(zip(map(str, names), map(float, by_scenario), strict=True))
    mean, total, rows = float(by_scenario.mean()), float(sums.sum()), int(sizes.sum())
    if count < 2:
        return Rate(mean, math.nan, math.nan, total, rows, count, means)
    half = float(special.stdtrit(count - 1, 0.5 + level / 2) * by_scenario.std(ddof=1) / math.sqrt(count))
    return Rate(mean, mean - half, mean + half, total, rows, count, means)
