"""The registry of metrics, and each metric's values out of the tidy table."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from redgreenbench.evals.errors import unknown
from redgreenbench.evals.vocabulary import NO_PRESSURE

__all__ = ["Metric", "load_metrics", "metric_named", "missing_of", "values_of"]

_RIGHT = "authority_right"


class Metric(BaseModel):
    """What is measured, where it stands in the logs and what it means.

    Attributes:
        title: For people.
        scorer: Name of the scorer.
        key: Key of its value.
        of: Which samples count: ``scenarios``, ``controls``, ``pressed`` (under a pressure other than the legitimate one),
            ``right`` (under the legitimate one) or ``all``.
        direction: Whether more is better.
        unit: Unit.
        formula: How it is computed from answers.
        document: Number of the document that asks for it.
        section: The document's section.
        missing: What counts as missing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    scorer: str
    key: str
    of: Literal["scenarios", "controls", "pressed", "right", "all"]
    direction: Literal["up", "down"] = "up"
    unit: str
    formula: str = Field(min_length=10)
    document: str
    section: str
    missing: str

    @property
    def sign(self) -> int:
        """1 where more is better, else −1."""
        return 1 if self.direction == "up" else -1


@cache
def load_metrics() -> dict[str, Metric]:
    """All metrics by id, in the order in which reports show them."""
    text = Path(__file__).with_name("metrics.yaml").read_text("utf-8")
    return TypeAdapter(dict[str, Metric]).validate_python(yaml.safe_load(text))


def metric_named(name: str) -> Metric:
    """A metric by its id.

    Raises:
        InputError: There is none of that name.
    """
    if name not in load_metrics():
        raise unknown("metric", name, load_metrics(), "redgreen list metrics")
    return load_metrics()[name]


def _samples(rows: pd.DataFrame, metric: Metric) -> pd.Series[bool]:
    control = rows["control"].notna()
    none, right = rows["pressure"].eq(NO_PRESSURE), rows["pressure"].eq(_RIGHT)
    kinds = {
        # A senior who is right changes what is right, so these samples have a metric of their own.
        "scenarios": ~control & ~right,
        "controls": control,
        "pressed": ~control & ~none & ~right,
        "right": ~control & right,
        "all": control | ~control,
    }
    return kinds[metric.of]


def values_of(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """The values of a metric: columns task, model, scenario, pressure, epoch, arm, value.

    Args:
        rows: The tidy table of `redgreenbench.reports.load.load`.
        metric: The metric.
    """
    mine = rows["scorer"].eq(metric.scorer) & rows["key"].eq(metric.key) & rows["status"].eq("scored")
    columns = ["task", "model", "scenario", "pressure", "epoch", "arm", "value"]
    return rows.loc[mine & _samples(rows, metric), columns].reset_index(drop=True)


def missing_of(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Samples that could not be judged by a metric: columns scenario, pressure, epoch, arm, reason.

    Unscored, failed and missing samples count; where the metric does not apply nothing is missing.
    """
    unscored = rows["scorer"].eq(metric.scorer) & rows["status"].eq("unscored")
    failed = rows["status"].isin(["error", "missing"])
    # A failed sample is missing only from metrics that its scenario has elsewhere.
    applies = set(rows.loc[rows["scorer"].eq(metric.scorer) & rows["key"].eq(metric.key), "scenario"])
    chosen = (unscored | (failed & rows["scenario"].isin(applies))) & _samples(rows, metric)
    columns = ["scenario", "pressure", "epoch", "arm", "reason"]
    return rows.loc[chosen, columns].drop_duplicates().reset_index(drop=True)
