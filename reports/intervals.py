"""Interval estimates over a plain table with columns scenario, pressure, epoch, arm, value.

The unit of inference is the base scenario: rows of one scenario are not independent, so epochs (and
pressure variants) are averaged first and intervals are taken over scenarios. Degenerate cases have one
stated policy each, in the docstrings; where nothing can be said, the interval is NaN, never zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pandas as pd
from inspect_ai.scorer import MetricProtocol, SampleScore, Score, ci_wilson

__all__ = ["Rate", "pass_rate", "side_by_side"]

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
    """

    value: float
    low: float
    high: float
    passed: float
    rows: int
    scenarios: int


def pass_rate(frame: pd.DataFrame, level: float = 0.95) -> Rate:
    """A pass rate, clustered by scenario.

    The interval is inspect's Wilson interval with the Korn-Graubard effective sample size and a Student-t
    critical value (Franco et al. 2019, doi:10.1093/jssam/smy019), computed on all rows with the scenario as
    cluster. Policy: at a rate of exactly 0 or 1, and with a single scenario, where a clustered variance
    says nothing, the plain Wilson interval with n = number of scenarios. Where ragged scenarios put the macro mean outside
    the interval of all rows, the interval is widened to hold it.

    Args:
        frame: Columns scenario and value, values in [0, 1].
        level: Confidence level.
    """
    if frame.empty:
        return Rate(math.nan, math.nan, math.nan, 0.0, 0, 0)
    values = frame["value"].to_numpy(float)
    by_scenario = frame.groupby("scenario", sort=True)["value"].mean()
    groups, mean = len(by_scenario), float(by_scenario.mean())
    if groups > 1 and _SAME < values.mean() < 1.0 - _SAME:
        metric = ci_wilson(level, cluster="scenario")
        rows = list(zip(frame["scenario"], values, strict=True))
    else:
        metric, rows = ci_wilson(level), list(by_scenario.items())
    # One object for all equal rows: making them costs several times what the interval does.
    made = {
        (s, v): SampleScore(score=Score(value=float(v)), sample_metadata={"scenario": str(s)})
        for s, v in dict.fromkeys(rows)
    }
    bounds = cast("dict[str, float]", cast(MetricProtocol, metric)([made[row] for row in rows]))
    low, high = min(bounds["lower"], mean), max(bounds["upper"], mean)
    return Rate(mean, low, high, float(values.sum()), len(values), groups)


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
