"""Numbers of a row: its results by pressure and split, its noise, its answers one by one, and its share of a subject."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from redgreenbench.evals.vocabulary import Arm
from redgreenbench.reports.estimate import (
    ALL,
    DIFFERENCE,
    MEAN,
    Estimate,
    Frame,
    Subject,
    slice_name,
    slice_of,
)
from redgreenbench.reports.intervals import Cells
from redgreenbench.reports.leaderboard.ranks import Rank
from redgreenbench.reports.logs.reading import FAILED
from redgreenbench.reports.metrics import POSITIVE, Metric, load_metrics, plain
from redgreenbench.reports.noise import Noise, halves_of, noise_between

__all__ = ["Slice", "marks_of", "noise_of", "slice_estimates", "slices_of"]


@dataclass(frozen=True)
class Slice:
    """A row's result over some of the samples.

    Attributes:
        value: Mean with its interval.
        lift: Paired difference to RED; None for RED itself and where there is no RED.
        rank: Places that the row may have.
    """

    value: Estimate
    lift: Estimate | None
    rank: Rank


def slice_estimates(
    subject: Subject,
    values: pd.DataFrame,
    lost: pd.DataFrame,
    metric: str,
    private: frozenset[str],
    arms: Sequence[str],
) -> Iterator[Estimate]:
    """The ranked metric of some rows by split, and by pressure in each split, where there are scenarios of both splits.

    Args:
        subject: The rows' place in the frame.
        values: Values of the ranked metric.
        lost: What has none.
        metric: Id of the metric.
        private: Private scenarios.
        arms: The rows' arms.
    """
    hidden, gone = (part["scenario"].isin(list(private)) for part in (values, lost))
    if not hidden.any() or hidden.all():
        return
    for split, chosen, missing in (("public", ~hidden, ~gone), ("private", hidden, gone)):
        mine = values[chosen]
        for pressure in (ALL, *sorted(set(map(str, mine["pressure"])))):
            part = mine if pressure == ALL else mine[mine["pressure"].eq(pressure)]
            less = lost[missing] if pressure == ALL else lost[missing & lost["pressure"].eq(pressure)]
            name = slice_name(pressure=pressure, split=split)
            yield from slice_of(
                subject, metric, load_metrics()[metric], Cells.of(part, arms), less, name, Arm.RED.value
            )


def slices_of(frame: Frame, subject: Subject, arm: str, metric: str) -> dict[tuple[str, str], Slice]:
    """A row's results by (pressure, split), not ranked yet.

    Args:
        frame: The tab's estimates with their verdicts.
        subject: The row's place in it.
        arm: The row's arm.
        metric: Id of the ranked metric.
    """
    slices = {}
    for mean in frame.where(subject=subject, metric=metric, kind=MEAN, arm=arm):
        conditions = dict(part.split("=", 1) for part in mean.slice.split(",")) if mean.slice != ALL else {}
        if not conditions.keys() <= {"pressure", "split"}:
            continue
        lift = frame.get(subject, metric, arm, DIFFERENCE, mean.slice)
        key = (conditions.get("pressure", ALL), conditions.get("split", ALL))
        slices[key] = Slice(mean, lift if lift and not math.isnan(lift.value) else None, Rank(1, 1))
    return slices


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
    halves, epochs = halves_of(values)
    return noise_between(halves, metric, model, "self", epochs)


def marks_of(rows: pd.DataFrame, metric: str, private: frozenset[str]) -> pd.DataFrame:
    """Every answer with its value of the ranked metric; plain questions with their fact, or else with their restraint."""
    chosen, restraint, fact = (load_metrics()[name] for name in (metric, "restraint", "fact-correct"))
    rows = rows[rows["control"].ne(POSITIVE)]
    control = rows["control"].notna()

    def of(metric_of_mark: Metric) -> pd.Series[bool]:
        return rows["scorer"].eq(metric_of_mark.scorer) & rows["key"].eq(metric_of_mark.key)

    asked = (~control & of(chosen)) | (control & of(restraint)), control & of(fact)
    scorers = [chosen.scorer, restraint.scorer, fact.scorer]
    identity = ["entry", "log", "arm", "scenario", "pressure", "epoch"]
    # Failures, then what could not be judged or does not apply, then values; the last of a sample is what counts.
    parts = [rows["status"].isin(FAILED), rows["status"].eq("unscored") & rows["scorer"].isin(scorers)]
    parts += [mine & rows["status"].eq(status) for status in ("not_applicable", "scored") for mine in asked]
    columns = [*identity, "control", "split", "status", "value"]
    answers = pd.concat([plain(rows.loc[part, columns]) for part in parts], ignore_index=True)
    if chosen.complement:
        answers["value"] = answers["value"].where(answers["control"].notna(), 1 - answers["value"])
    answers = answers.drop_duplicates(identity, keep="last").sort_values(identity, kind="stable")
    answers["split"] = answers["split"].where(~answers["scenario"].isin(list(private)), "private")
    return answers.reset_index(drop=True)
