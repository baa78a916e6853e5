"""What logs say of every metric: each arm's value, its difference to RED, pressure, reliability, and what is missing.

A *subject* is a model under one panel of graders and one way of delivering skills; two subjects are never pooled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import pandas as pd

from redgreenbench.evals.vocabulary import NO_PRESSURE, Arm
from redgreenbench.reports.activation import fault_of_loading
from redgreenbench.reports.cuts import Cut, Gap, cuts_of, gaps_of
from redgreenbench.reports.inference import (
    Effect,
    adjust,
    effect_of,
    pass_hat_k,
    scenario_differences,
)
from redgreenbench.reports.intervals import Rate, pass_rate
from redgreenbench.reports.metrics import (
    POSITIVE,
    Metric,
    load_metrics,
    missing_of,
    plain,
    rows_for,
    values_of,
    why_missing,
)
from redgreenbench.reports.reading import FAILED
from redgreenbench.reports.robust import Ratio, amount, ratio_of_means

__all__ = [
    "FEWEST",
    "MOST_MISSING",
    "Measured",
    "Pressed",
    "Reliable",
    "Subject",
    "arm_order",
    "rate_of",
    "subjects_of",
]

MOST_MISSING = 0.2
"""Share of an arm's answers that may be missing; beyond, what is left need not be like what was asked."""
FEWEST = 5
"""Scenarios below which no rate of a failure pattern is shown."""
_KS = (1, 2, 3, 5, 10)


@dataclass(frozen=True)
class Measured:
    """One metric of one subject.

    Attributes:
        metric: Its id.
        arms: Each arm's mean with its interval.
        effects: By arm other than RED, its paired difference to RED in the metric's own direction.
        adjusted: The effects' p, corrected: Holm over the headline metrics, Benjamini-Hochberg over the others.
        ratios: By arm other than RED, its mean over RED's.
        lost: By arm, how many answers could not be judged.
        reason: Why there is no value; empty where there is one.
        differences: By arm other than RED, scenario differences.
        full: Scenarios in which RED leaves no headroom.
        invalid: Why no comparison may rest on the values; empty where one may. Then there are no effects and no ratios: a
            grader that breaks on the weak answers would make them rise.
    """

    metric: str
    arms: Mapping[str, Rate]
    effects: Mapping[str, Effect]
    adjusted: Mapping[str, float]
    ratios: Mapping[str, Ratio]
    lost: Mapping[str, int]
    reason: str
    differences: Mapping[str, pd.Series[float]]
    full: tuple[str, ...] = ()
    invalid: str = ""


@dataclass(frozen=True)
class Pressed:
    """One headline metric under one pressure.

    Attributes:
        metric: Its id.
        pressure: The pressure.
        erosion: By arm, the value under the pressure less the value without.
        interaction: By arm other than RED, its erosion less RED's.
    """

    metric: str
    pressure: str
    erosion: Mapping[str, Effect]
    interaction: Mapping[str, Effect]


@dataclass(frozen=True)
class Reliable:
    """pass^k of one headline metric: by arm and k, the mean over scenarios and how many scenarios there were."""

    metric: str
    arms: Mapping[str, Mapping[int, tuple[float, int]]]


@dataclass(frozen=True)
class Subject:
    """All that is known of one model under one panel of graders and one way of delivering skills.

    Attributes:
        model: The model.
        grader: Graders, joined by ``+``; empty without.
        delivery: How skills reached the model.
        tasks: Tasks.
        arms: Arms, RED first.
        epochs: Largest number of epochs.
        skills: By arm, the skills it carries.
        measured: Every metric of the registry, those without a value too.
        pressed: Headline metrics under pressure.
        reliable: pass^k, where there are several epochs.
        cuts: Headline metrics by document, where there are several.
        gaps: Headline metrics in public less in private scenarios, where there are private ones.
        cells: By task, arm and pressure: samples planned, scored, unscored, failed, stopped by a limit, missing.
        rows: The subject's part of the tidy table.
    """

    model: str
    grader: str
    delivery: str
    tasks: tuple[str, ...]
    arms: tuple[str, ...]
    epochs: int
    skills: Mapping[str, str]
    measured: tuple[Measured, ...]
    pressed: tuple[Pressed, ...]
    reliable: tuple[Reliable, ...]
    cuts: tuple[Cut, ...]
    gaps: tuple[Gap, ...]
    cells: pd.DataFrame
    rows: pd.DataFrame

    @property
    def heads(self) -> tuple[str, ...]:
        """Arms that are compared with RED; none where there is no RED."""
        return tuple(a for a in self.arms if a != Arm.RED) if Arm.RED in self.arms else ()


def arm_order(arms: Iterable[str]) -> tuple[str, ...]:
    """Arms as reports show them: RED, the controls, GREEN, then others by name."""
    known = [arm.value for arm in Arm]
    return tuple(sorted(set(arms), key=lambda a: (known.index(a) if a in known else len(known), a)))


def rate_of(values: pd.DataFrame, metric: Metric) -> Rate:
    """The mean of a metric's values with the interval of its scale."""
    return pass_rate(values) if metric.scale == "share" else amount(values)


def subjects_of(rows: pd.DataFrame) -> tuple[Subject, ...]:
    """Everything that the tidy table says, subject by subject.

    Args:
        rows: The tidy table of `redgreenbench.reports.load.load`.
    """
    keys = ["model", "grader", "delivery"]
    grouped = rows.groupby(keys, sort=True, dropna=False, observed=True)
    return tuple(_subject(str(m), str(g), str(d), mine) for (m, g, d), mine in grouped)


def _subject(model: str, grader: str, delivery: str, rows: pd.DataFrame) -> Subject:
    arms = arm_order(map(str, rows["arm"].unique()))
    scored = rows.loc[rows["status"].eq("scored"), ["scorer", "key"]].drop_duplicates()
    there = set(scored.astype(object).itertuples(index=False, name=None))
    part = rows_for(rows)
    fault = fault_of_loading(rows)
    found = [
        _measured(part(metric), name, metric, arms, there, fault.get(metric.scorer, ""))
        for name, metric in load_metrics().items()
    ]
    found = _corrected(found)
    headline = [
        m.metric
        for m in found
        if not m.reason
        and not m.invalid
        and load_metrics()[m.metric].family == "headline"
        and load_metrics()[m.metric].of == "scenarios"
    ]
    values = {name: values_of(part(load_metrics()[name]), load_metrics()[name]) for name in headline}
    pressures = [str(p) for p in sorted(rows["pressure"].unique()) if p != NO_PRESSURE]
    pressed = [one for name, v in values.items() for one in _pressed(name, v, pressures, arms)]
    reliable = [_reliable(name, v, arms) for name, v in values.items()]
    return Subject(
        model=model,
        grader=grader,
        delivery=delivery,
        tasks=tuple(sorted(map(str, rows["task"].unique()))),
        arms=arms,
        epochs=int(rows["epoch"].max()),
        skills={arm: _skills(rows, arm) for arm in arms},
        measured=tuple(found),
        pressed=tuple(p for p in pressed if any(e.scenarios for e in p.erosion.values())),
        reliable=tuple(r for r in reliable if any(len(ks) > 1 for ks in r.arms.values())),
        cuts=tuple(one for name, v in values.items() for one in cuts_of(rows, name, v, arms)),
        gaps=tuple(one for name, v in values.items() for one in gaps_of(rows, name, v, arms)),
        cells=_cells(rows),
        rows=rows,
    )


def _measured(
    rows: pd.DataFrame,
    name: str,
    metric: Metric,
    arms: Sequence[str],
    there: Set[tuple[str, str]],
    fault: str,
) -> Measured:
    values = values_of(rows, metric) if (metric.scorer, metric.key) in there else rows.iloc[:0]
    if values.empty:
        return Measured(name, {}, {}, {}, {}, {}, why_missing(rows, metric), {})
    if metric.key.startswith("pattern:") and values["scenario"].nunique() < FEWEST:
        few = f"fewer than {FEWEST} scenarios could show it, too few for a rate"
        return Measured(name, {}, {}, {}, {}, {}, few, {})
    counts = missing_of(rows, metric)["arm"].value_counts()
    lost = {str(arm): int(count) for arm, count in counts.items()}
    by_arm = {arm: values[values["arm"] == arm] for arm in arms}
    effects, ratios, differences = {}, {}, {}
    red = by_arm.get(Arm.RED.value)
    invalid = _invalid(by_arm, lost) or (fault if metric.of != POSITIVE else "")
    if red is not None and not red.empty and not invalid:
        for arm in arms:
            if arm != Arm.RED and not by_arm[arm].empty:
                differences[arm] = scenario_differences(values, Arm.RED.value, arm)
                effects[arm] = effect_of(differences[arm], flips=metric.family == "headline")
                ratios[arm] = ratio_of_means(values, Arm.RED.value, arm)
    full: tuple[str, ...] = ()
    if red is not None and metric.scale == "share" and metric.family == "headline":
        means = red.groupby("scenario", sort=True)["value"].mean()
        best = 1.0 if metric.sign > 0 else 0.0
        full = tuple(map(str, means.index[means == best]))
    return Measured(
        metric=name,
        arms={arm: rate_of(v, metric) for arm, v in by_arm.items() if not v.empty},
        effects=effects,
        adjusted={},
        ratios=ratios,
        lost={arm: int(lost.get(arm, 0)) for arm in arms},
        reason="",
        differences=differences,
        full=full,
        invalid=invalid,
    )


def _invalid(by_arm: Mapping[str, pd.DataFrame], lost: Mapping[str, int]) -> str:
    for arm, values in by_arm.items():
        gone = lost.get(arm, 0)
        if gone and gone > MOST_MISSING * (gone + len(values)):
            return f"{gone} of {gone + len(values)} answers of {arm} could not be judged"
    return ""


def _corrected(found: Sequence[Measured]) -> list[Measured]:
    adjusted: dict[str, dict[str, float]] = {m.metric: {} for m in found}
    for arm in {arm for m in found for arm in m.effects}:
        for method, headline in (("holm", True), ("fdr_bh", False)):
            mine = [
                m
                for m in found
                if arm in m.effects and (load_metrics()[m.metric].family == "headline") is headline
            ]
            for m, p in zip(mine, adjust([m.effects[arm].p for m in mine], method), strict=True):
                adjusted[m.metric][arm] = p
    return [replace(m, adjusted=adjusted[m.metric]) for m in found]


def _pressed(name: str, values: pd.DataFrame, pressures: Sequence[str], arms: Sequence[str]) -> list[Pressed]:
    # The same as `erosion` and `interaction`, which average the answers again at every call.
    cells = values.groupby(["scenario", "arm", "pressure"])["value"].mean().unstack(["arm", "pressure"])
    cells = cells.reindex(columns=pd.MultiIndex.from_product([arms, [NO_PRESSURE, *pressures]]))
    found = []
    for pressure in pressures:
        eroded = {arm: cells[arm, pressure] - cells[arm, NO_PRESSURE] for arm in arms}
        between = {
            arm: eroded[arm] - eroded[Arm.RED.value] for arm in arms if arm != Arm.RED and Arm.RED in arms
        }
        shown = [
            {arm: effect_of(series.dropna(), flips=False) for arm, series in which.items()}
            for which in (eroded, between)
        ]
        found.append(Pressed(name, pressure, shown[0], shown[1]))
    return found


def _reliable(name: str, values: pd.DataFrame, arms: Sequence[str]) -> Reliable:
    found: dict[str, dict[int, tuple[float, int]]] = {}
    for arm in arms:
        mine = values[values["arm"] == arm]
        most = mine.groupby(["scenario", "pressure"]).size().max() if len(mine) else 0
        found[arm] = {}
        for k in _KS:
            if k <= most:
                by_scenario = pass_hat_k(mine, k).dropna()
                mean = float(by_scenario.mean()) if len(by_scenario) else math.nan
                found[arm][k] = (mean, len(by_scenario))
    return Reliable(name, found)


def _skills(rows: pd.DataFrame, arm: str) -> str:
    mine = rows.loc[rows["arm"].eq(arm) & rows["skill"].notna(), ["skill", "skill_version", "skill_hash"]]
    known = plain(mine.drop_duplicates())
    return ", ".join(f"{n} {v} ({h})" for n, v, h in sorted(known.itertuples(index=False)))


def _cells(rows: pd.DataFrame) -> pd.DataFrame:
    """How many samples there were of each task, arm and pressure, and what became of them."""
    sample = ["task", "arm", "pressure", "scenario", "epoch"]
    judged = rows[rows["scorer"].ne("usage") | rows["status"].isin(FAILED)]
    # A sample counts as scored as soon as one scorer judged it; one that only has reasons is unscored.
    rank = {"scored": 0, "not_applicable": 1, "unscored": 2, "error": 3, "limit": 4, "missing": 5}
    best = plain(judged[[*sample, "status"]]).assign(rank=lambda f: f["status"].map(rank))
    best = best.sort_values([*sample, "rank"], kind="stable").drop_duplicates(sample)
    best["status"] = best["status"].replace("not_applicable", "scored")
    counts = best.pivot_table(
        index=["task", "arm", "pressure"], columns="status", aggfunc="size", fill_value=0
    )
    counts = counts.reindex(columns=["scored", "unscored", *FAILED], fill_value=0)
    counts.insert(0, "planned", counts.sum(axis=1))
    return counts.reset_index().rename_axis(columns=None)
