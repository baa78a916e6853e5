"""Numbers of a row: its results by pressure and split, its noise, its answers one by one, and its share of a subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pandas as pd

from redgreenbench.evals.vocabulary import Arm
from redgreenbench.reports.evidence import Subject, rate_of
from redgreenbench.reports.inference import Effect, effect_of, scenario_differences
from redgreenbench.reports.intervals import Rate
from redgreenbench.reports.leaderboard.ranks import Rank
from redgreenbench.reports.metrics import POSITIVE, Metric, load_metrics, plain
from redgreenbench.reports.noise import Noise, halves_of, noise_between
from redgreenbench.reports.reading import FAILED

__all__ = ["ALL", "Slice", "marks_of", "noise_of", "restricted", "slices_of"]

T = TypeVar("T")

ALL = "all"
"""A slice over every pressure, or over both splits."""


@dataclass(frozen=True)
class Slice:
    """A row's result over some of the samples.

    Attributes:
        value: Mean with its interval.
        lift: Paired difference to RED; None for RED itself and where there is no RED.
        rank: Places that the row may have.
    """

    value: Rate
    lift: Effect | None
    rank: Rank


def restricted(subject: Subject, arm: str, shown: str) -> Subject:
    """A subject with RED and one other arm, which is called ``shown``."""
    names = {Arm.RED.value: Arm.RED.value, arm: shown}

    def pick(of: Mapping[str, T]) -> dict[str, T]:
        return {names[a]: v for a, v in of.items() if a in names}

    measured = tuple(
        replace(
            m,
            arms=pick(m.arms),
            effects=pick(m.effects),
            adjusted=pick(m.adjusted),
            ratios=pick(m.ratios),
            lost=pick(m.lost),
            differences=pick(m.differences),
            reason=m.reason or ("" if arm in m.arms else "no answer of this row could be judged"),
        )
        for m in subject.measured
    )
    rows = subject.rows[subject.rows["arm"].isin(list(names))]
    cells = subject.cells[subject.cells["arm"].isin(list(names))]
    return replace(
        subject,
        arms=tuple(dict.fromkeys(names[a] for a in subject.arms if a in names)),
        skills=pick(subject.skills),
        measured=measured,
        pressed=tuple(
            replace(p, erosion=pick(p.erosion), interaction=pick(p.interaction)) for p in subject.pressed
        ),
        reliable=tuple(replace(r, arms=pick(r.arms)) for r in subject.reliable),
        cells=cells.assign(arm=cells["arm"].astype(object).map(names)),
        rows=rows.assign(arm=pd.Categorical(rows["arm"].astype(object).map(names))),
    )


def slices_of(
    values: pd.DataFrame, arm: str, metric: str, private: frozenset[str], compared: bool
) -> dict[tuple[str, str], Slice]:
    """A row's results by (pressure, split), not ranked yet.

    Args:
        values: Values of the ranked metric.
        arm: The row's arm.
        metric: Id of the metric.
        private: Private scenarios; where there are scenarios of both kinds, each has slices of its own.
        compared: Whether it is compared with RED.
    """
    two = values[values["arm"].isin([arm, Arm.RED.value])]
    mine = two[two["arm"] == arm]
    hidden = two["scenario"].isin(list(private))
    splits: dict[str, Any] = {ALL: hidden | ~hidden}
    if hidden.any() and not hidden.all():
        splits |= {"public": ~hidden, "private": hidden}
    found = {}
    for split, chosen in splits.items():
        for pressure in (ALL, *sorted(mine["pressure"].unique())):
            part = two[chosen if pressure == ALL else chosen & two["pressure"].eq(pressure)]
            value = rate_of(part[part["arm"] == arm], load_metrics()[metric])
            lift = None
            if compared:
                lift = effect_of(scenario_differences(part, Arm.RED.value, arm), flips=False)
            found[pressure, split] = Slice(value, lift, Rank(1, 1))
    return found


def noise_of(values: pd.DataFrame, model: str, metric: str) -> Noise | None:
    """A row against itself, odd epochs against even ones, as `redgreenbench.reports.noise` does for whole tables.

    Only the ranked metric is looked at: all of them for every row would take longer than the rest of the site.

    Args:
        values: The row's values of the metric, as `values_of` gives them.
        model: The model.
        metric: Id of the metric.
    """
    if values.empty or values["epoch"].max() < 2:
        return None
    return noise_between(halves_of(values), metric, model, "self")


def marks_of(rows: pd.DataFrame, metric: str, private: frozenset[str]) -> pd.DataFrame:
    """Every answer with its value of the ranked metric; plain questions with their fact, or else with their restraint."""
    chosen, restraint, fact = (load_metrics()[name] for name in (metric, "restraint", "fact-correct"))
    rows = rows[rows["control"].ne(POSITIVE)]
    control = rows["control"].notna()

    def of(one: Metric) -> pd.Series[bool]:
        return rows["scorer"].eq(one.scorer) & rows["key"].eq(one.key)

    asked = (~control & of(chosen)) | (control & of(restraint)), control & of(fact)
    scorers = [chosen.scorer, restraint.scorer, fact.scorer]
    identity = ["entry", "log", "arm", "scenario", "pressure", "epoch"]
    # Failures, then what could not be judged or does not apply, then values; the last of a sample is what counts.
    parts = [rows["status"].isin(FAILED), rows["status"].eq("unscored") & rows["scorer"].isin(scorers)]
    parts += [mine & rows["status"].eq(status) for status in ("not_applicable", "scored") for mine in asked]
    columns = [*identity, "control", "split", "status", "value"]
    found = pd.concat([plain(rows.loc[part, columns]) for part in parts], ignore_index=True)
    if chosen.complement:
        found["value"] = found["value"].where(found["control"].notna(), 1 - found["value"])
    found = found.drop_duplicates(identity, keep="last").sort_values(identity, kind="stable")
    found["split"] = found["split"].where(~found["scenario"].isin(list(private)), "private")
    return found.reset_index(drop=True)
