"""What the pages show, as plain data for the templates: texts of numbers, classes, strips and addresses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from redgreenbench.evals.vocabulary import NO_PRESSURE, Arm
from redgreenbench.reports.compliance import compliance_of
from redgreenbench.reports.evidence import Measured
from redgreenbench.reports.leaderboard.entries import Entry, Tab
from redgreenbench.reports.leaderboard.exports import SCHEMA_VERSION
from redgreenbench.reports.leaderboard.identity import short_hash
from redgreenbench.reports.leaderboard.results import ALL, Slice
from redgreenbench.reports.leaderboard.strips import answer_marks, direction, lift_strip, value_strip
from redgreenbench.reports.leaderboard.transcripts import link
from redgreenbench.reports.metrics import load_derived, load_metrics
from redgreenbench.reports.sections import effect_text, p_text, rate_text, ratio_text

__all__ = [
    "Links",
    "answer_cells",
    "caveat",
    "index_rows",
    "island",
    "methods",
    "metric_rows",
    "pressure_rows",
    "row_page",
]

_BLANK = "–"


@dataclass(frozen=True)
class Links:
    """Which transcripts can be linked.

    Attributes:
        bundled: Whether transcripts are bundled at all.
        private: Scenarios without transcripts.
    """

    bundled: bool
    private: frozenset[str]

    def to(self, root: str, log: str, scenario: str, pressure: str, arm: str, epoch: int, status: str) -> str:
        """Address of a transcript; empty where there is none."""
        if not self.bundled or scenario in self.private or status == "missing":
            return ""
        return root + link(log, scenario, pressure, arm, epoch)


def caveat(model: str) -> str:
    """What has to be said beside a model's name; empty for most."""
    if model.startswith("mockllm/"):
        return "scripted, not a language model"
    if model.startswith("embedded/"):
        return "embedded demonstration model, too weak to judge a skill by"
    return ""


def _lift(effect: Any, metric: str) -> dict[str, Any]:
    chosen = load_metrics()[metric]
    text = effect_text(effect, chosen)
    return {
        "text": text,
        "class": direction(effect, chosen.sign) if text != _BLANK else "none",
        "sort": _sortable(effect.value if effect else math.nan),
        "strip": lift_strip(effect) if chosen.scale == "share" else Markup(""),
    }


def _sortable(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _amount(entry: Entry, metric: str) -> tuple[str, str]:
    m = entry.measured(metric)
    if m is None:
        return _BLANK, ""
    value = m.arms[entry.arm].value
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return shown, _sortable(value)


def _slice_view(found: Slice, metric: str) -> dict[str, Any]:
    chosen = load_metrics()[metric]
    return {
        "rank": str(found.rank),
        "rank_sort": found.rank.low * 1000 + found.rank.high,
        "value": rate_text(found.value, chosen),
        "value_sort": _sortable(found.value.value),
        "strip": value_strip(found.value),
        "n": f"{found.value.scenarios} ({found.value.rows})",
        "n_sort": found.value.rows,
        "lift": _lift(found.lift, metric),
    }


def index_rows(tab: Tab) -> list[dict[str, Any]]:
    """The rows of a tab's table."""
    rows = []
    for entry in tab.entries:
        restraint = entry.measured("restraint")
        over = restraint.effects.get(entry.arm) if restraint else None
        by_pressure = [
            {"pressure": pressure, **_lift(s.lift, tab.metric)}
            for (pressure, split), s in entry.slices.items()
            if split == ALL and pressure != ALL and s.lift is not None and s.lift.scenarios
        ]
        by_pressure.sort(key=lambda one: (one["pressure"] != NO_PRESSURE, one["pressure"]))
        for one in by_pressure:
            one["short"] = one["text"].partition(" ")[0]
        tokens = [_amount(entry, name) for name in ("input-tokens", "output-tokens")]
        cost = _amount(entry, "cost")
        rows.append(
            {
                "entry": entry,
                "caveat": caveat(entry.model),
                "hash": ", ".join(dict.fromkeys(short_hash(s.hash) for s in entry.skills)),
                "all": _slice_view(entry.slices[ALL, ALL], tab.metric),
                "by_pressure": by_pressure,
                "over": _lift(over, "restraint"),
                "tokens": " / ".join(text for text, _ in tokens),
                "tokens_sort": tokens[1][1],
                "cost": cost[0],
                "cost_sort": cost[1],
            }
        )
    return rows


def island(tab: Tab) -> dict[str, Any]:
    """By pressure and split, then by row, what a filtered table shows; read by the page's script."""
    found: dict[str, Any] = {}
    for entry in tab.entries:
        for (pressure, split), one in entry.slices.items():
            view = _slice_view(one, tab.metric)
            value, lift = one.value, one.lift
            numbers = [value.value, value.low, value.high]
            numbers += [lift.value, lift.low, lift.high] if lift else [math.nan] * 3
            found.setdefault(f"{pressure}|{split}", {})[entry.id] = [
                view["rank"],
                view["value"],
                view["n"],
                view["lift"]["text"],
                view["lift"]["class"],
                *(None if math.isnan(x) else round(x, 3) for x in numbers),
            ]
    return found


def _metric_row(entry: Entry, m: Measured) -> dict[str, Any]:
    metric = load_metrics()[m.metric]
    effect = m.effects.get(entry.arm)
    claim = metric.claimed
    rates = [r for r in m.arms.values() if r.rows]
    return {
        "id": m.metric,
        "title": metric.title,
        "better": "" if metric.sign > 0 else "less is better",
        "red": rate_text(m.arms.get(Arm.RED.value), metric) if entry.kind != Arm.RED else "",
        "value": rate_text(m.arms.get(entry.arm), metric),
        "strip": value_strip(m.arms.get(entry.arm)) if metric.scale == "share" else Markup(""),
        "ratio": ratio_text(m.ratios.get(entry.arm)),
        "lift": _lift(effect, m.metric),
        "p": p_text(m.adjusted.get(entry.arm, math.nan)),
        "n": f"{max((r.scenarios for r in rates), default=0)} ({sum(r.rows for r in rates)})",
        "lost": sum(m.lost.values()),
        "claim": f"{claim.red} → {claim.green}, {claim.ratio}" if claim else "",
    }


def metric_rows(
    entry: Entry, family: str, prefix: str = "", without: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """A row's metrics of one family, with RED beside them.

    Args:
        entry: The row.
        family: Family of the registry.
        prefix: Only metrics whose id begins so.
        without: Leave out metrics whose id begins with one of these.
    """
    registry = load_metrics()
    return [
        _metric_row(entry, m)
        for m in entry.subject.measured
        if not m.reason
        and entry.arm in m.arms
        and registry[m.metric].family == family
        and m.metric.startswith(prefix)
        and not m.metric.startswith(tuple(without) or ("\0",))
    ]


def pressure_rows(entry: Entry, tab: Tab) -> list[dict[str, Any]]:
    """A row's results by pressure and split."""

    def place(key: tuple[str, str]) -> tuple[object, ...]:
        pressure, split = key
        return (split != ALL, split, pressure != ALL, pressure != NO_PRESSURE, pressure)

    ordered = sorted(entry.slices.items(), key=lambda item: place(item[0]))
    return [{"pressure": p, "split": s, **_slice_view(found, tab.metric)} for (p, s), found in ordered]


def _erosion(entry: Entry) -> list[dict[str, Any]]:
    found = []
    for one in entry.subject.pressed:
        metric = load_metrics()[one.metric]
        mine = one.erosion.get(entry.arm)
        if mine is None or not mine.scenarios:
            continue
        found.append(
            {
                "metric": metric.title,
                "pressure": one.pressure,
                "red": effect_text(one.erosion.get(Arm.RED.value), metric),
                "mine": _lift(mine, one.metric),
                "less": _lift(one.interaction.get(entry.arm), one.metric),
                "n": mine.scenarios,
            }
        )
    return found


def row_page(entry: Entry, tab: Tab) -> dict[str, Any]:
    """Everything on a row's page but its answers and figures."""
    registry = load_metrics()
    unmeasured: dict[str, list[str]] = {}
    for m in entry.subject.measured:
        if m.reason:
            unmeasured.setdefault(m.reason, []).append(registry[m.metric].title)
    full = [(registry[m.metric].title, m.full) for m in entry.subject.measured if m.full]
    return {
        "top": _slice_view(entry.slices[ALL, ALL], tab.metric),
        "caveat": caveat(entry.model),
        "compliance": compliance_of(entry.subject.rows),
        "groups": [
            (
                "Success metrics",
                "RED → this row, by the registry's headline metrics.",
                metric_rows(entry, "headline"),
            ),
            (
                "Failure patterns",
                "How often an answer shows the pattern.",
                metric_rows(entry, "detail", "failure-"),
            ),
            ("Quality of the fix", "What the executed fixes were.", metric_rows(entry, "detail", "fix-")),
            ("In detail", "", metric_rows(entry, "detail", "", ("failure-", "fix-"))),
            ("What it took", "Means over all samples, failed ones too.", metric_rows(entry, "cost")),
        ],
        "pressures_table": pressure_rows(entry, tab),
        "erosion": _erosion(entry),
        "full": full if entry.kind != Arm.RED else [],
        "unmeasured": list(unmeasured.items()),
        "cells": [
            dict(zip(entry.subject.cells.columns, map(str, line), strict=True))
            for line in entry.subject.cells.itertuples(index=False)
        ],
        "noise": entry.noise,
    }


def answer_cells(marks: pd.DataFrame, by: str, links: Links, root: str) -> Mapping[str, Mapping[str, Any]]:
    """Answers by line and pressure: mean and marks.

    Args:
        marks: Part of a tab's answers.
        by: Column of the lines: ``scenario`` or ``entry``.
        links: Which transcripts can be linked.
        root: Way to the root of the site.
    """
    found: dict[str, dict[str, Any]] = {}
    collected: dict[tuple[str, str], list[tuple[int, str, float, str]]] = {}
    columns = [by, "pressure", "scenario", "log", "arm", "epoch", "status", "value"]
    for line, pressure, scenario, log, arm, epoch, status, value in marks[columns].itertuples(
        index=False, name=None
    ):
        address = links.to(root, log, scenario, pressure, arm, int(epoch), status)
        collected.setdefault((line, pressure), []).append((int(epoch), status, float(value), address))
    for (line, pressure), answers in collected.items():
        known = [value for _, status, value, _ in answers if status == "scored" and value == value]
        mean = f"{100 * sum(known) / len(known):.0f} %" if known else _BLANK
        found.setdefault(line, {})[pressure] = {"mean": mean, "marks": answer_marks(sorted(answers))}
    return found


def methods() -> dict[str, Any]:
    """The registry for the methods page."""

    def source(document: str, section: str) -> str:
        return f"{section} (this suite)" if document == "suite" else f"document {document}, {section}"

    return {
        "metrics": [(name, m, source(m.document, m.section)) for name, m in load_metrics().items()],
        "derived": [(name, d, source(d.document, d.section)) for name, d in load_derived().items()],
        "schema_version": SCHEMA_VERSION,
    }
