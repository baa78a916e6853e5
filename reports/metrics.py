"""The registry of metrics, and each metric's values out of the tidy table."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from redgreenbench.evals.errors import unknown_name
from redgreenbench.evals.vocabulary import AUTHORITY_RIGHT, NO_PRESSURE
from redgreenbench.reports.logs.reading import FAILED, in_words

__all__ = [
    "POSITIVE",
    "RIGHT",
    "Answers",
    "Claim",
    "Derived",
    "Metric",
    "Registry",
    "load_metrics",
    "load_registry",
    "metric_named",
    "missing_of",
    "plain",
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
    texts = [name for name, dtype in rows.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]
    return rows.astype(dict.fromkeys(texts, object)) if texts else rows


class Answers:
    """A tidy table as whole numbers for its texts, so that each metric finds its answers without comparing texts.

    Args:
        rows: The tidy table of `redgreenbench.reports.logs.table.load`, or part of it.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows
        self._coded: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def _codes(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A column's texts as places in the texts that there are; −1, the last of them, is no text."""
        if name not in self._coded:
            column = self.rows[name].astype("category").cat
            self._coded[name] = (column.codes.to_numpy(), np.array([*column.categories, np.nan], object))
        return self._coded[name]

    def _are(self, name: str, *texts: str, places: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Which rows, of all or of some, have one of the texts in a column."""
        codes, kinds = self._codes(name)
        codes = codes[places]
        there = [place for place, kind in enumerate(kinds) if kind in texts]
        return np.asarray(codes == there[0]) if len(there) == 1 else np.isin(codes, there)

    def _counting(self, metric: Metric, places: np.ndarray) -> np.ndarray:
        """Those of some rows whose samples count for a metric."""

        def are(name: str, *texts: str) -> np.ndarray:
            return self._are(name, *texts, places=places)

        posed = self._codes("control")[0][places] == -1
        kinds: dict[str, Callable[[], np.ndarray]] = {
            # A senior who is right changes what is right, so these samples have a metric of their own.
            "scenarios": lambda: posed & ~are("pressure", *RIGHT),
            "calm": lambda: posed & are("pressure", NO_PRESSURE),
            "controls": lambda: ~posed & ~are("control", POSITIVE),
            "pressed": lambda: posed & ~are("pressure", NO_PRESSURE, *RIGHT),
            "right": lambda: posed & are("pressure", *RIGHT),
            "all": lambda: ~are("control", POSITIVE),
            "positive": lambda: are("control", POSITIVE),
        }
        chosen = kinds[metric.of]()
        for name, only in (("pack", metric.pack), ("document", metric.cut)):
            if only:
                chosen = chosen & are(name, only)
        return np.asarray(places[chosen])

    def _frame(self, places: np.ndarray, texts: tuple[str, ...]) -> pd.DataFrame:
        """Columns of some rows."""
        if not len(places):
            return _no_rows(texts).copy()
        given = np.empty((len(places), len(texts)), object)
        for column, name in enumerate(texts):
            codes, kinds = self._codes(name)
            given[:, column] = kinds[codes[places]]
        frame = pd.DataFrame(given, columns=_header(texts), dtype=object)
        frame["epoch"] = self.rows["epoch"].to_numpy()[places]
        return frame

    def values(self, metric: Metric) -> pd.DataFrame:
        """See `values_of`."""
        of_scorer, scored = self._are("scorer", metric.scorer), self._are("status", "scored")
        places = np.flatnonzero(of_scorer & self._are("key", metric.key) & scored)
        numbers = self.rows["value"].to_numpy(float)
        if metric.event is not None:
            flags = self.rows[of_scorer & self._are("key", metric.event)]
            numbers = numbers.copy()
            numbers[places], happened = _restricted(self.rows.iloc[places], flags)
            places = places if happened else places[:0]
        places = self._counting(metric, places)
        frame = self._frame(places, ("task", "model", "scenario", "pressure", "arm"))
        frame["value"] = 1 - numbers[places] if metric.complement else numbers[places]
        return frame

    def missing(self, metric: Metric) -> pd.DataFrame:
        """See `missing_of`."""
        of_scorer, of_key = self._are("scorer", metric.scorer), self._are("key", metric.key)
        without_key = of_key | (self._codes("key")[0] == -1)
        unscored = np.flatnonzero(of_scorer & self._are("status", "unscored") & without_key)
        failed = np.flatnonzero(self._are("status", *FAILED))
        scenario, scenarios = self._codes("scenario")
        # What has no value is missing only from metrics that other answers to its scenario, and of its arm, have.
        arm, arms = self._codes("arm")
        asked, applies = np.zeros((2, len(scenarios)), bool)
        asked_arms, in_arm = np.zeros((2, len(arms)), bool)
        all_asked = of_scorer & of_key
        applicable = all_asked & ~self._are("status", "not_applicable")
        asked[scenario[all_asked]], applies[scenario[applicable]] = True, True
        asked_arms[arm[all_asked]], in_arm[arm[applicable]] = True, True
        failed = failed[applies[scenario[failed]] & (in_arm | ~asked_arms)[arm[failed]]]
        within = applies if metric.key.startswith("pattern:") and applies.any() else ~asked | applies
        lost = [unscored[within[scenario[unscored]]], failed]
        places = self._counting(metric, np.concatenate(lost))
        texts = ("scenario", "pressure", "arm", "status", "reason")
        if len(places):
            epoch = self.rows["epoch"].to_numpy()[places]
            coded = [*(self._codes(name)[0][places] + 1 for name in texts), epoch]
            sample = np.ravel_multi_index(coded, [1 + int(codes.max()) for codes in coded])
            places = places[np.sort(np.unique(sample, return_index=True)[1])]
        return self._frame(places, texts)


@cache
def _no_rows(texts: tuple[str, ...]) -> pd.DataFrame:
    """Most metrics have no answers in a run, and pandas takes as long for none as for a thousand."""
    return pd.DataFrame(columns=_header(texts), dtype=object).assign(epoch=np.array([], np.int32))


@cache
def _header(texts: tuple[str, ...]) -> pd.Index[str]:
    """Names of columns; pandas takes longer to make them than to fill the columns of most metrics."""
    return pd.Index(texts)


def values_of(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """The values of a metric: columns task, model, scenario, pressure, arm, epoch, value.

    An amount until an event is restricted to the largest one in the table, with which a run without the event counts: the
    mean is the restricted mean up to there (Royston & Parmar, BMC Med Res Methodol 2013), and no run is left out. Where it
    never happened at all there are no values: all would be that amount.

    Args:
        rows: The tidy table of `redgreenbench.reports.logs.table.load`.
        metric: The metric.
    """
    return Answers(rows).values(metric)


def _restricted(amounts: pd.DataFrame, flags: pd.DataFrame) -> tuple[np.ndarray, bool]:
    """Amounts until an event, those without it as the largest there is; and whether it happened at all."""
    sample = ["log", "task", "version", "model", "scenario", "pressure", "arm", "epoch"]
    happened = flags.set_index(sample)["value"].eq(1)
    there = happened.reindex(pd.MultiIndex.from_frame(amounts[sample])).to_numpy(bool, na_value=False)
    return amounts["value"].where(there, amounts["value"].max()).to_numpy(), bool(there.any())


def missing_of(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Samples that could not be judged by a metric: columns scenario, pressure, arm, status, reason, epoch.

    Unscored, failed and missing samples count; where the metric does not apply nothing is missing.
    """
    return Answers(rows).missing(metric)


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
