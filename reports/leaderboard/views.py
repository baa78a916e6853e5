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
from redgreenbench.reports.estimate import ALL, DIFFERENCE, EROSION, INTERACTION, MEAN, RATIO, Estimate
from redgreenbench.reports.leaderboard.cell_graphics import answer_links, value_interval
from redgreenbench.reports.leaderboard.cells import caveat, lift_cell, slice_cells
from redgreenbench.reports.leaderboard.entries import Entry, Tab
from redgreenbench.reports.leaderboard.exports import SCHEMA_VERSION
from redgreenbench.reports.leaderboard.transcripts import link
from redgreenbench.reports.metrics import load_metrics, load_registry
from redgreenbench.reports.render.sections import samples_of, source
from redgreenbench.reports.rules import full_scenarios
from redgreenbench.reports.words import BLANK, estimate_text, level, p_text, title_of

__all__ = [
    "Links",
    "answer_cells",
    "island",
    "methods",
    "metric_rows",
    "pressure_rows",
    "row_page",
]


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


def island(tab: Tab) -> dict[str, Any]:
    """By pressure and split, then by row, what a filtered table shows; read by the page's script."""
    cells: dict[str, Any] = {}
    for entry in tab.entries:
        for (pressure, split), part in entry.slices.items():
            view = slice_cells(part)
            value, lift = part.value, part.lift
            numbers = [value.value, value.low, value.high]
            numbers += [lift.value, lift.low, lift.high] if lift else [math.nan] * 3
            cells.setdefault(f"{pressure}|{split}", {})[entry.id] = [
                view["rank"],
                view["value"],
                view["n"],
                view["lift"]["text"],
                view["lift"]["class"],
                *(None if math.isnan(x) else round(x, 3) for x in numbers),
            ]
    return cells


def _metric_row(entry: Entry, mean: Estimate) -> dict[str, Any]:
    metric = mean.described
    red, delta = entry.view.get(mean.metric, Arm.RED.value), entry.get(mean.metric, DIFFERENCE)
    claim = metric.claimed
    means = [m for m in (red, mean) if m] if entry.kind != Arm.RED else [mean]
    return {
        "id": mean.metric,
        "title": title_of(metric),
        "red": estimate_text(red) if entry.kind != Arm.RED else "",
        "value": estimate_text(mean),
        "strip": value_interval(mean) if metric.scale == "share" else Markup(""),
        "ratio": estimate_text(entry.get(mean.metric, RATIO)),
        "lift": lift_cell(delta),
        "p": p_text(delta.p_adjusted if delta else math.nan),
        "n": f"{mean.n} ({mean.answers})",
        "lost": sum(m.lost for m in means),
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
    return [
        _metric_row(entry, mean)
        for mean in entry.view.where(kind=MEAN, slice=ALL, arm=entry.arm)
        if not math.isnan(mean.value)
        and mean.described.family == family
        and mean.metric.startswith(prefix)
        and not mean.metric.startswith(tuple(without) or ("\0",))
    ]


def pressure_rows(entry: Entry) -> list[dict[str, Any]]:
    """A row's results by pressure and split."""

    def place(key: tuple[str, str]) -> tuple[object, ...]:
        pressure, split = key
        return (split != ALL, split, pressure != ALL, pressure != NO_PRESSURE, pressure)

    ordered = sorted(entry.slices.items(), key=lambda item: place(item[0]))
    return [{"pressure": p, "split": s, **slice_cells(part)} for (p, s), part in ordered]


def _erosion(entry: Entry) -> list[dict[str, Any]]:
    view, rows = entry.view, []
    for mine in view.where(kind=EROSION, arm=entry.arm):
        if not mine.n:
            continue
        rows.append(
            {
                "metric": title_of(mine.described),
                "pressure": mine.slice.partition("=")[2],
                "red": estimate_text(view.get(mine.metric, Arm.RED.value, EROSION, mine.slice)),
                "mine": lift_cell(mine),
                "less": lift_cell(view.get(mine.metric, entry.arm, INTERACTION, mine.slice)),
                "n": mine.n,
            }
        )
    return rows


def row_page(entry: Entry) -> dict[str, Any]:
    """Everything on a row's page but its answers and figures."""
    view, registry = entry.view, load_metrics()
    unmeasured: dict[str, list[str]] = {}
    for metric, why in view.frame.absent(view.subject).items():
        unmeasured.setdefault(why, []).append(registry[metric].title)
    names = view.frame.metrics(view.subject)
    full = [
        (registry[m].title, there) for m in names if (there := full_scenarios(view.frame, view.subject, m))
    ]
    cells = samples_of(view.rows)
    return {
        "top": slice_cells(entry.slices[ALL, ALL]),
        "caveat": caveat(entry.model),
        "compliance": compliance_of(view.rows),
        "groups": [
            (
                "Success metrics",
                "Differences are in points, paired by scenario, pressure and epoch. n: scenarios (answers of this row); "
                "lost: answers of both that failed or could not be judged.",
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
        "pressures_table": pressure_rows(entry),
        "erosion": _erosion(entry),
        "full": full if entry.kind != Arm.RED else [],
        "unmeasured": list(unmeasured.items()),
        "cells": [
            dict(zip(cells.columns, map(str, line), strict=True)) for line in cells.itertuples(index=False)
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
    cells: dict[str, dict[str, Any]] = {}
    collected: dict[tuple[str, str], list[tuple[int, str, float, str]]] = {}
    columns = [by, "pressure", "scenario", "log", "arm", "epoch", "status", "value"]
    for line, pressure, scenario, log, arm, epoch, status, value in marks[columns].itertuples(
        index=False, name=None
    ):
        address = links.to(root, log, scenario, pressure, arm, int(epoch), status)
        collected.setdefault((line, pressure), []).append((int(epoch), status, float(value), address))
    for (line, pressure), answers in collected.items():
        known = [value for _, status, value, _ in answers if status == "scored" and value == value]
        mean = level(sum(known) / len(known)) if known else BLANK
        cells.setdefault(line, {})[pressure] = {"mean": mean, "marks": answer_links(sorted(answers))}
    return cells


def methods() -> dict[str, Any]:
    """The registry for the methods page."""
    return {
        "metrics": [(name, m, source(m.document, m.section)) for name, m in load_metrics().items()],
        "derived": [(name, d, source(d.document, d.section)) for name, d in load_registry().computed.items()],
        "schema_version": SCHEMA_VERSION,
    }
