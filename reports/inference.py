"""Tests and planning over scenario differences: what a comparison of two arms or versions rests on.

Input is the same plain table as in `redgreenbench.reports.statistics` (columns scenario, pressure, epoch, arm,
value). Epochs are averaged first, then pressure variants, then the arms are paired: one number a scenario, the unit of
inference, so that neither more epochs nor more pressures can manufacture significance. Policies at the edges are in the
docstrings; what cannot be said is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
from scipy import special, stats
from statsmodels.stats.power import TTestPower

from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reports.intervals import Cells, side_by_side

__all__ = [
    "Effect",
    "GainedLost",
    "adjust",
    "alike",
    "drop",
    "effect_of",
    "erosion",
    "flip_rate",
    "gained_lost",
    "interaction",
    "minimum_detectable_effect",
    "non_inferiority",
    "paired",
    "pass_hat_k",
    "scenario_differences",
    "scenarios_needed",
    "sign_flip",
]

_EXACT_UP_TO = 13
"""Scenarios up to which all sign patterns are tried (2^13 of them); beyond, they are drawn with a seed."""
_DRAWS = 9_999
_LOOK_UP_TO = 100_000
_ROUNDING = 100 * np.finfo(float).eps
"""Share of a mean below which another is as far from zero, as in scipy."""
_TOLERANCE = 1e-12
"""Share of the values' scale below which two numbers are the same."""


@dataclass(frozen=True)
class Effect:
    """A mean over scenario differences and what can be said of it.

    Attributes:
        value: Mean over scenarios; NaN without any.
        low: Lower end of the two-sided interval, Student t with G − 1 degrees of freedom.
        high: Upper end.
        p: Two-sided p of the t test.
        p_sign_flip: Two-sided p of the sign-flip test, which assumes symmetry alone.
        mde: Smallest true difference that this many scenarios, varying as these do, would show with 80 % power.
        scenarios: Number of scenarios, G.
    """

    value: float
    low: float
    high: float
    p: float
    p_sign_flip: float
    mde: float
    scenarios: int


@dataclass(frozen=True)
class GainedLost:
    """How many answers changed sides; descriptive, since answers of one scenario are not independent.

    Attributes:
        gained: Cells that only the head passes.
        lost: Cells that only the base passes.
        both: Cells that both pass.
        neither: Cells that neither passes.
        p: Exact McNemar p over cells, not a test of the suite's hypotheses.
    """

    gained: int
    lost: int
    both: int
    neither: int
    p: float


def scenario_differences(frame: pd.DataFrame, base: str, head: str) -> pd.Series[float]:
    """Mean difference head − base of each scenario, over the (pressure, epoch) cells that have both arms.

    Epochs are averaged within a pressure first, so that a pressure asked more often weighs no more.

    Args:
        frame: Columns scenario, pressure, epoch, arm and value.
        base: The arm to compare with.
        head: The arm that is compared.

    Returns:
        One value a scenario, indexed by scenario in sorted order; empty without pairs.
    """
    return paired(Cells.of(frame, (base, head)), base, head)[0]


def paired(cells: Cells, base: str, head: str) -> tuple[pd.Series[float], np.ndarray]:
    """`scenario_differences` of answers that are added up, and how many answers of the head each of these scenarios has."""
    two = [cells.arms.index(arm) for arm in (base, head)]
    sums, counts, scenarios = cells.sums[..., two], cells.counts[..., two], cells.scenarios
    with np.errstate(invalid="ignore", divide="ignore"):
        both = sums / counts
    per_cell = both[..., 1] - both[..., 0]
    per_scenario = _mean(_mean(per_cell, axis=2), axis=1)
    there = ~np.isnan(per_scenario)
    used = both[~np.isnan(per_cell)]
    scale = float(np.abs(used).max()) if used.size else 0.0
    # A difference that is none must not be one by the rounding of a sum.
    values = np.where(np.abs(per_scenario) > _TOLERANCE * scale, per_scenario, 0.0)[there]
    differences = pd.Series(values, pd.Index(scenarios[there], dtype=object, name="scenario"))
    return differences, counts[..., 1].sum(axis=(1, 2))[there]


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over an axis of what is not NaN; NaN where all is."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(there, values, 0.0).sum(axis) / there.sum(axis))


def alike(values: np.ndarray | Sequence[float]) -> bool:
    """Whether numbers are equal but for rounding: their range is at most 1e-12 of the largest."""
    given = np.asarray(values, float)
    return float(np.ptp(given)) <= _TOLERANCE * float(np.abs(given).max())


def effect_of(
    differences: pd.Series[float], level: float = 0.95, seed: int = 0, flips: bool = True
) -> Effect:
    """The effect that scenario differences show.

    Policy: with fewer than two scenarios interval, p and smallest detectable difference are NaN: one scenario says nothing
    about others. Where no scenario changed, p is 1 and there is no interval. Where all changed by the same amount, interval,
    p and smallest detectable difference are those of the same data with one scenario that did not change, so that t is
    G − 1: from five scenarios on that is more than chance.

    Args:
        differences: One value a scenario, as `scenario_differences` gives them.
        level: Confidence level of the interval.
        seed: For the sign-flip test beyond 13 scenarios.
        flips: Whether to do the sign-flip test, which takes most of the time; without, its p is NaN.
    """
    values = differences.to_numpy(float)
    count = len(values)
    mean = float(values.mean()) if count else math.nan
    if count < 2:
        return Effect(mean, math.nan, math.nan, math.nan, math.nan, math.nan, count)
    if alike(values):
        if not values.any():
            return Effect(0.0, math.nan, math.nan, 1.0, 1.0, math.nan, count)
        values = _one_unchanged(values)
    # scipy's `ttest_1samp`, which tests compare this with, checks its input for a millisecond at each call.
    error = float(values.std(ddof=1)) / math.sqrt(count)
    half = float(special.stdtrit(count - 1, 0.5 + level / 2)) * error
    shift = float(values.mean())
    return Effect(
        value=mean,
        low=shift - half,
        high=shift + half,
        p=float(2 * special.stdtr(count - 1, -abs(shift) / error)),
        p_sign_flip=sign_flip(values, seed) if flips else math.nan,
        mde=minimum_detectable_effect(values),
        scenarios=count,
    )


def _one_unchanged(values: np.ndarray) -> np.ndarray:
    """Equal differences, the first of them replaced by zero."""
    return np.where(np.arange(len(values)) == 0, 0.0, values)


def sign_flip(values: np.ndarray | Sequence[float], seed: int = 0) -> float:
    """Two-sided p of the sign-flip test: the share of sign patterns whose mean is at least as far from zero.

    Exact for up to 13 scenarios, else from 9,999 seeded draws. The patterns and p are those of scipy's `permutation_test`,
    which tests compare this with; that draws the patterns anew at each call, which took a tenth of a report's time.
    """
    given = np.asarray(values, float)
    if len(given) < 2:
        return math.nan
    signs, drawn = _signs(len(given), seed)
    means, observed = (signs * given[:, None]).mean(axis=0), given.mean()
    same = _ROUNDING * abs(observed)
    tails = [(means >= observed - same).sum(), (means <= observed + same).sum()]
    return float(min(1.0, 2 * (min(tails) + drawn) / (len(means) + drawn)))


@cache
def _signs(count: int, seed: int) -> tuple[np.ndarray, int]:
    """Sign patterns of so many scenarios, shape (scenarios, patterns), and 1 where they are drawn, 0 where all are there."""
    if count <= _EXACT_UP_TO:
        return np.array(list(product((1, -1), repeat=count)), np.int8).T, 0
    both = np.tile(np.array([1, -1], np.int8), (_DRAWS, count, 1))
    return np.ascontiguousarray(np.random.default_rng(seed).permuted(both, axis=-1)[..., 0].T), 1


def non_inferiority(differences: pd.Series[float], margin: float, answer: float = 1.0) -> float:
    """One-sided p against "the head is worse by ``margin`` or more": a t test of the differences shifted by the margin.

    Policy: NaN with fewer than two scenarios. Where all changed by the same amount, as in `effect_of`. Where none changed, p
    is that of the same data with one answer lost: a pair without a loss passes exactly where one with a single loss
    does. ``p > α`` is no evidence of anything, least of all of equality.

    Args:
        differences: One value a scenario, positive where the head is better.
        margin: The margin, positive.
        answer: How much one answer is worth in its scenario's mean: one over the answers to it.

    Raises:
        ValueError: The margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"a non-inferiority margin is positive, not {margin}")
    values = differences.to_numpy(float)
    if len(values) < 2:
        return math.nan
    if alike(values):
        first = np.arange(len(values)) == 0
        values = _one_unchanged(values) if values.any() else np.where(first, -answer, 0.0)
    return float(stats.ttest_1samp(values, -margin, alternative="greater").pvalue)


def minimum_detectable_effect(
    values: np.ndarray | Sequence[float], power: float = 0.8, alpha: float = 0.05, two_sided: bool = True
) -> float:
    """Smallest true mean that a t test would find with this power, from the noncentral t and the sample's own sd."""
    given = np.asarray(values, float)
    if len(given) < 2 or alike(given):
        return math.nan
    side = "two-sided" if two_sided else "larger"
    return _standardized(len(given), power, alpha, side) * float(given.std(ddof=1))


@cache
def _standardized(count: int, power: float, alpha: float, side: str) -> float:
    size = TTestPower().solve_power(nobs=count, alpha=alpha, power=power, alternative=side)
    return float(np.atleast_1d(size)[0])


def scenarios_needed(
    values: np.ndarray | Sequence[float],
    effect: float,
    power: float = 0.8,
    alpha: float = 0.05,
    two_sided: bool = False,
) -> int | None:
    """Scenarios that a t test, one-sided unless it is said, needs to find ``effect`` with this power, varying as these do.

    None where nothing varies, or where more than 100,000 would be needed.
    """
    given = np.asarray(values, float)
    if len(given) < 2 or alike(given) or not effect > 0:
        return None
    size = effect / float(given.std(ddof=1))
    solver, side = TTestPower(), "two-sided" if two_sided else "larger"
    low, high = 2, 2
    while solver.power(size, high, alpha, alternative=side) < power:
        low, high = high, 2 * high
        if high > _LOOK_UP_TO:
            return None
    while low < high:
        middle = (low + high) // 2
        if solver.power(size, middle, alpha, alternative=side) < power:
            low = middle + 1
        else:
            high = middle
    return high


def adjust(p_values: Sequence[float], method: str = "holm") -> list[float]:
    """Adjusted p values: ``holm`` for declared gates, ``fdr_bh`` for exploratory lists. NaN stays NaN and costs nothing.

    Holm (1979) step-down, or Benjamini and Hochberg (1995) through scipy. statsmodels' `multipletests`, which tests compare
    this with, collects all garbage at each call, which takes longer than a whole report's other statistics.
    """
    known = np.array([p for p in p_values if not math.isnan(p)])
    if method == "fdr_bh":
        corrected = stats.false_discovery_control(known) if len(known) else known
    elif method == "holm":
        order = np.argsort(known, kind="stable")
        corrected = np.empty(len(known))
        corrected[order] = np.minimum(1.0, np.maximum.accumulate(known[order] * np.arange(len(known), 0, -1)))
    else:
        raise ValueError(f"the method is holm or fdr_bh, not {method}")
    adjusted = iter(corrected)
    return [math.nan if math.isnan(p) else float(next(adjusted)) for p in p_values]


def erosion(frame: pd.DataFrame, pressure: str, arm: str) -> pd.Series[float]:
    """Score under a pressure less score without, by scenario, in one arm; epochs averaged, not paired.

    Args:
        frame: Columns scenario, pressure, epoch, arm and value.
        pressure: The pressure.
        arm: The arm.
    """
    mine = frame[(frame["arm"] == arm) & frame["pressure"].isin([NO_PRESSURE, pressure])]
    wide = mine.groupby(["scenario", "pressure"], sort=True)["value"].mean().unstack("pressure")
    wide = wide.reindex(columns=[NO_PRESSURE, pressure]).dropna()
    return (wide[pressure] - wide[NO_PRESSURE]).sort_index()


def interaction(frame: pd.DataFrame, base: str, head: str, pressure: str) -> pd.Series[float]:
    """How much less the head erodes than the base under a pressure, by scenario: the difference of differences."""
    both = pd.concat({arm: erosion(frame, pressure, arm) for arm in (base, head)}, axis=1).dropna()
    return (both[head] - both[base]).sort_index()


def gained_lost(frame: pd.DataFrame, base: str, head: str) -> GainedLost:
    """Cells that changed sides between base and head; a cell passes where its value is at least one half."""
    passed = side_by_side(frame, base, head).dropna() >= 0.5
    gained = int((~passed[base] & passed[head]).sum())
    lost = int((passed[base] & ~passed[head]).sum())
    p = float(stats.binomtest(min(gained, lost), gained + lost).pvalue) if gained + lost else math.nan
    both = int((passed[base] & passed[head]).sum())
    return GainedLost(gained, lost, both, len(passed) - gained - lost - both, p)


def drop(frame: pd.DataFrame, base: str, head: str, seed: int = 0) -> tuple[float, float]:
    """How much lower the head is in one scenario, and the one-sided p that chance alone drops as far.

    Answers to one scenario under one pressure are exchangeable where nothing changed, so the arms' names are dealt out
    anew among them, 9,999 times with a seed (a permutation test, stratified by pressure). NaN without answers of both arms
    to a common pressure.

    Args:
        frame: Columns pressure, arm and value, of one scenario.
        base: The arm to compare with.
        head: The arm that is compared.
        seed: For the draws.
    """
    draws = np.random.default_rng(seed)
    seen: list[float] = []
    dealt = np.zeros(_DRAWS)
    for _, part in frame.groupby("pressure", sort=True, observed=True):
        old, new = (part.loc[part["arm"].eq(arm), "value"].to_numpy(float) for arm in (base, head))
        if not len(old) or not len(new):
            continue
        seen.append(float(old.mean() - new.mean()))
        both = draws.permuted(np.tile(np.concatenate([old, new]), (_DRAWS, 1)), axis=1)
        dealt += both[:, : len(old)].mean(axis=1) - both[:, len(old) :].mean(axis=1)
    if not seen:
        return math.nan, math.nan
    total = sum(seen) if abs(sum(seen)) > _TOLERANCE else 0.0
    further = dealt >= total - _TOLERANCE * max(1.0, abs(total))
    return total / len(seen), float((1 + further.sum()) / (1 + _DRAWS))


def pass_hat_k(frame: pd.DataFrame, k: int) -> pd.Series[float]:
    """pass^k by scenario: the chance that k of its answers, drawn without replacement, all pass.

    C(c, k) / C(n, k) for c passes among n answers of a (scenario, pressure) (Yao et al. 2024, tau-bench), averaged
    over pressures; NaN where there are fewer than k answers.

    Raises:
        ValueError: k is not at least 1.
    """
    if k < 1:
        raise ValueError(f"k is at least 1, not {k}")

    (scenario, names), (pressure, pressures) = (
        pd.factorize(frame[by], sort=True) for by in ("scenario", "pressure")
    )
    shape = (len(names), len(pressures))
    place = np.ravel_multi_index((scenario, pressure), shape)
    n, passes = (
        np.bincount(place, weights, math.prod(shape)).reshape(shape)
        for weights in (None, frame["value"].to_numpy(float) >= 0.5)
    )
    with np.errstate(invalid="ignore"):
        rate = np.where(n >= k, special.comb(passes, k) / special.comb(n, k), np.nan)
    return pd.Series(_mean(rate, axis=1), pd.Index(names, name="scenario"))


def flip_rate(first: pd.DataFrame, second: pd.DataFrame) -> float:
    """Share of (scenario, pressure) pairs of answers that differ between two runs of the same arm.

    Over all pairs of an answer of the first with one of the second run, averaged within (scenario, pressure), then over
    scenarios: the chance that asking again turns a verdict round. NaN without a common scenario.

    Args:
        first: Columns scenario, pressure, epoch and value.
        second: The same of the other run.
    """
    keys = ["scenario", "pressure"]
    rates = [f.assign(passed=f["value"] >= 0.5).groupby(keys)["passed"].mean() for f in (first, second)]
    both = pd.concat(rates, axis=1, keys=["a", "b"]).dropna()
    if both.empty:
        return math.nan
    flips = both["a"] * (1 - both["b"]) + both["b"] * (1 - both["a"])
    return float(flips.groupby("scenario").mean().mean())
