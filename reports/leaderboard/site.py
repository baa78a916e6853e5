"""Writes the site: pages, downloads, transcripts. Same logs, same bytes; dates come from the logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.sharding import file_name
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reports.estimate import ALL, DIFFERENCE
from redgreenbench.reports.leaderboard import columns
from redgreenbench.reports.leaderboard.cells import caveat
from redgreenbench.reports.leaderboard.entries import Entry, Tab, build_tabs
from redgreenbench.reports.leaderboard.exports import write_exports
from redgreenbench.reports.leaderboard.sources import Card, LogFacts, ScenarioText, clip, facts_of, texts_of
from redgreenbench.reports.leaderboard.transcripts import bundle
from redgreenbench.reports.leaderboard.views import (
    Links,
    answer_cells,
    island,
    methods,
    row_page,
)
from redgreenbench.reports.logs.table import Table
from redgreenbench.reports.metrics import load_metrics
from redgreenbench.reports.render.plots import inline_svg, plots_of
from redgreenbench.reports.rules import full_scenarios
from redgreenbench.reports.words import BLANK, band, change, level

__all__ = ["Site", "write_site"]

_MOST_FIGURES = 12
"""Rows up to which each page has figures; beyond, they would take most of the time, and the tables hold their numbers."""


_GENERATOR = 'name="generator" content="redgreen leaderboard"'


@dataclass(frozen=True)
class Site:
    """What was written.

    Attributes:
        folder: The site.
        tabs: Its tabs.
        pages: Number of pages.
        notes: What a reader must know.
    """

    folder: Path
    tabs: tuple[Tab, ...]
    pages: int
    notes: tuple[str, ...]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("redgreenbench.reports.leaderboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False, "sort_keys": True}
    made.filters["page_of"] = scenario_page
    made.filters["band"] = band
    made.filters["level"] = level
    return made


def scenario_page(scenario: str) -> str:
    """A scenario's page, as a file name."""
    return re.sub(r"[^a-z0-9-]+", "--", scenario.lower()) + ".html"


def write_site(
    table: Table,
    folder: Path,
    title: str = "RedGreenBench leaderboard",
    cards: Mapping[str, Card] | None = None,
    submitters: Mapping[str, str] | None = None,
    transcripts: bool = True,
) -> Site:
    """Writes the site.

    Args:
        table: The logs.
        folder: Where to; made if needed. Files of an earlier build are replaced.
        title: Its title.
        cards: What the installed suite says of scenarios.
        submitters: By log, who submitted it.
        transcripts: Whether to bundle the logs.

    Raises:
        InputError: The folder cannot be written, or the logs hold nothing to rank.
    """
    _usable(folder)
    cards = cards or {}
    files = {file_name(file): file for file in table.logs}
    hidden = table.rows.loc[table.rows["split"].eq("private"), "scenario"].unique()
    private = frozenset(map(str, hidden)) | {name for name, card in cards.items() if card.private}
    by_log = dict(
        iter(
            table.rows.groupby("log", observed=True)[
                ["log", "scenario", "pressure", "arm", "epoch", "scorer", "status"]
            ]
        )
    )
    facts = {
        name: facts_of(file, by_log.get(name, table.rows.iloc[:0])) for name, file in sorted(files.items())
    }
    tabs = build_tabs(table, facts, private)
    if not tabs:
        raise InputError(
            "these logs hold no result that a leaderboard could rank; `redgreen report` shows what there is"
        )
    writer = _Writer(table, folder, title, cards, submitters or {}, tabs, files, facts, private, transcripts)
    try:
        return writer.write()
    except OSError as exc:
        raise InputError(
            f"cannot write the site to {folder} ({exc.strerror or exc}); choose another with --output"
        ) from exc


def _usable(folder: Path) -> None:
    """Old pages are deleted, so the folder must be empty or one that this module made."""
    index = folder / "index.html"
    ours = index.is_file() and _GENERATOR in index.read_text("utf-8", "replace")
    if not ours and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty and holds no leaderboard; choose another with --output")


@dataclass
class _Writer:
    table: Table
    folder: Path
    title: str
    cards: Mapping[str, Card]
    submitters: Mapping[str, str]
    tabs: tuple[Tab, ...]
    files: Mapping[str, str]
    facts: Mapping[str, LogFacts]
    private: frozenset[str]
    transcripts: bool
    pages: int = 0

    def write(self) -> Site:
        for name in ("rows", "scenarios", "data", "assets"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            for old in (self.folder / name).iterdir():
                old.unlink()
        for name in ("site.css", "site.js"):
            source = Path(__file__).with_name("assets") / name
            (self.folder / "assets" / name).write_bytes(source.read_bytes())
        write_exports(self.tabs, self.table.rows, self.private, self.folder / "data")
        links = Links(self.transcripts, self.private)
        self._index()
        figures = sum(len(tab.entries) for tab in self.tabs) <= _MOST_FIGURES
        for tab in self.tabs:
            parts = dict(iter(tab.marks.groupby("entry")))
            for entry in tab.entries:
                self._row(tab, entry, parts[entry.id], links, figures)
        self._scenarios(links)
        self._page("methods.html", "methods", "", **methods(), tabs=self.tabs)
        if self.transcripts:
            bundle(self.files, self._withheld(), self.folder)
        return Site(self.folder, self.tabs, self.pages, self._notes())

    def _withheld(self) -> dict[str, frozenset[str]]:
        rows = self.table.rows
        hidden = rows.loc[rows["scenario"].isin(list(self.private)), ["log", "scenario"]].drop_duplicates()
        withheld = {name: fact.scenarios & self.private for name, fact in self.facts.items()}
        for log, scenario in zip(hidden["log"], hidden["scenario"], strict=True):
            withheld[str(log)] |= {str(scenario)}
        return withheld

    def _notes(self) -> tuple[str, ...]:
        notes = [
            *self.table.notes,
            *(f"left out: {file_name(s.log)}: {s.reason}" for s in self.table.skipped),
        ]
        if self.private:
            notes.append(
                f"{len(self.private)} private scenarios: results are shown, prompts and transcripts are not"
            )
        return tuple(clip(note) for note in notes)

    def _page(self, file: str, template: str, root: str, **context: Any) -> None:
        text = (
            _environment()
            .get_template(f"{template}.html.j2")
            .render(root=root, site=self.title, transcripts=self.transcripts, **context)
        )
        (self.folder / file).write_text(text, "utf-8")
        self.pages += 1

    def _index(self) -> None:
        registry = load_metrics()
        shown: list[dict[str, Any]] = []
        for tab in self.tabs:
            slices = [key for entry in tab.entries for key in entry.slices]
            bands = [e.noise.band for e in tab.entries if e.noise and e.noise.band == e.noise.band]
            flips = [e.noise.flips for e in tab.entries if e.noise and e.noise.flips == e.noise.flips]
            shown.append(
                {
                    "tab": tab,
                    "metric": registry[tab.metric],
                    "pressures": sorted(
                        {p for p, _ in slices if p != ALL}, key=lambda p: (p != NO_PRESSURE, p)
                    ),
                    "splits": sorted({s for _, s in slices if s != ALL}),
                    "island": island(tab),
                    "band": band(max(bands)) if bands else "",
                    "flips": level(sum(flips) / len(flips)) if flips else "",
                    "columns": _columns_of(tab),
                }
            )
        models = sorted({e.model for tab in self.tabs for e in tab.entries})
        statuses = self.table.rows.drop_duplicates(["log", "scenario", "pressure", "arm", "epoch"])
        self._page(
            "index.html",
            "index",
            "",
            tabs=shown,
            notes=self._notes(),
            samples=len(statuses),
            logs=len(self.files),
            models=models,
            scripted=[model for model in models if caveat(model)],
            pressures=sorted(
                {p for row in shown for p in row["pressures"]}, key=lambda p: (p != NO_PRESSURE, p)
            ),
            splits=sorted({s for row in shown for s in row["splits"]}),
        )

    def _row(self, tab: Tab, entry: Entry, marks: pd.DataFrame, links: Links, figures: bool) -> None:
        plots = [(plot.title, inline_svg(plot)) for plot in plots_of(entry.view)] if figures else []
        self._page(
            f"rows/{entry.id}.html",
            "row",
            "../",
            tab=tab,
            entry=entry,
            metric=load_metrics()[tab.metric],
            figures=plots,
            answers=answer_cells(marks, "scenario", links, "../"),
            pressures=sorted(set(marks["pressure"]), key=lambda p: (p != NO_PRESSURE, p)),
            controls=sorted(set(marks.loc[marks["control"].notna(), "scenario"])),
            private=self.private,
            submitters=sorted({self.submitters[i.log] for i in entry.infos if i.log in self.submitters}),
            commits=sorted({i.commit for i in entry.infos if i.commit}),
            prompts=sorted({i.grader_prompt for i in entry.infos if i.grader_prompt}),
            self_grade=any(i.self_grade for i in entry.infos),
            inspect=sorted({i.inspect for i in entry.infos if i.inspect}),
            engines=sorted({e for f in entry.facts for e in f.engines}),
            logs=list(zip(entry.facts, entry.infos, strict=True)),
            **row_page(entry),
        )

    def _scenarios(self, links: Links) -> None:
        entries = {entry.id: entry for tab in self.tabs for entry in tab.entries}
        known = sorted({name for tab in self.tabs for name in tab.marks["scenario"].unique()})
        texts = {tab.id: self._texts(tab) for tab in self.tabs}
        parts = {tab.id: dict(iter(tab.marks.groupby("scenario"))) for tab in self.tabs}
        rows = self.table.rows
        facts = set(rows.loc[rows["scorer"].eq("fact") & rows["status"].eq("scored"), "scenario"])
        listed: list[dict[str, Any]] = []
        for scenario in known:
            results: list[dict[str, Any]] = []
            text: ScenarioText | None = None
            for tab in self.tabs:
                marks = parts[tab.id].get(scenario)
                if marks is None:
                    continue
                text = text or texts[tab.id].get(scenario)
                cells = answer_cells(marks, "entry", links, "../")
                lines = [
                    _line(entries[e.id], tab, scenario, cells[e.id]) for e in tab.entries if e.id in cells
                ]
                pressures = sorted(set(marks["pressure"]), key=lambda p: (p != NO_PRESSURE, p))
                control = bool(marks["control"].notna().any())
                plain = "fact-correct" if scenario in facts else "restraint"
                metric = load_metrics()[plain if control else tab.metric]
                results.append({"tab": tab, "metric": metric, "pressures": pressures, "lines": lines})
            card = self.cards.get(scenario)
            hidden = scenario in self.private
            moved = [
                sum(1 for r in results for line in r["lines"] if line["moved"] == way)
                for way in ("gained", "lost")
            ]
            listed.append(
                {
                    "id": scenario,
                    "title": card.title if card and not hidden else "",
                    "private": hidden,
                    "gained": moved[0],
                    "lost": moved[1],
                }
            )
            self._page(
                f"scenarios/{scenario_page(scenario)}",
                "scenario",
                "../",
                scenario=scenario,
                hidden=hidden,
                card=None if hidden else card,
                text=None if hidden else text,
                results=results,
            )
        self._page("scenarios/index.html", "scenarios", "../", listed=listed)

    def _texts(self, tab: Tab) -> Mapping[str, ScenarioText]:
        logs = {i.log for entry in tab.entries for i in entry.infos}
        rows = self.table.rows
        return texts_of(rows[rows["log"].isin(list(logs))], self.files, self.private)


def _columns_of(tab: Tab) -> list[columns.Column]:
    """Columns that have something to show for a row of the tab."""
    return [
        column
        for column in columns.COLUMNS
        if column.title and column.cell and any(column.cell(e).get("text") != BLANK for e in tab.entries)
    ]


def _line(entry: Entry, tab: Tab, scenario: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    """A row's results in one scenario, and whether it gained or lost against RED there."""
    moved, text = "", ""
    for name in (tab.metric, "fact-correct", "restraint"):
        difference_row = entry.get(name, DIFFERENCE)
        changes = dict(difference_row.scenarios) if difference_row else {}
        if difference_row is None or scenario not in changes:
            continue
        difference = changes[scenario] * difference_row.described.sign
        moved = "gained" if difference > 0 else "lost" if difference < 0 else "same"
        text = change(difference) if difference else "0"
        if not difference and scenario in full_scenarios(entry.view.frame, entry.view.subject, name):
            text = "0, no headroom"
        break
    return {"entry": entry, "caveat": caveat(entry.model), "cells": cells, "moved": moved, "change": text}
