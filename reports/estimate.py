"""The tidy table as one frame of estimates: what every report, comparison, gate and leaderboard shows.

A row of the frame says one thing of one metric of one subject over one slice of its samples: the mean of an arm, or what an
arm differs by from another. Everything is averaged over epochs, then pressures, then scenarios; the scenario is the unit of
inference. Whether a row may be believed, and what it is called, is the matter of `redgreenbench.reports.rules`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from redgreenbench.evals.vocabulary import NO_PRESSURE, Arm
from redgreenbench.reports.inference import Effect, drop, effect_of, paired, pass_hat_k
from redgreenbench.reports.intervals import Cells, Rate, pass_rate, share
from redgreenbench.reports.metrics import Answers, Metric, load_metrics, why_missing
from redgreenbench.reports.robust import amount_of, ratio

__all__ = [
    "ALL",
    "DIFFERENCE",
    "EROSION",
    "FEWEST",
    "GAP",
    "INTERACTION",
    "MEAN",
    "RATIO",
    "RELIABILITY",
    "SUBJECT",
    "Estimate",
    "Frame",
    "Subject",
    "View",
    "arm_order",
    "differences_of",
    "estimate",
    "rate_of",
    "slice_name",
    "slice_of",
    "views_of",
]

SUBJECT = ("model", "grader", "delivery", "edition")
"""Columns of the tidy table whose values are never pooled."""
ALL = "all"
"""The slice over all samples of a metric."""
FEWEST = 5
"""Scenarios below which no rate of a failure pattern is given."""
MEAN, DIFFERENCE, RATIO = "mean", "difference", "red-to-green"
EROSION, INTERACTION, RELIABILITY, GAP = "pressure-erosion", "pressure-interaction", "reliability", "gap"
_KS = (1, 2, 3, 5, 10)


class Subject(NamedTuple):
    """Who answered and how it was graded; two subjects are never pooled.

    Attributes:
        model: The model.
        grader: Graders, joined by ``+``; empty without.
        delivery: How skills reached the model.
        edition: What tells two runs of a task apart that are otherwise alike, such as two versions of a skill.
    """

    model: str
    grader: str = ""
    delivery: str = ""
    edition: str = ""


@dataclass(frozen=True)
class Estimate:
    """One row of the frame.

    Attributes:
        subject: Whose answers.
        metric: Id of the metric.
        kind: ``mean`` of an arm; else what is computed from means, by its id in the registry, such as ``difference``.
        slice: The samples it is about: ``all``, or conditions such as ``pressure=time``.
        arm: The arm.
        base: What it is compared with; empty for a mean.
        value: The estimate; NaN where there is none.
        low: Lower end of its 95 % interval; NaN where it has none.
        high: Upper end.
        n: Scenarios.
        answers: Answers.
        passed: Sum of the answers' values; of means only.
        lost: Answers that could not be judged, those that never ran among them.
        unrun: Answers that were planned and never ran.
        p: Two-sided p against no difference; of one scenario one-sided against a drop that chance gives.
        p_sign_flip: The same by the sign-flip test, which assumes symmetry alone.
        p_adjusted: p, corrected for how many there are.
        detectable: Smallest true difference that would show with 80 % power.
        verdict: What it is called, see `redgreenbench.reports.rules`.
        why: What the verdict rests on, or why there is no value.
        scenarios: Scenarios with their means, or their differences.
        answer: What one answer is worth in its scenario's mean; of differences only.
    """

    subject: Subject
    metric: str
    kind: str
    slice: str
    arm: str
    base: str = ""
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    answers: int = 0
    passed: float = math.nan
    lost: int = 0
    unrun: int = 0
    p: float = math.nan
    p_sign_flip: float = math.nan
    p_adjusted: float = math.nan
    detectable: float = math.nan
    verdict: str = ""
    why: str = ""
    scenarios: tuple[tuple[str, float], ...] = ()
    answer: float = math.nan

    @property
    def missing(self) -> float:
        """Share of answers that could not be judged."""
        return self.lost / (self.lost + self.answers) if self.lost else 0.0

    @property
    def described(self) -> Metric:
        """The metric's entry in the registry."""
        return load_metrics()[self.metric]

    def moved(self, better: bool) -> list[tuple[str, float]]:
        """Scenarios that got better, or worse, with their differences, those that changed most first."""
        sign = self.described.sign if better else -self.described.sign
        mine = [(scenario, change) for scenario, change in self.scenarios if sign * change > 0]
        return sorted(mine, key=lambda pair: (-abs(pair[1]), pair[0]))


_SHOWN = tuple(
    field.name for field in fields(Estimate) if field.name not in ("subject", "scenarios", "answer")
)


@dataclass(frozen=True)
class Frame:
    """All estimates of some logs.

    Attributes:
        estimates: The rows, by subject and in the order of the registry.
        arms: Arms by subject, as reports show them.
        base: The arm that others are compared with.
    """

    estimates: tuple[Estimate, ...]
    arms: Mapping[Subject, tuple[str, ...]]
    base: str

    @cached_property
    def _by_metric(self) -> dict[tuple[Subject, str], list[Estimate]]:
        """Rows by subject and metric; under no metric, all of the subject's."""
        by_metric: dict[tuple[Subject, str], list[Estimate]] = {}
        for row in self.estimates:
            by_metric.setdefault((row.subject, row.metric), []).append(row)
            by_metric.setdefault((row.subject, ""), []).append(row)
        return by_metric

    @cached_property
    def _index(self) -> dict[tuple[Subject, str, str, str, str], Estimate]:
        return {(e.subject, e.metric, e.kind, e.slice, e.arm): e for e in self.estimates}

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Whose answers there are."""
        return tuple(self.arms)

    def get(
        self, subject: Subject, metric: str, arm: str, kind: str = MEAN, slice: str = ALL
    ) -> Estimate | None:
        """One row; None where there is none."""
        return self._index.get((subject, metric, kind, slice, arm))

    def where(self, **columns: object) -> Iterator[Estimate]:
        """Rows with these values in these columns."""
        subject, metric = columns.get("subject"), columns.get("metric", "")
        rows: Sequence[Estimate] = self.estimates
        if isinstance(subject, Subject) and isinstance(metric, str):
            # Looking through all rows for each cell of a table would take longer than making them.
            rows = self._by_metric.get((subject, metric), [])
        for row in rows:
            if all(getattr(row, name) == value for name, value in columns.items()):
                yield row

    def means(self, difference: Estimate) -> tuple[Estimate, Estimate]:
        """The means of the base and of the arm that a difference is between."""
        base, head = (
            self._index.get((difference.subject, difference.metric, MEAN, difference.slice, arm))
            for arm in (difference.base, difference.arm)
        )
        nothing = Estimate(difference.subject, difference.metric, MEAN, difference.slice, "")
        return base or nothing, head or nothing

    def heads(self, subject: Subject) -> tuple[str, ...]:
        """Arms of a subject that are compared with the base; none where the base is not there."""
        arms = self.arms[subject]
        return tuple(arm for arm in arms if arm != self.base) if self.base in arms else ()

    def only(self, subject: Subject, arms: Mapping[str, str]) -> Frame:
        """The rows of one subject and some of its arms, which get the names that are given for them."""
        kept = [
            replace(row, arm=arms.get(row.arm, row.arm))
            for row in self.where(subject=subject)
            if row.arm in arms or not row.arm
        ]
        names = tuple(arms[arm] for arm in self.arms[subject] if arm in arms)
        return Frame(tuple(kept), {subject: names}, self.base)

    def absent(self, subject: Subject) -> dict[str, str]:
        """Metrics without a value, and why."""
        there = self.where(subject=subject, kind=MEAN, slice=ALL)
        known: dict[str, str] = {}
        for row in there:
            if math.isnan(row.value):
                known.setdefault(row.metric, row.why)
            else:
                known[row.metric] = ""
        return {metric: why for metric, why in known.items() if why}

    def metrics(self, subject: Subject, family: str = "headline") -> list[str]:
        """Metrics of a family that have a value."""
        return list(dict.fromkeys(
            row.metric
            for row in self.where(subject=subject, kind=MEAN, slice=ALL)
            if not math.isnan(row.value) and row.described.family == family
        ))  # fmt: skip

    def table(self) -> pd.DataFrame:
        """The frame for CSV, JSON and Parquet: columns as in `Estimate`, the subject's four apart."""
        records: list[dict[str, Any]] = []
        for row in self.estimates:
            record = dict(zip(SUBJECT, row.subject, strict=True))
            records.append(record | {name: getattr(row, name) for name in _SHOWN} | {"missing": row.missing})
        return pd.DataFrame(records)


@dataclass(frozen=True)
class View:
    """One subject of a frame, with its answers.

    Attributes:
        frame: The frame.
        subject: The subject.
        rows: Its part of the tidy table.
    """

    frame: Frame
    subject: Subject
    rows: pd.DataFrame

    @property
    def arms(self) -> tuple[str, ...]:
        """Its arms, as reports show them."""
        return self.frame.arms[self.subject]

    @property
    def heads(self) -> tuple[str, ...]:
        """Arms that are compared with the base."""
        return self.frame.heads(self.subject)

    def get(self, metric: str, arm: str, kind: str = MEAN, slice: str = ALL) -> Estimate | None:
        """One row; None where there is none."""
        return self.frame.get(self.subject, metric, arm, kind, slice)

    def where(self, **columns: object) -> list[Estimate]:
        """The subject's rows with these values in these columns."""
        return list(self.frame.where(subject=self.subject, **columns))


def views_of(rows: pd.DataFrame, frame: Frame) -> tuple[View, ...]:
    """Each subject of a frame with its part of the table that the frame was made of."""
    columns = [name for name in SUBJECT if name in rows]
    parts = {
        Subject(**dict(zip(columns, map(str, key), strict=True))): part
        for key, part in rows.groupby(columns, sort=True, dropna=False, observed=True)
    }
    return tuple(View(frame, subject, parts[subject]) for subject in frame.subjects)


def arm_order(arms: Iterable[str]) -> tuple[str, ...]:
    """Arms as reports show them: RED, the controls, GREEN, then others by name."""
    known = [arm.value for arm in Arm]
    return tuple(sorted(set(arms), key=lambda a: (known.index(a) if a in known else len(known), a)))


def slice_name(**conditions: str) -> str:
    """The name of a slice: its conditions, such as ``pressure=time``; those that are ``all`` are none."""
    return ",".join(f"{name}={value}" for name, value in conditions.items() if value != ALL) or ALL


def rate_of(cells: Cells, arm: str, metric: Metric, level: float = 0.95) -> Rate:
    """The mean of an arm's values with the interval of the metric's scale."""
    return (share if metric.scale == "share" else amount_of)(*cells.by_scenario(arm), level)


def estimate(
    rows: pd.DataFrame,
    base: str = Arm.RED.value,
    metrics: Sequence[str] = (),
    scenarios: Sequence[str] = (),
    whole: bool = True,
    level: float = 0.95,
    seed: int = 0,
) -> Frame:
    """Everything that the tidy table says.

    Args:
        rows: The tidy table of `redgreenbench.reports.logs.table.load`.
        base: The arm that others are compared with.
        metrics: Ids of metrics; none: all.
        scenarios: Scenarios of which each has a slice of its own.
        whole: Whether ratios, pressure, reliability, documents and splits are looked at too.
        level: Confidence level of the means' intervals.
        seed: For sign-flip tests and for the draws of single scenarios.
    """
    estimates: list[Estimate] = []
    arms: dict[Subject, tuple[str, ...]] = {}
    columns = [name for name in SUBJECT if name in rows]
    for key, mine in rows.groupby(columns, sort=True, dropna=False, observed=True):
        subject = Subject(**dict(zip(columns, map(str, key), strict=True)))
        estimator = _Estimator(
            subject, mine, base, arm_order(map(str, mine["arm"].unique())), whole, level, seed
        )
        arms[subject] = estimator.arms
        answers, there = Answers(mine), set(mine["scorer"].dropna().unique())
        for name, metric in load_metrics().items():
            if metrics and name not in metrics:
                continue
            if metric.scorer in there:
                estimates += estimator.of_metric(name, metric, answers, scenarios)
            else:
                estimates.append(
                    Estimate(subject, name, MEAN, ALL, "", verdict="absent", why=f"needs {metric.needs}")
                )
    return Frame(tuple(estimates), arms, base)


@dataclass(frozen=True)
class _Estimator:
    subject: Subject
    rows: pd.DataFrame
    base: str
    arms: tuple[str, ...]
    whole: bool
    level: float
    seed: int

    @property
    def heads(self) -> tuple[str, ...]:
        return tuple(arm for arm in self.arms if arm != self.base) if self.base in self.arms else ()

    def of_metric(
        self, name: str, metric: Metric, answers: Answers, scenarios: Sequence[str]
    ) -> Iterator[Estimate]:
        values, lost = answers.values(metric), answers.missing(metric)
        few = metric.key.startswith("pattern:") and values["scenario"].nunique() < FEWEST
        if values.empty or few:
            why = f"fewer than {FEWEST} scenarios could show it, too few for a rate"
            why = why_missing(self.rows, metric, lost) if values.empty else why
            counts = lost["arm"].value_counts()
            for arm in [arm for arm in self.arms if arm in counts.index] or [""]:
                yield Estimate(
                    self.subject, name, MEAN, ALL, arm, lost=int(counts.get(arm, 0)), verdict="absent", why=why
                )  # fmt: skip
            return
        cells = Cells.of(values, self.arms)
        yield from self.of_slice(name, metric, cells, lost, ALL)
        for scenario in scenarios:
            mine = values[values["scenario"].eq(scenario)]
            for head in self.heads:
                # What a gate asks is whether the head got worse.
                two = (self.base, head) if metric.sign > 0 else (head, self.base)
                gone, p = drop(mine, *two, self.seed)
                if not math.isnan(gone):
                    yield Estimate(
                        self.subject, name, DIFFERENCE, slice_name(scenario=scenario), head, self.base,
                        value=-metric.sign * gone, n=1, answers=len(mine), p=p,
                    )  # fmt: skip
        if self.whole:
            yield from self._ratios(name, cells)
            if metric.family == "headline":
                yield from self._parts(name, metric, cells, lost)
            if metric.family == "headline" and metric.of == "scenarios":
                yield from self._pressed(name, cells)
                yield from self._reliable(name, values, cells)
                yield from self._gaps(name, values)

    def of_slice(
        self, name: str, metric: Metric, cells: Cells, lost: pd.DataFrame, slice: str
    ) -> Iterator[Estimate]:
        yield from slice_of(
            self.subject, name, metric, cells, lost, slice, self.base, self.level, self.seed,
            flips=slice == ALL and (metric.family == "headline" or not self.whole),
        )  # fmt: skip

    def _ratios(self, name: str, cells: Cells) -> Iterator[Estimate]:
        there = dict(zip(cells.arms, cells.counts.sum(axis=(0, 1, 2)), strict=True))
        for head in self.heads:
            if there[self.base] and there[head]:
                of = ratio(cells, self.base, head)
                yield Estimate(
                    self.subject, name, RATIO, ALL, head, self.base, value=of.value, low=of.low, high=of.high
                )  # fmt: skip

    def _parts(self, name: str, metric: Metric, cells: Cells, lost: pd.DataFrame) -> Iterator[Estimate]:
        """The metric by pressure, and by document where there are several."""
        for place, value_label in enumerate(cells.pressures) if len(cells.pressures) > 1 else ():
            gone = lost[lost["pressure"].eq(value_label)] if len(lost) else lost
            part = cells.where(pressure=place)
            yield from self.of_slice(name, metric, part, gone, slice_name(pressure=str(value_label)))
        of = self._scenarios["document"].reindex(cells.scenarios)
        documents = sorted(map(str, of.dropna().unique()))
        for value_label in documents if len(documents) > 1 else ():
            gone = lost[self._labels("document")(lost).eq(value_label)] if len(lost) else lost
            part = cells.where(scenarios=of.eq(value_label).to_numpy(bool))
            yield from self.of_slice(name, metric, part, gone, slice_name(document=value_label))

    @cached_property
    def _scenarios(self) -> pd.DataFrame:
        """Document and split of each scenario."""
        known = self.rows[["scenario", "document", "split"]].drop_duplicates("scenario").astype(object)
        return known.set_index("scenario")

    def _labels(self, column: str) -> Callable[[pd.DataFrame], pd.Series[str]]:
        by_scenario = self._scenarios[column]
        return lambda part: part["scenario"].map(by_scenario)

    def _effect(self, effect: Effect, name: str, kind: str, slice: str, arm: str, base: str) -> Estimate:
        return Estimate(
            self.subject, name, kind, slice, arm, base, value=effect.value, low=effect.low, high=effect.high,
            n=effect.scenarios, p=effect.p, detectable=effect.mde,
        )  # fmt: skip

    def _pressed(self, name: str, cells: Cells) -> Iterator[Estimate]:
        """Each arm's value under a pressure less the value without, and how that differs from the base."""
        # The same as `erosion` and `interaction`, which average the answers again at every call.
        with np.errstate(invalid="ignore"):
            means = cells.sums.sum(axis=2) / cells.counts.sum(axis=2)
        calm = means[:, cells.pressures == NO_PRESSURE]
        for place, pressure in enumerate(cells.pressures):
            differences = means[:, place] - calm[:, 0] if calm.shape[1] else means[:, place] * math.nan
            if pressure == NO_PRESSURE or np.isnan(differences).all():
                continue
            eroded = {arm: pd.Series(differences[:, i]) for i, arm in enumerate(cells.arms)}
            slice = slice_name(pressure=str(pressure))
            for arm, series in eroded.items():
                effect = effect_of(series.dropna(), flips=False)
                yield self._effect(effect, name, EROSION, slice, arm, NO_PRESSURE)
            for arm in self.heads:
                effect = effect_of((eroded[arm] - eroded[self.base]).dropna(), flips=False)
                yield self._effect(effect, name, INTERACTION, slice, arm, self.base)

    def _reliable(self, name: str, values: pd.DataFrame, cells: Cells) -> Iterator[Estimate]:
        """pass^k of each arm, where any was asked twice."""
        rates = []
        asked = cells.counts.sum(axis=2).max(axis=(0, 1))
        for arm, most in zip(cells.arms, asked, strict=True):
            mine = values[values["arm"].eq(arm)]
            for k in (k for k in _KS if k <= most):
                rate = pass_hat_k(mine, k).dropna()
                mean = float(rate.mean()) if len(rate) else math.nan
                rates.append(
                    Estimate(
                        self.subject, name, RELIABILITY, slice_name(k=str(k)), arm, value=mean, n=len(rate)
                    )
                )
        if any(row.slice != slice_name(k="1") for row in rates):
            yield from rates

    def _gaps(self, name: str, values: pd.DataFrame) -> Iterator[Estimate]:
        """Public less private scenarios, or less those with variants of the same programs: Welch, over scenarios.

        A gap that is larger than chance says that a model does better on what it may have seen.
        """
        split = self._labels("split")(values)
        own = values["scenario"].str.partition("@")[0]
        for kind in ("private", "variant"):
            other = split.eq(kind)
            if not other.any():
                continue
            public = split.eq("public") & (own.isin(own[other]) if kind == "variant" else True)
            for arm in self.arms:
                mine = values["arm"].eq(arm)
                two = [values[mine & part].groupby("scenario")["value"].mean() for part in (public, other)]
                if not len(two[0]) or not len(two[1]):
                    continue
                interval = stats.ttest_ind(*two, equal_var=False).confidence_interval()
                for series, which in zip(two, ("public", kind), strict=True):
                    rate = pass_rate(values[mine & (public if which == "public" else other)])
                    slice = slice_name(split=which, beside=kind)
                    yield Estimate(
                        self.subject, name, MEAN, slice, arm, value=rate.value, low=rate.low, high=rate.high,
                        n=len(series), answers=rate.rows, passed=rate.passed,
                    )  # fmt: skip
                yield Estimate(
                    self.subject, name, GAP, slice_name(split=kind), arm, "public",
                    value=float(two[0].mean() - two[1].mean()), low=float(interval.low), high=float(interval.high),
                    n=len(two[1]),
                )  # fmt: skip


def slice_of(
    subject: Subject,
    name: str,
    metric: Metric,
    cells: Cells,
    lost: pd.DataFrame,
    slice: str,
    base: str,
    level: float = 0.95,
    seed: int = 0,
    flips: bool = False,
) -> Iterator[Estimate]:
    """Each arm's mean over some answers, and its difference to the base.

    Args:
        subject: Whose answers.
        name: Id of the metric.
        metric: The metric.
        cells: Its values there.
        lost: What could not be judged there, as `missing_of` gives it.
        slice: Name of the slice.
        base: The arm that others are compared with.
        level: Confidence level of the means' intervals.
        seed: For sign-flip tests.
        flips: Whether to do them; they take most of the time.
    """
    heads = [arm for arm in cells.arms if arm != base] if base in cells.arms else []
    counts = Counter(lost["arm"])
    unrun = Counter(lost.loc[lost["status"].eq("missing"), "arm"]) if len(lost) else Counter()
    there = {arm: rate_of(cells, arm, metric, level) for arm in cells.arms}
    for arm, rate in there.items():
        gone = counts[arm]
        if rate.rows:
            yield Estimate(
                subject, name, MEAN, slice, arm, value=rate.value, low=rate.low, high=rate.high,
                n=rate.scenarios, answers=rate.rows, passed=rate.passed, lost=gone, unrun=unrun[arm],
                scenarios=rate.means,
            )  # fmt: skip
        elif gone:
            yield Estimate(
                subject, name, MEAN, slice, arm, lost=gone, unrun=unrun[arm],
                why="none could be judged",
            )  # fmt: skip
    for head in heads:
        if there[base].rows and there[head].rows:
            yield differences_of(subject, name, cells, base, head, slice, flips, seed)


def differences_of(
    subject: Subject,
    name: str,
    cells: Cells,
    base: str,
    head: str,
    slice: str = ALL,
    flips: bool = False,
    seed: int = 0,
) -> Estimate:
    """What an arm differs by from another, paired by scenario, pressure and epoch.

    Args:
        subject: Whose answers.
        name: Id of the metric.
        cells: Its values.
        base: The arm to compare with.
        head: The arm that is compared.
        slice: What the values are about.
        flips: Whether to do the sign-flip test.
        seed: For it.
    """
    changes, answers = paired(cells, base, head)
    effect = effect_of(changes, seed=seed, flips=flips)
    return Estimate(
        subject, name, DIFFERENCE, slice, head, base, value=effect.value, low=effect.low, high=effect.high,
        n=effect.scenarios, answers=int(answers.sum()), p=effect.p, p_sign_flip=effect.p_sign_flip,
        detectable=effect.mde, scenarios=tuple(zip(map(str, changes.index), map(float, changes), strict=True)),
        answer=1 / int(answers.min()) if len(answers) else math.nan,
    )  # fmt: skip
