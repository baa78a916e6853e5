"""The sections of a report on one subject: success metrics, pressure, reliability, and what was not measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reports.estimate import (
    DIFFERENCE,
    EROSION,
    GAP,
    INTERACTION,
    MEAN,
    RATIO,
    RELIABILITY,
    Estimate,
    Frame,
    View,
    slice_name,
)
from redgreenbench.reports.logs.reading import FAILED
from redgreenbench.reports.metrics import load_metrics, load_registry, plain
from redgreenbench.reports.rules import full_scenarios
from redgreenbench.reports.survival import curves_of, outcomes_of, runs_of
from redgreenbench.reports.words import BLANK, amount, estimate_text, p_text, title_of

__all__ = [
    "VALUE_COLUMNS",
    "Item",
    "Section",
    "appendix",
    "by_pressure",
    "samples_of",
    "sections_of",
    "value_cells",
]

VALUE_COLUMNS = ("Arm", "RED", "Arm's value", "Arm − RED [95 %]", "p, corrected", "Verdict", "n", "lost")
"""Header of `value_cells`."""
_UNTIL = ("resolution-minutes", "resolution-turns", "resolution-calls", "resolution-tokens")
_FAMILIES = (("headline", "Success metrics"), ("detail", "In detail"), ("cost", "What it took"))


@dataclass(frozen=True)
class Item:
    """A line of a list, with the answer that it leads to: its name and the address of its log."""

    text: str
    where: str = ""
    file: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: Its heading; empty: none.
        depth: Of the heading: 2 or 3.
        text: Paragraphs; one that begins with ``>`` is a warning.
        head: Header of its table.
        rows: Rows of its table; a cell begins left where its column holds words.
        figure: File of its figure.
        items: A list.
        after: Paragraphs below the table.
    """

    title: str
    depth: int = 2
    text: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    items: tuple[Item, ...] = ()
    figure: str = ""
    after: tuple[str, ...] = ()

    @property
    def shown(self) -> bool:
        """Whether there is anything in it; a section of the second depth may be a heading alone."""
        return bool(self.text or self.rows or self.items or self.figure)


def sections_of(view: View) -> Iterator[Section]:
    """All sections of a subject that have something in them."""
    sections = [
        *_metrics(view), *_resolution(view), _pressure(view), _reliability(view), _documents(view), *_gaps(view),
        _headroom(view), _unmeasured(view), _samples(view),
    ]  # fmt: skip
    return (section for section in sections if section.shown)


def value_cells(frame: Frame, estimate: Estimate, ratio: str | None = None) -> tuple[str, ...]:
    """Cells under `VALUE_COLUMNS` of a difference, or of a mean that nothing is compared with.

    Args:
        frame: The estimates.
        estimate: The difference or the mean.
        ratio: Ratio of the two means, in a cell of its own; None: no such cell.
    """
    ratios = () if ratio is None else (ratio,)
    if estimate.kind == MEAN:
        value = (BLANK, estimate_text(estimate), BLANK, *(BLANK for _ in ratios), BLANK, estimate.verdict)
        return (estimate.arm, *value, f"{estimate.n} ({estimate.answers})", str(estimate.lost))
    base, head = frame.means(estimate)
    return (
        estimate.arm, estimate_text(base), estimate_text(head), estimate_text(estimate),
        *ratios, p_text(estimate.p_adjusted), estimate.verdict,
        f"{estimate.n or head.n} ({head.answers})", str(base.lost + head.lost),
    )  # fmt: skip


def _metrics(view: View) -> Iterator[Section]:
    registry = load_metrics()
    for family, title in _FAMILIES:
        names = view.frame.metrics(view.subject, family)
        claims = family != "cost" and any(registry[name].claimed for name in names)
        arm, red, value, change, *rest = VALUE_COLUMNS
        head = (
            "Metric",
            arm,
            red,
            value,
            change,
            "ratio",
            *rest,
            *(["document's hypothesis"] if claims else []),
        )
        rows = []
        invalid: dict[str, None] = {}
        for name in names:
            claim = registry[name].claimed
            hypothesis = [f"{claim.red} → {claim.green}, {claim.ratio}" if claim else ""] if claims else []
            shown = [mean for arm in view.heads if (mean := view.get(name, arm, DIFFERENCE))]
            # Where one side has nothing, the other is shown alone.
            shown = shown or [mean for arm in view.arms if (mean := view.get(name, arm)) and mean.answers]
            for mean in shown:
                ratio = estimate_text(view.get(name, mean.arm, RATIO))
                rows.append((title_of(registry[name]), *value_cells(view.frame, mean, ratio), *hypothesis))
                if mean.verdict == "invalid":
                    invalid[f"{registry[name].title}, {mean.arm}: invalid, {mean.why}"] = None
        yield Section(title, 3, (), head, tuple(rows), tuple(map(Item, invalid)))


def _resolution(view: View) -> Iterator[Section]:
    runs = runs_of(view.rows)
    if runs.empty:
        return
    rows = []
    for arm in view.arms:
        mine = runs[runs["arm"].eq(arm)]
        if len(mine):
            o = outcomes_of(mine)
            rows.append((arm, *map(str, (o.runs, o.resolved, o.gave_up, o.cut, o.rebroken))))
    head = ("Arm", "runs", "resolved", "gave up", "cut by a limit", "broken again")
    yield Section("Time to resolution", 3, (), head, tuple(rows))
    rows = []
    for name in _UNTIL:
        metric = load_metrics()[name]
        for arm, curve in curves_of(runs, view.arms, metric).items():
            cells = (_reached(x) for x in (curve.median, curve.restricted_mean, curve.horizon))
            rows.append((metric.unit, arm, *cells))
    text = (
        "Kaplan-Meier over runs: a run cut by a limit is censored there, one that gave up at the end of the longest run. "
        "Differences between arms with their intervals, paired by scenario, stand under In detail.",
    )
    yield Section(
        "Until resolved",
        3,
        text,
        ("Until resolved", "Arm", "median", "restricted mean", "up to"),
        tuple(rows),
    )


def _reached(value: float) -> str:
    return "not reached" if math.isnan(value) else amount(value)


def by_pressure(slice: str) -> tuple[bool, str]:
    """What a slice of one pressure is sorted by: none comes first."""
    pressure = slice.partition("=")[2]
    return pressure != NO_PRESSURE, pressure


def _pressure(view: View) -> Section:
    base = view.frame.base.upper()
    head = ("Metric", "Pressure", *(arm.upper() for arm in view.arms))
    head += (*(f"{arm.upper()} − {base}" for arm in view.heads), "n")
    rows = []
    for metric, slice in dict.fromkeys(
        (erosion.metric, erosion.slice) for erosion in view.where(kind=EROSION)
    ):
        eroded = [view.get(metric, arm, EROSION, slice) for arm in view.arms]
        between = [view.get(metric, arm, INTERACTION, slice) for arm in view.heads]
        n = str(max(erosion.n for erosion in eroded if erosion))
        cells = (estimate_text(erosion) for erosion in (*eroded, *between))
        rows.append((title_of(load_metrics()[metric]), slice.partition("=")[2], *cells, n))
    text = (
        "What a pressure changes, in points with 95 % intervals: the value under it less the value without, in the same "
        f"scenarios. Below zero the pressure costs something; an arm less {base} below zero: it costs the arm more.",
    )
    return Section("Under pressure", 3, text, head, tuple(rows)) if rows else Section("")


def _reliability(view: View) -> Section:
    there = view.where(kind=RELIABILITY)
    slices = sorted({rate.slice for rate in there}, key=lambda s: int(s.partition("=")[2]))
    head = ("Metric", "Arm", *(slice.replace("=", " = ") for slice in slices), "n")
    rows = []
    for metric, arm in dict.fromkeys((rate.metric, rate.arm) for rate in there):
        rates = [view.get(metric, arm, RELIABILITY, slice) for slice in slices]
        title = title_of(load_metrics()[metric])
        n = str(max(rate.n for rate in rates if rate))
        rows.append((title, arm, *(estimate_text(rate) for rate in rates), n))
    text = (
        "Chance that all of k answers pass; an answer passes from one half on. What a grader judges varies with the "
        "grader as well as with the model.",
    )
    return Section("Reliability", 3, text, head, tuple(rows)) if rows else Section("")


def _documents(view: View) -> Section:
    slices = [mean for mean in view.where(kind=MEAN) if mean.slice.startswith("document=")]
    head = ("Metric", "Document", *(arm.upper() for arm in view.arms))
    head += (*(f"{arm.upper()} − {view.frame.base.upper()}" for arm in view.heads), "n")
    rows = []
    for metric, slice in dict.fromkeys((mean.metric, mean.slice) for mean in slices):
        means = [view.get(metric, arm, MEAN, slice) for arm in view.arms]
        deltas = [view.get(metric, arm, DIFFERENCE, slice) for arm in view.heads]
        n = str(max(mean.n for mean in means if mean))
        rows.append(
            (
                title_of(load_metrics()[metric]),
                slice.partition("=")[2],
                *map(estimate_text, (*means, *deltas)),
                n,
            )
        )
    return Section("By document", 3, (), head, tuple(rows))


def _gaps(view: View) -> Iterator[Section]:
    for kind, title in (("private", "Private"), ("variant", "Variants")):
        gaps = view.where(kind=GAP, slice=slice_name(split=kind))
        of = "scenarios" if kind == "private" else "of the same programs: a gap is a sign of contamination"
        head = ("Metric", "Arm", "Public", title, f"Public − {title.lower()} [95 %]", "n")
        rows = []
        for gap in gaps:
            two = [
                view.get(gap.metric, gap.arm, MEAN, slice_name(split=s, beside=kind))
                for s in ("public", kind)
            ]
            n = ", ".join(str(mean.n) for mean in two if mean)
            rows.append((gap.described.title, gap.arm, *map(estimate_text, two), estimate_text(gap), n))
        yield Section(f"Public and {title.lower()} {of}", 3, (), head, tuple(rows))


def _headroom(view: View) -> Section:
    names = view.frame.metrics(view.subject) if view.heads else []
    full = {name: full_scenarios(view.frame, view.subject, name) for name in names}
    items = [
        Item(f"{load_metrics()[name].title}: {', '.join(there)}") for name, there in full.items() if there
    ]
    return Section(f"No headroom: {view.frame.base.upper()} is already perfect", 3, items=tuple(items))


def _unmeasured(view: View) -> Section:
    by_reason: dict[str, list[str]] = {}
    for metric, why in view.frame.absent(view.subject).items():
        by_reason.setdefault(why, []).append(load_metrics()[metric].title)
    items = [Item(f"{'; '.join(titles)}: {reason}") for reason, titles in by_reason.items()]
    return Section("Not measured in this run", 3, items=tuple(items))


def samples_of(rows: pd.DataFrame) -> pd.DataFrame:
    """How many samples there were of each task, arm and pressure, and what became of them."""
    sample = ["task", "arm", "pressure", "scenario", "epoch"]
    judged = rows[rows["scorer"].ne("usage") | rows["status"].isin(FAILED)]
    # A sample counts as scored as soon as one scorer judged it; one that only has reasons is unscored.
    rank = {"scored": 0, "not_applicable": 1, "unscored": 2, "error": 3, "limit": 4, "missing": 5}
    ranks = judged[sample].assign(rank=judged["status"].map(rank).astype(int))
    best = plain(ranks.groupby(sample, observed=True)["rank"].min().reset_index())
    best["status"] = best["rank"].map({place: status for status, place in rank.items()} | {1: "scored"})
    index = ["task", "arm", "pressure"]
    counts = best.pivot_table(index=index, columns="status", aggfunc="size", fill_value=0)
    counts = counts.reindex(columns=["scored", "unscored", *FAILED], fill_value=0)
    counts.insert(0, "planned", counts.sum(axis=1))
    return counts.reset_index().rename_axis(columns=None)


def _samples(view: View) -> Section:
    counts = samples_of(view.rows)
    rows = tuple(tuple(map(str, cells)) for cells in counts.itertuples(index=False))
    return Section("Samples and what became of them", 3, (), tuple(counts.columns), rows)


def appendix(metrics: Sequence[str] = ()) -> tuple[Section, ...]:
    """What every metric means, and what is computed from metrics.

    Args:
        metrics: Ids of metrics; none: all.
    """
    head = ("Id", "Metric", "Unit", "Formula", "Better", "Source", "Missing")
    rows = tuple(
        (
            name,
            m.title,
            m.unit,
            m.formula,
            "more" if m.sign > 0 else "less",
            source(m.document, m.section),
            m.missing,
        )
        for name, m in load_metrics().items()
        if not metrics or name in metrics
    )
    computed = tuple(
        (name, d.title, d.formula, source(d.document, d.section))
        for name, d in load_registry().computed.items()
    )
    return (
        Section("Appendix: what is measured", 2, (), head, rows),
        Section(
            "What is computed from metrics",
            3,
            (),
            ("Id", "Computed from metrics", "Formula", "Source"),
            computed,
        ),
    )


def source(document: str, section: str) -> str:
    """Where a metric comes from."""
    return f"{section} (this suite)" if document == "suite" else f"document {document}, {section}"
