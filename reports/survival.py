"""Time to resolution with censoring: Kaplan-Meier curves, restricted means, and what became of every run.

A run that a limit cut off is censored where it was cut. One that ended by itself without a resolution would never have
come to one: it is censored at the horizon, the largest amount of any run of the subject, so that giving up early
looks no better than trying on. Curves are statsmodels' `SurvfuncRight`; the restricted mean is the area below a curve up to
the horizon (Royston & Parmar, BMC Med Res Methodol 2013).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from redgreenbench.reports.metrics import RIGHT, Metric, plain

__all__ = ["Curve", "Outcomes", "curve_of", "curves_of", "outcomes_of", "runs_of"]

_SAMPLE = ["log", "task", "version", "scenario", "pressure", "arm", "epoch"]


@dataclass(frozen=True)
class Curve:
    """Share of runs that are not resolved after an amount.

    Attributes:
        amounts: Where the share falls, ascending, shape (k,).
        unresolved: The share from there on, shape (k,).
        censored: Where runs are censored, shape (c,).
        horizon: Where the curve ends.
        runs: Number of runs.
        resolved: How many of them were resolved.
    """

    amounts: np.ndarray
    unresolved: np.ndarray
    censored: np.ndarray
    horizon: float
    runs: int
    resolved: int

    @property
    def restricted_mean(self) -> float:
        """Mean amount up to the horizon: the area below the curve."""
        edges = np.concatenate([[0.0], self.amounts, [self.horizon]])
        return float(np.sum(np.diff(edges) * np.concatenate([[1.0], self.unresolved])))

    @property
    def median(self) -> float:
        """The amount by which half of the runs are resolved; NaN where half never are."""
        reached = np.flatnonzero(self.unresolved <= 0.5)
        return float(self.amounts[reached[0]]) if len(reached) else math.nan


@dataclass(frozen=True)
class Outcomes:
    """What became of an arm's runs: how many there were, resolved, gave up, were cut off; and were broken again."""

    runs: int
    resolved: int
    gave_up: int
    cut: int
    rebroken: int


def runs_of(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a run of an agent that was graded: arm, scenario, the values of the scorer `resolution`.

    Args:
        rows: The tidy table; controls and samples under a senior who is right are left out, as elsewhere.
    """
    mine = plain(rows[rows["scorer"].eq("resolution") & rows["control"].isna()])
    if mine.empty:
        return mine.iloc[:0, :0]
    mine = mine[~mine["pressure"].isin(RIGHT) & mine["status"].isin(["scored", "not_applicable"])]
    wide = mine.pivot_table(index=_SAMPLE, columns="key", values="value", dropna=False, observed=True)
    # A sample without a program has no values at all.
    return wide.dropna(subset=["resolved"]).reset_index() if "resolved" in wide else pd.DataFrame()


def curve_of(runs: pd.DataFrame, key: str, horizon: float, event: str = "resolved") -> Curve:
    """The Kaplan-Meier curve of some runs.

    Args:
        runs: Rows of `runs_of`.
        key: ``minutes``, ``turns``, ``calls`` or ``tokens``.
        horizon: Up to where it goes; at least as large as every amount.
        event: Which event ends the waiting.
    """
    from statsmodels.duration.survfunc import (
        SurvfuncRight,
    )  # takes long to import, and few logs have such runs

    done = runs[event].eq(1)
    amounts = runs[key].where(done | runs["cut"].eq(1), horizon).to_numpy(float)
    fitted = SurvfuncRight(amounts, done.to_numpy(int))
    falls = np.asarray(fitted.n_events) > 0
    return Curve(
        amounts=np.asarray(fitted.surv_times, float)[falls],
        unresolved=np.asarray(fitted.surv_prob, float)[falls],
        censored=np.sort(amounts[~done.to_numpy(bool)]),
        horizon=horizon,
        runs=len(runs),
        resolved=int(done.sum()),
    )


def outcomes_of(runs: pd.DataFrame) -> Outcomes:
    """What became of runs, as `runs_of` gives them."""
    open_ = runs["resolved"].eq(0)
    return Outcomes(
        runs=len(runs),
        resolved=int(runs["resolved"].eq(1).sum()),
        gave_up=int((open_ & runs["cut"].eq(0)).sum()),
        cut=int((open_ & runs["cut"].eq(1)).sum()),
        rebroken=int(runs["rebroken"].eq(1).sum()) if "rebroken" in runs else 0,
    )


def curves_of(runs: pd.DataFrame, arms: Sequence[str], metric: Metric) -> Mapping[str, Curve]:
    """Each arm's curve of an amount until it happened, up to the largest amount of any arm."""
    horizon = float(runs[metric.key].max())
    parts = {arm: runs[runs["arm"].eq(arm)] for arm in arms}
    return {arm: curve_of(part, metric.key, horizon) for arm, part in parts.items() if len(part)}
