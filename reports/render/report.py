"""The report: what was run and found in two sentences, one table, one picture, what to do next; then everything else.

It is made as sections once. `report.md` has the first of them, `report.html` all; `estimates.csv`, `.json` and `.parquet`
are the frame itself. Same logs, same bytes.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.sharding import file_name
from redgreenbench.evals.vocabulary import NO_PRESSURE, SUITE_VERSION, Arm
from redgreenbench.reports.compliance import compliance_of
from redgreenbench.reports.estimate import (
    ALL,
    DIFFERENCE,
    FEWEST,
    MEAN,
    Estimate,
    Frame,
    Subject,
    View,
    arm_order,
    estimate,
    views_of,
)
from redgreenbench.reports.inference import scenarios_needed
from redgreenbench.reports.intervals import Cells
from redgreenbench.reports.logs.reading import FAILED, in_words
from redgreenbench.reports.logs.table import Table
from redgreenbench.reports.metrics import Answers, load_metrics, load_registry, plain
from redgreenbench.reports.render.plots import Plot, front_figure, inline_svg, plots_of
from redgreenbench.reports.render.sections import (
    VALUE_COLUMNS,
    Item,
    Section,
    appendix,
    by_pressure,
    sections_of,
    value_cells,
)
from redgreenbench.reports.rules import MARGIN, full_scenarios, is_finding, judge
from redgreenbench.reports.words import change, counted, estimate_text, level, title_of

__all__ = [
    "Report",
    "caveats",
    "front",
    "front_table",
    "html",
    "label_of",
    "make_report",
    "markdown",
    "scenario_means",
    "write_report",
]

_MOST_FIGURES = 3
"""Subjects up to which each gets figures of its own."""
_MOST_ROWS, _MOST_FLIPS = 24, 4
_SCRIPTED = "A scripted model (mockllm) is no language model: its numbers show what a report looks like, and nothing else."
_EMBEDDED = "The embedded models are too weak to judge a skill by, and unfit as graders; they show that the benchmark works."
_READ = (
    "A value is averaged over epochs, then pressures, then scenarios. A difference is paired by all three, so it is over "
    "what both arms have; it is in points.",
    "Intervals [low, high]: 95 %, over scenarios, of this row alone. p: corrected (Holm) over the success metrics of all "
    "models and arms here, so it may show nothing where the interval leaves out zero. The verdict goes by p.",
    f"*improved*, *regressed*: p below 0.05 and at least {change(MARGIN)[1:]} points. *below the margin*: it shows, "
    "but is smaller. *no detectable change*: the whole interval is smaller. *underpowered*: nothing can be said either way.",
    "*n*: scenarios (answers of the arm). *lost*: answers of both arms that failed or could not be judged; they do not "
    "count as wrong.",
)
_PLAIN = "*plain questions*: controls, in which handing over, asking back or pushing back would be wrong."
_BECAME = {
    "unscored": "not scored by", "error": "ended in an error", "limit": "cut by a limit", "missing": "never ran",
}  # fmt: skip
_ARMS = {Arm.RED.value: "no skill", Arm.GENERIC.value: "a generic prompt", Arm.PLACEBO.value: "unrelated"}
"""What the built-in arms carry, beside the name of their skill."""


@dataclass(frozen=True)
class Report:
    """A report, not yet written.

    Attributes:
        frame: The estimates with their verdicts.
        views: Its subjects.
        said: What was run and what was found, a sentence each.
        table: The logs' table.
        head: Sections that every reader sees.
        rest: Everything else.
        plots: Figures by file name, the overview first.
    """

    frame: Frame
    views: tuple[View, ...]
    said: tuple[str, ...]
    table: Table
    head: tuple[Section, ...]
    rest: tuple[Section, ...]
    plots: Mapping[str, Plot]

    @property
    def title(self) -> str:
        """Its heading: the skills whose effect it is about."""
        tested = self.table.rows[~self.table.rows["arm"].isin(_ARMS)]
        names = sorted({str(name) for name in tested["skill"].dropna().unique()})
        return (
            f"With and without {names[0] if len(names) == 1 else f'{len(names)} skills'}"
            if names
            else "Report"
        )


def caveats(frame: Frame) -> list[str]:
    """What has to be said wherever these results are shown."""
    kinds = (("mockllm/", _SCRIPTED), ("embedded/", _EMBEDDED))
    return [said for kind, said in kinds if any(subject.model.startswith(kind) for subject in frame.subjects)]


def label_of(subject: Subject, among: Sequence[Subject]) -> str:
    """The subject's name: its model, and what tells it apart from others."""
    same = [other for other in among if other.model == subject.model]
    more = []
    if len({other.grader for other in same}) > 1:
        more.append(f"grader {subject.grader}" if subject.grader else "no grader")
    more += [
        str(value)
        for name in ("delivery", "edition")
        if len({getattr(o, name) for o in same}) > 1 and (value := getattr(subject, name))
    ]
    return f"{subject.model} ({', '.join(more)})" if more else subject.model


def front(frame: Frame, subject: Subject) -> list[str]:
    """Metrics of a subject's rows in the first table: those of the registry, or where it has none all success metrics."""
    there = {
        mean.metric
        for mean in frame.where(subject=subject, kind=MEAN, slice=ALL)
        if mean.lost or mean.answers
    }
    return [m for m in load_registry().front if m in there] or frame.metrics(subject)


def make_report(table: Table) -> Report:
    """Everything that a report says.

    Args:
        table: The logs' table.
    """
    frame = judge(estimate(table.rows))
    views = views_of(table.rows, frame)
    overview = _overview(frame)
    plots = {"report.png": overview} if overview else {}
    rest = [_by_pressure(frame)]
    for view in views:
        # Figures of many models are for the leaderboard's pages; here they would take most of the time.
        drawn = plots_of(view) if len(views) <= _MOST_FIGURES else []
        number = f"-{views.index(view) + 1}" if len(views) > 1 else ""
        files = {f"{plot.name}{number}.png": replace(plot, name=f"{plot.name}{number}") for plot in drawn}
        plots |= files
        rest.append(Section(f"All metrics: {label_of(view.subject, frame.subjects)}", 2, _about(view)))
        rest += sections_of(view)
        rest += [Section(plot.title, 3, figure=file) for file, plot in files.items()]
    head = [
        Section("", 2, tuple(f"> {line}" for line in caveats(frame))),
        Section(
            "What was found",
            2,
            (),
            *_front_table(frame),
            items=_legend(frame),
            figure="report.png" if overview else "",
        ),
        *_next(views, {file_name(file): file for file in table.logs}),
        Section("Form of replies", 2, tuple(_forms(views))),
        _missing(table),
    ]
    kept = [section for section in rest if section.shown]
    said = (_run(table, frame), _finding(frame))
    return Report(frame, views, said, table, tuple(s for s in head if s.shown), (*kept, *appendix()), plots)


# --- two sentences


def _run(table: Table, frame: Frame) -> str:
    rows = table.rows
    sample = ["log", "scenario", "pressure", "arm", "epoch"]
    samples = rows.drop_duplicates(sample)
    models = sorted({subject.model for subject in frame.subjects})
    named = models[0] if len(models) == 1 else counted(len(models), "model")
    control = samples["control"].notna()
    posed = counted(samples.loc[~control, "scenario"].nunique(), "scenario")
    if control.any():
        posed += f" and {counted(samples.loc[control, 'scenario'].nunique(), 'plain question')}"
    tasks = " and ".join(sorted(map(str, samples["task"].unique())))
    pressures = sorted(map(str, samples["pressure"].unique()), key=lambda p: (p != NO_PRESSURE, p))
    pressed = ", ".join(p for p in pressures if p != NO_PRESSURE)
    calm = "without pressure and " if NO_PRESSURE in pressures else ""
    under = f" {calm}under pressure ({pressed})" if pressed else ""
    times = int(samples["epoch"].max())
    often = "once" if times == 1 else f"up to {times} times"
    failed = rows.loc[rows["status"].isin(FAILED), sample].drop_duplicates()
    lost = f", of which {len(failed):,} failed or never ran" if len(failed) else ""
    return (
        f"{named} answered {posed} of {tasks}{under}, {often} in each arm: {'; '.join(_arms(samples, frame))}. "
        f"{counted(len(samples), 'answer')}{lost}."
    )


def _skills(rows: pd.DataFrame) -> dict[str, list[str]]:
    """By arm, the skills that it carries, with version and the beginning of their hash."""
    known = plain(rows[["arm", "skill", "skill_version", "skill_hash"]].drop_duplicates())
    skills: dict[str, list[str]] = {}
    for arm, skill, version, digest in known[known["skill"].notna()].itertuples(index=False):
        skills.setdefault(arm, []).append(f"{skill} {version} ({str(digest)[:12]})")
    return skills


def _arms(samples: pd.DataFrame, frame: Frame) -> Iterator[str]:
    """What each arm carries."""
    by_arm = _skills(samples)
    for arm in dict.fromkeys(arm for mine in frame.arms.values() for arm in mine):
        skills = by_arm.get(arm, [])
        named = [*skills[:2], f"{len(skills) - 2} more"] if len(skills) > 3 else skills
        told = [*named, *([_ARMS[arm]] if arm in _ARMS else [])]
        yield f"{arm} ({', '.join(told)})" if told else arm


def _finding(frame: Frame) -> str:
    tested = [
        difference for difference in frame.where(kind=DIFFERENCE, slice=ALL)
        if difference.described.family == "headline" and difference.verdict not in ("invalid", "absent")
    ]  # fmt: skip
    if not tested:
        invalid = [
            difference
            for difference in frame.where(kind=DIFFERENCE, slice=ALL)
            if difference.described.family == "headline" and difference.why
        ]
        why = invalid[0].why if invalid else "no two arms have answers to the same scenarios"
        return f"Nothing is compared: {why}."
    shown = sorted(
        (difference for difference in tested if is_finding(difference)),
        key=lambda difference: difference.p_adjusted,
    )
    if not shown:
        largest = max(tested, key=lambda difference: abs(difference.value))
        return (
            f"In {counted(len(tested), 'comparison')} of success metrics no difference is shown; the largest is "
            f"{_said(largest, frame)}, which chance gives too easily. That is no evidence that there is none."
        )
    more = f", and {len(shown) - 3} more" if len(shown) > 3 else ""
    return (
        f"Of {counted(len(tested), 'comparison')} of success metrics {len(shown)} "
        f"{'shows' if len(shown) == 1 else 'show'} a difference (were there none anywhere, at most 5 % of runs would show "
        f"one): {'; '.join(_said(difference, frame) for difference in shown[:3])}{more}."
    )


def _said(difference: Estimate, frame: Frame) -> str:
    model = f" of {difference.subject.model}" if len({s.model for s in frame.subjects}) > 1 else ""
    way = f" {difference.verdict}" if is_finding(difference) else ""
    unit = " points" if difference.described.scale == "share" else f" {difference.described.unit}"
    arms = f"from {difference.base} to {difference.arm}"
    return f"{difference.described.title}{model}{way} {arms}, {estimate_text(difference)}{unit}"


# --- the table and the picture


def _front_rows(frame: Frame, slices: bool = False) -> Iterator[Estimate]:
    """Rows of the first table over all samples, or those by pressure: differences, and means where there is no base."""
    for subject in frame.subjects:
        for metric in front(frame, subject):
            for row in sorted(
                frame.where(subject=subject, metric=metric), key=lambda row: by_pressure(row.slice)
            ):
                if not (row.slice.startswith("pressure=") if slices else row.slice == ALL):
                    continue
                if row.kind == DIFFERENCE or (row.kind == MEAN and not frame.heads(subject)):
                    yield row


def _front_table(frame: Frame, slices: bool = False) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Header and rows of the first table."""
    several = len(frame.subjects) > 1
    head = ("Metric", *(["Model"] if several else []), *(["Pressure"] if slices else []), *VALUE_COLUMNS)
    rows = []
    for row in _front_rows(frame, slices):
        first = [title_of(row.described)]
        first += [label_of(row.subject, frame.subjects)] if several else []
        first += [row.slice.partition("=")[2]] if slices else []
        rows.append((*first, *value_cells(frame, row)))
    if not rows:
        # Nothing has both sides: what there is of each arm.
        for row in frame.where(kind=MEAN, slice=ALL):
            if not slices and row.metric in front(frame, row.subject):
                first = [
                    title_of(row.described),
                    *([label_of(row.subject, frame.subjects)] if several else []),
                ]
                rows.append((*first, *value_cells(frame, row)))
    return head, tuple(rows)


def front_table(frame: Frame) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Header and rows of the first table, those over all samples."""
    return _front_table(frame)


def _legend(frame: Frame) -> tuple[Item, ...]:
    shown = dict.fromkeys(metric for subject in frame.subjects for metric in front(frame, subject))
    said = [f"*{load_metrics()[m].title}*: {load_metrics()[m].formula}." for m in shown]
    plain_questions = [_PLAIN] if any(load_metrics()[m].of == "controls" for m in shown) else []
    return tuple(Item(line) for line in (*said, *plain_questions, *_READ))


def _by_pressure(frame: Frame) -> Section:
    head, rows = _front_table(frame, slices=True)
    text = (
        "p: at least that of the row over all pressures, and Holm's over all rows of this table. Where nothing shows over "
        "all pressures, nothing is claimed of one.",
    )
    return Section("By pressure", 2, text, head, rows)


def _overview(frame: Frame) -> Plot | None:
    groups: dict[str, list[Estimate]] = {}
    differences: dict[str, dict[str, Estimate]] = {}
    for subject in frame.subjects:
        for metric in front(frame, subject):
            label = load_metrics()[metric].title
            if len(frame.subjects) > 1:
                label += f"\n{label_of(subject, frame.subjects)}"
            means = [
                m for m in frame.where(subject=subject, metric=metric, kind=MEAN, slice=ALL) if m.answers
            ]
            if means and means[0].described.scale == "share":
                groups[label] = means
                deltas = frame.where(subject=subject, metric=metric, kind=DIFFERENCE, slice=ALL)
                differences[label] = {delta.arm: delta for delta in deltas}
    return front_figure(groups, differences) if groups else None


# --- what to do next


def _next(views: Sequence[View], files: Mapping[str, str]) -> Iterator[Section]:
    items: list[Item] = []
    for view in views:
        name = f"{label_of(view.subject, view.frame.subjects)}: " if len(views) > 1 else ""
        rows = [
            difference
            for metric in front(view.frame, view.subject)
            for difference in view.where(kind=DIFFERENCE, metric=metric, slice=ALL)
            if difference.described.scale == "share"
            and (difference.arm not in _ARMS or set(view.heads) <= set(_ARMS))
        ]
        items += [*_flips(view, rows, name, files), *_planning(rows, name)]
        for metric in front(view.frame, view.subject) if view.heads else ():
            if full := full_scenarios(view.frame, view.subject, metric):
                where = (
                    f"{counted(len(full), 'scenario')} without headroom, {view.frame.base} is perfect there"
                )
                items.append(Item(f"{name}{load_metrics()[metric].title}: {where}."))
    if items:
        text = (
            "Single scenarios are not tested: read their answers, with `inspect view`, before you believe them.",
        )
        yield Section("What to do next", 2, text, items=tuple(items))


def _planning(rows: Sequence[Estimate], name: str) -> Iterator[Item]:
    """How many scenarios would decide what could not be decided, in one line."""
    needed: dict[str, list[str]] = {}
    for row in rows:
        # How much a handful of scenarios vary says too little of others to plan by.
        if row.verdict == "underpowered" and row.n >= FEWEST:
            changes = [change for _, change in row.scenarios]
            if count := scenarios_needed(changes, MARGIN, two_sided=True):
                needed.setdefault(row.described.title, []).append(f"{row.arm} {count} instead of {row.n}")
    if needed:
        points = change(MARGIN)[1:]
        told = "; ".join(f"{title}: {', '.join(counts)}" for title, counts in needed.items())
        yield Item(
            f"{name}scenarios that would show {points} points in 80 % of runs, if they vary like these: {told}."
        )


def _flips(view: View, rows: Sequence[Estimate], name: str, files: Mapping[str, str]) -> Iterator[Item]:
    """Scenarios that changed most, each with a link to an answer."""
    for better, most in ((False, _MOST_FLIPS), (True, _MOST_FLIPS // 2)):
        moved = [(difference, scenario, row) for row in rows for scenario, difference in row.moved(better)]
        for difference, scenario, row in sorted(
            moved, key=lambda is_finding: (-abs(is_finding[0]), is_finding[1], is_finding[2].arm)
        )[:most]:
            base, head = view.frame.means(row)
            two = [level(dict(mean.scenarios).get(scenario, math.nan)) for mean in (base, head)]
            mine = view.rows[view.rows["scenario"].eq(scenario) & view.rows["arm"].eq(row.arm)]
            mine = mine[mine["scorer"].eq(row.described.scorer) & mine["key"].eq(row.described.key)]
            # An answer that shows the change.
            lowest = (better == (row.described.sign < 0)) != row.described.complement
            mine = mine.sort_values("value", ascending=lowest, kind="stable").head(1)
            text = (
                f"{name}got {'better' if better else 'worse'}: {scenario}, {row.described.title}, "
                f"{row.base} {two[0]}, {row.arm} {two[1]} ({change(difference)} points)"
            )
            if not len(mine):
                yield Item(text)
                continue
            log, pressure, epoch = (
                str(mine["log"].iloc[0]),
                mine["pressure"].iloc[0],
                int(mine["epoch"].iloc[0]),
            )
            where = f"{log}, sample {scenario}/{pressure}/{row.arm}, epoch {epoch}"
            yield Item(text, where, files.get(log, log))


def _missing(table: Table) -> Section:
    rows = table.rows
    failed = plain(rows[rows["status"].isin(["unscored", *FAILED]) & rows["key"].isna()])
    names = ["task", "scorer", "status", "reason"]
    items = []
    for (task, scorer, status, reason), part in failed.fillna({"scorer": ""}).groupby(names, sort=True):
        counts = Counter(part["arm"])
        by_arm = ", ".join(f"{arm} {counts[arm]}" for arm in arm_order(counts))
        answers = f"{counted(len(part), 'answer')} {_BECAME[str(status)]}{f' {scorer}' * bool(scorer)}"
        items.append(f"{task}: {answers} ({by_arm}): {in_words(str(reason))}")
    items += [*table.notes, *(f"left out: {skip.log}: {skip.reason}" for skip in table.skipped)]
    text = (f"{counted(len(table.logs), 'log')} read, {len(table.skipped)} left out.",)
    return Section("What is missing", 2, text, items=tuple(map(Item, items)))


def _about(view: View) -> tuple[str, ...]:
    subject, rows = view.subject, view.rows
    graders = f"grader {subject.grader}" if subject.grader else "no grader"
    lines = [f"Suite {SUITE_VERSION}, {graders}, skills by {subject.delivery}."]
    by_arm = _skills(rows)
    return (*lines, *(f"{arm}: {', '.join(by_arm[arm])}." for arm in view.arms if arm in by_arm))


def _forms(views: Sequence[View]) -> Iterator[str]:
    """How many replies carry the form that they are asked for, with a warning where arms differ."""
    for view in views:
        name = f"{label_of(view.subject, view.frame.subjects)}: " if len(views) > 1 else ""
        for compliance in compliance_of(view.rows):
            yield f"{'> ' * bool(compliance.unlike)}{name}{compliance.text}."


# --- writing


def _cell(text: object) -> str:
    """Text for Markdown, in a table or a line: nothing that would break the table or be HTML."""
    return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("redgreenbench.reports.render", "templates"),
        autoescape=lambda name: bool(name and ".html" in name),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["md"] = _cell
    made.filters["em"] = lambda text: (
        Markup("<em>{}</em>{}").format(*text[1:].split("*", 1))
        if text.startswith("*") and text.count("*") > 1
        else text
    )
    return made


def markdown(report: Report) -> str:
    """The report's first part as Markdown, at most 120 lines; it says where the rest is."""
    head = []
    for section in report.head:
        cut = len(section.rows) - _MOST_ROWS
        more = (f"{cut} further rows are in report.html and estimates.csv.",) if cut > 0 else ()
        items = section.items
        if len(items) > _MOST_ROWS:
            items = (*items[:_MOST_ROWS], Item(f"{len(items) - _MOST_ROWS} more in report.html"))
        head.append(replace(section, rows=section.rows[:_MOST_ROWS], after=more, items=items))
    page = _environment().get_template("report.md.j2")
    titles = [section.title for section in report.rest if section.depth == 2]
    text = page.render(title=report.title, said=report.said, sections=head, plots=report.plots, titles=titles)
    return text.strip() + "\n"


def html(report: Report) -> str:
    """The whole report as one page that needs nothing beside it."""
    svgs = {file: inline_svg(plot) for file, plot in report.plots.items()}
    page = _environment().get_template("report.html.j2")
    return page.render(title=report.title, said=report.said, sections=(*report.head, *report.rest), svgs=svgs)


def scenario_means(views: Sequence[View]) -> pd.DataFrame:
    """Mean of every headline metric by scenario, pressure and arm: the numbers behind the figures by scenario."""
    parts = []
    for view in views:
        answers = Answers(view.rows)
        for name in view.frame.metrics(view.subject):
            cells = Cells.of(answers.values(load_metrics()[name]), sorted(view.arms))
            sums, counts = cells.sums.sum(axis=2), cells.counts.sum(axis=2)
            there = counts.nonzero()
            where = zip(
                ("scenario", "pressure", "arm"),
                (cells.scenarios, cells.pressures, cells.arms),
                there,
                strict=True,
            )
            means = {axis: np.asarray(names, object)[places] for axis, names, places in where}
            means |= {"value": sums[there] / counts[there], "n": counts[there]}
            parts.append(pd.DataFrame(means | view.subject._asdict() | {"metric": name}))
    names = [*Subject._fields, "metric", "scenario", "pressure", "arm", "value", "n"]
    return pd.concat(parts, ignore_index=True)[names].round(6) if parts else pd.DataFrame(columns=names)


def records(table: pd.DataFrame) -> list[dict[str, object]]:
    """A frame's table as plain records for JSON, without keys that have no value."""
    return [
        {str(key): value for key, value in record.items() if value == value and value != ""}
        for record in table.round(6).to_dict("records")
    ]


def _linked_from(report: Report, folder: Path) -> Report:
    """The report with links to local logs that hold from a folder."""

    def linked(item: Item) -> Item:
        path = item.file.removeprefix("file://")
        local = path and "://" not in path
        return replace(item, file=Path(os.path.relpath(path, folder)).as_posix()) if local else item

    head = (replace(section, items=tuple(map(linked, section.items))) for section in report.head)
    return replace(report, head=tuple(head))


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Writes report.md, report.html, the frame, scenarios.csv and the figures into ``folder``, which is made if needed.

    Returns:
        report.html, report.md, estimates.csv and, where there is one, the overview figure.

    Raises:
        InputError: The folder cannot be written.
    """
    table = report.frame.table()
    report = _linked_from(report, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.md").write_text(markdown(report), "utf-8")
        (folder / "report.html").write_text(html(report), "utf-8")
        table.round(9).to_csv(folder / "estimates.csv", index=False)
        table.to_parquet(folder / "estimates.parquet", index=False)
        (folder / "estimates.json").write_text(
            json.dumps(records(table), ensure_ascii=False, indent=0) + "\n", "utf-8"
        )
        scenario_means(report.views).to_csv(folder / "scenarios.csv", index=False)
        for file, plot in report.plots.items():
            dpi = 150 if file == "report.png" else 110
            plot.figure.savefig(folder / file, dpi=dpi, metadata={"Software": None})
    except OSError as exc:
        raise InputError(
            f"cannot write the report to {folder} ({exc.strerror or exc}); choose another with --output"
        ) from exc
    names = ["report.html", "report.md", "estimates.csv", *[f for f in ("report.png",) if f in report.plots]]
    return tuple(folder / name for name in names)
