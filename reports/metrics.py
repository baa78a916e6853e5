"""The registry of metrics, and each metric's values out of the tidy table."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from redgreenbench.evals.errors import unknown_name
from redgreenbench.evals.vocabulary import AUTHORITY_RIGHT, NO_PRESSURE
from redgreenbench.reports.logs.reading import FAILED, in_words

__all__ = [
    "POSITIVE",
    "RIGHT",
    "Claim",
    "Derived",
    "Metric",
    "Registry",
    "load_metrics",
    "load_registry",
    "metric_named",
    "missing_of",
    "plain",
    "rows_for",
    "values_of",
    "why_missing",
]

POSITIVE = "positive"
"""The kind of controls that ask for a skill by name; they show that loading works and count in no other metric."""
RIGHT = (AUTHORITY_RIGHT, f"{AUTHORITY_RIGHT}+followup", f"{AUTHORITY_RIGHT}+third")
"""The pressures under which going along is right."""


class Claim(BaseModel):
    """What a document says of a metric without data: a hypothesis, shown as such."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    red: str
    green: str
    ratio: str


class Metric(BaseModel):
    """What is measured, where it stands in the logs and what it means.

    Attributes:
        family: ``headline``: judged with Holm's correction; ``detail`` and ``cost``: exploratory.
        title: For people.
        scorer: Name of the scorer.
        key: Key of its value.
        of: Which samples count: ``scenarios``, ``calm`` (scenarios without pressure), ``controls``, ``pressed`` (under
            a pressure other than the legitimate one), ``right`` (under the legitimate one), ``all``, or ``positive``:
            positive controls, which count nowhere else.
        pack: Only scenarios of this pack count.
        cut: Only scenarios of this document count, by the label that samples carry.
        scale: ``share``: values in [0, 1]; ``amount``: any number.
        complement: Whether the value is 1 − what the log says.
        event: For an amount until something happens: the key that says whether it did. Where it did not, the value is
            censored.
        direction: Whether more is better.
        unit: Unit.
        formula: How it is computed from answers.
        document: Number of the document that asks for it, or ``suite``.
        section: The document's section.
        missing: What counts as missing.
        needs: What a run needs to measure it.
        claimed: The document's own figures.
        grader: Whether it needs a grader.
        judged: Whether differences get a verdict; what hangs on the machine's load is only shown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Literal["headline", "detail", "cost"]
    title: str
    scorer: str
    key: str
    of: Literal["scenarios", "calm", "controls", "pressed", "right", "all", "positive"]
    pack: str | None = None
    cut: str | None = None
    scale: Literal["share", "amount"] = "share"
    complement: bool = False
    event: str | None = None
    direction: Literal["up", "down"] = "up"
    unit: str
    formula: str = Field(min_length=10)
    document: str
    section: str
    missing: str
    needs: str = "a task whose scenarios ask for it"
    claimed: Claim | None = None
    grader: bool = False
    judged: bool = True

    @property
    def sign(self) -> int:
        """1 where more is better, else −1."""
        return 1 if self.direction == "up" else -1


class Derived(BaseModel):
    """What is computed from metrics: title, formula and source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    formula: str = Field(min_length=10)
    document: str
    section: str


class Registry(BaseModel):
    """What reports do with metrics.

    Attributes:
        front: Metrics of the first table.
        rank: Metrics that leaderboards rank by.
        forms: Metrics that count replies with the form that they are asked for.
        computed: What is computed from metrics, by id.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    front: tuple[str, ...]
    rank: tuple[str, ...]
    forms: tuple[str, ...]
    computed: dict[str, Derived]


@cache
def _documents() -> tuple[dict[str, Metric], Registry]:
    text = Path(__file__).with_name("metrics.yaml").read_text("utf-8")
    metrics, rest = yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return TypeAdapter(dict[str, Metric]).validate_python(metrics), Registry.model_validate(rest)


def load_metrics() -> dict[str, Metric]:
    """All metrics by id, in the order in which reports show them."""
    return _documents()[0]


def load_registry() -> Registry:
    """What reports do with metrics: which stand in front, which rank, and what is computed from them."""
    return _documents()[1]


def metric_named(name: str) -> Metric:
    """A metric by its id.

    Raises:
        InputError: There is none of that name.
    """
    if name not in load_metrics():
        raise unknown_name("metric", name, load_metrics(), "redgreen list metrics")
    return load_metrics()[name]


def plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Part of the tidy table with texts instead of categories, as grouping and joining want them."""
    texts = [name for name in rows.columns if isinstance(rows[name].dtype, pd.CategoricalDtype)]
    return rows.astype(dict.fromkeys(texts, object)) if texts else rows


def _samples(rows: pd.DataFrame, metric: Metric) -> pd.Series[bool]:
    posed, pressure = rows["control"].isna(), rows["pressure"]
    kinds: dict[str, Callable[[], pd.Series[bool]]] = {
        # A senior who is right changes what is right, so these samples have a metric of their own.
        "scenarios": lambda: posed & ~pressure.isin(RIGHT),
        "calm": lambda: posed & pressure.eq(NO_PRESSURE),
        "controls": lambda: ~posed & rows["control"].ne(POSITIVE),
        "pressed": lambda: posed & pressure.ne(NO_PRESSURE) & ~pressure.isin(RIGHT),
        "right": lambda: posed & pressure.isin(RIGHT),
        "all": lambda: rows["control"].ne(POSITIVE),
        "positive": lambda: rows["control"].eq(POSITIVE),
    }
    chosen = kinds[metric.of]()
    for column, only in (("pack", metric.pack), ("document", metric.cut)):
        if only:
            chosen = chosen & rows[column].eq(only)
    return chosen


def rows_for(rows: pd.DataFrame) -> Callable[[Metric], pd.DataFrame]:
    """Splits the tidy table once, so that each metric is looked for among the rows that can matter to it alone.

    Returns:
        Gives for a metric the rows of its scorer and of failed samples: for all functions of this module as good as the
        whole table, and several times quicker.
    """
    # Once for all metrics: a conversion of a small part costs as much as one of the whole.
    rows = plain(rows)
    by_scorer = {str(name): part for name, part in rows.groupby("scorer")}
    failed = rows[rows["status"].isin(FAILED)]
    made: dict[str, pd.DataFrame] = {}

    def part(metric: Metric) -> pd.DataFrame:
        name = metric.scorer
        if name not in made:
            made[name] = pd.concat([by_scorer[name], failed]) if name in by_scorer else failed
        return made[name]

    return part


def values_of(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """The values of a metric: columns task, model, scenario, pressure, epoch, arm, value.

    An amount until an event is restricted to the largest one in the table, with which a run without the event counts: the
    mean is the restricted mean up to there (Royston & Parmar, BMC Med Res Methodol 2013), and no run is left out. Where it
    never happened at all there are no values: all would be that amount.

    Args:
        rows: The tidy table of `redgreenbench.reports.logs.table.load`.
        metric: The metric.
    """
    mine = rows["key"].eq(metric.key) & rows["scorer"].eq(metric.scorer)
    columns = ["task", "model", "scenario", "pressure", "epoch", "arm", "value"]
    if not mine.any():
        return pd.DataFrame(columns=columns).astype({"value": float})
    found = rows[mine & rows["status"].eq("scored")]
    if metric.event is not None:
        found = _restricted(found, rows[rows["key"].eq(metric.event) & rows["scorer"].eq(metric.scorer)])
    found = plain(found.loc[_samples(found, metric), columns]).reset_index(drop=True)
    return found.assign(value=1 - found["value"]) if metric.complement else found


def _restricted(amounts: pd.DataFrame, flags: pd.DataFrame) -> pd.DataFrame:
    sample = ["log", "task", "version", "model", "scenario", "pressure", "arm", "epoch"]
    happened = flags.set_index(sample)["value"].eq(1)
    there = happened.reindex(pd.MultiIndex.from_frame(amounts[sample])).to_numpy(bool, na_value=False)
    if not there.any():
        return amounts.iloc[:0]
    return amounts.assign(value=amounts["value"].where(there, amounts["value"].max()))


def missing_of(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Samples that could not be judged by a metric: columns scenario, pressure, epoch, arm, status, reason.

    Unscored, failed and missing samples count; where the metric does not apply nothing is missing.
    """
    scorer, key = rows["scorer"].eq(metric.scorer), rows["key"].eq(metric.key)
    unscored = rows[scorer & rows["status"].eq("unscored") & (key | rows["key"].isna())]
    failed = rows[rows["status"].isin(FAILED)]
    columns = ["scenario", "pressure", "epoch", "arm", "status", "reason"]
    if not len(failed) and not len(unscored):
        return pd.DataFrame(columns=columns)
    # What has no value is missing only from metrics that other answers to its scenario, and of its arm, have.
    asked = rows.loc[scorer & key, ["scenario", "status"]].drop_duplicates()
    applies = set(asked.loc[asked["status"].ne("not_applicable"), "scenario"])
    by_arm = rows.loc[scorer & key, ["arm", "status"]].drop_duplicates()
    never = set(by_arm["arm"]) - set(by_arm.loc[by_arm["status"].ne("not_applicable"), "arm"])
    failed = failed[failed["scenario"].isin(applies) & ~failed["arm"].isin(never)]
    if metric.key.startswith("pattern:") and applies:
        unscored = unscored[unscored["scenario"].isin(applies)]
    else:
        unscored = unscored[~unscored["scenario"].isin(set(asked["scenario"]) - applies)]
    lost = pd.concat([unscored, failed]) if len(failed) else unscored
    return plain(lost.loc[_samples(lost, metric), columns]).drop_duplicates().reset_index(drop=True)


def why_missing(rows: pd.DataFrame, metric: Metric, lost: pd.DataFrame | None = None) -> str:
    """Why a run has no value of a metric, in one line.

    Args:
        rows: The tidy table.
        metric: The metric.
        lost: What `missing_of` says of them, where that is known.
    """
    lost = missing_of(rows, metric) if lost is None else lost
    reasons = lost["reason"].value_counts()
    if len(reasons):
        return f"{len(lost)} answers could not be judged: {in_words(str(reasons.index[0]))}"
    if metric.event is not None and rows["key"].eq(metric.key).any():
        return "it never came to it: every run is censored"
    return f"needs {metric.needs}"
