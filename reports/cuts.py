"""Headline metrics by document and by split, and the gap between public and private scenarios.

A gap that is larger than chance says that a model does better on what it may have seen. Public and private scenarios are
different ones, so that their difference is Welch's, over scenarios.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from scipy import stats

from redgreenbench.evals.vocabulary import Arm
from redgreenbench.reports.inference import Effect, effect_of, scenario_differences
from redgreenbench.reports.intervals import Rate, pass_rate

__all__ = ["Cut", "Gap", "cuts_of", "gaps_of"]


@dataclass(frozen=True)
class Cut:
    """A metric among the scenarios of one document.

    Attributes:
        metric: Its id.
        document: The document.
        arms: By arm, the rate.
        effects: By arm other than RED, its paired difference to RED.
    """

    metric: str
    document: str
    arms: Mapping[str, Rate]
    effects: Mapping[str, Effect]


@dataclass(frozen=True)
class Gap:
    """How much higher a metric of one arm is in public scenarios than in private ones, or with fresh variants.

    Attributes:
        hidden: ``private`` or ``variant``: what the public scenarios are compared with.
        metric: Its id.
        arm: The arm.
        value: Mean over public less mean over the others.
        low, high: Its 95 % interval (Welch); NaN with fewer than two scenarios of a kind.
        public, other: Rates of both.
    """

    hidden: str
    metric: str
    arm: str
    value: float
    low: float
    high: float
    public: Rate
    other: Rate


def _labels(rows: pd.DataFrame, column: str) -> pd.Series[str]:
    known = rows[["scenario", column]].drop_duplicates("scenario").astype(object)
    return known.set_index("scenario")[column]


def cuts_of(rows: pd.DataFrame, metric: str, values: pd.DataFrame, arms: Sequence[str]) -> Iterator[Cut]:
    """A metric by document; nothing where all scenarios are of one.

    Args:
        rows: The subject's part of the tidy table.
        metric: The metric's id.
        values: Its values.
        arms: The arms, RED first.
    """
    of = values["scenario"].map(_labels(rows, "document"))
    if of.nunique() < 2:
        return
    for document, mine in values.groupby(of, sort=True):
        rates = {arm: pass_rate(mine[mine["arm"].eq(arm)]) for arm in arms if mine["arm"].eq(arm).any()}
        effects = {
            arm: effect_of(scenario_differences(mine, Arm.RED.value, arm), flips=False)
            for arm in rates
            if arm != Arm.RED and Arm.RED in rates
        }
        yield Cut(metric, str(document), rates, effects)


def gaps_of(rows: pd.DataFrame, metric: str, values: pd.DataFrame, arms: Sequence[str]) -> Iterator[Gap]:
    """The gap between public scenarios and private ones, or those with variants of their programs, by arm.

    Variants are compared with the public scenarios that pose the same bugs.

    Args:
        rows: The subject's part of the tidy table.
        metric: The metric's id.
        values: Its values.
        arms: The arms.
    """
    split = values["scenario"].map(_labels(rows, "split"))
    base = values["scenario"].str.partition("@")[0]
    for kind in ("private", "variant"):
        other = split.eq(kind)
        public = split.eq("public") & (base.isin(base[other]) if kind == "variant" else True)
        for arm in arms:
            mine = values["arm"].eq(arm)
            shown, hidden = values[mine & public], values[mine & other]
            if shown.empty or hidden.empty:
                continue
            two = [part.groupby("scenario")["value"].mean() for part in (shown, hidden)]
            test = stats.ttest_ind(*two, equal_var=False)
            interval = test.confidence_interval()
            value = float(two[0].mean() - two[1].mean())
            bounds = (float(interval.low), float(interval.high))
            yield Gap(kind, metric, arm, value, *bounds, pass_rate(shown), pass_rate(hidden))
