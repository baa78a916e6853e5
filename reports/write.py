"""Shows a summary: a table for the terminal, Markdown, CSV and a figure. Same logs, same bytes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table as RichTable
from rich.text import Text

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.vocabulary import SUITE_VERSION
from redgreenbench.reports.activation import is_discovery
from redgreenbench.reports.compliance import compliance_of
from redgreenbench.reports.evidence import Subject, subjects_of
from redgreenbench.reports.figures import accuracy_figure
from redgreenbench.reports.load import Table
from redgreenbench.reports.metrics import load_metrics, values_of
from redgreenbench.reports.plots import Plot, plots_of
from redgreenbench.reports.reading import FAILED, in_words
from redgreenbench.reports.sections import appendix, markdown_row, subject_sections
from redgreenbench.reports.sections import cell as cell_text
from redgreenbench.reports.statistics import Difference, Rate
from redgreenbench.reports.summary import Cell, Group, summarize

__all__ = [
    "Written",
    "as_records",
    "caveats",
    "console_table",
    "markdown",
    "metric_records",
    "scenario_means",
    "write_report",
]

_HEAD = (
    "Task · pressure",
    "Arm",
    "Correct",
    "Rate [95 %]",
    "Arm − RED [95 %]",
    "Verdict",
    "Gained/lost",
    "Unscored",
    "Failed",
)
_MOST_FIGURES = 3
"""Subjects up to which each gets figures of its own."""
_EMBEDDED = "The embedded models are too weak to judge a skill by, and unfit as graders; they show that the benchmark works."


@dataclass(frozen=True)
class Written:
    """Paths of a written report, and its figures by file name."""

    markdown: Path
    csv: Path
    figure: Path
    metrics: Path
    scenarios: Path
    plots: Mapping[str, Plot]


def caveats(groups: Sequence[Group]) -> list[str]:
    """What has to be said wherever these results are shown."""
    return [_EMBEDDED] if any("embedded/" in group.model for group in groups) else []


def _percent(value: float, sign: bool = False) -> str:
    if math.isnan(value):
        return "–"
    return f"{100 * value:+.0f}" if sign else f"{100 * value:.0f}"


def _rate(rate: Rate) -> str:
    return "–" if not rate.rows else f"{_percent(rate.value)} % [{_percent(rate.low)}, {_percent(rate.high)}]"


def _count(rate: Rate) -> str:
    passed = f"{rate.passed:.0f}" if float(rate.passed).is_integer() else f"{rate.passed:.1f}"
    return f"{passed} of {rate.rows}"


def _difference(difference: Difference | None) -> str:
    if difference is None or not difference.pairs:
        return ""
    if math.isnan(difference.low):
        return f"{_percent(difference.value, True)} [no interval]"
    low, high = _percent(difference.low, True), _percent(difference.high, True)
    return f"{_percent(difference.value, True)} [{low}, {high}]"


def _line(group: Group, cell: Cell, among: Sequence[Group]) -> tuple[str, ...]:
    difference = cell.difference
    moved = f"{len(difference.gained)}/{len(difference.lost)}" if difference else ""
    verdict = difference.verdict if difference else ""
    numbers = (_count(cell.rate), _rate(cell.rate), _difference(difference), verdict, moved)
    return (group.label_among(among), cell.arm, *numbers, str(cell.unscored), str(cell.errors))


def console_table(groups: Sequence[Group]) -> RichTable:
    """The summary as a table for a terminal; a rule between groups."""
    models = sorted({group.model for group in groups})
    table = RichTable(title=Text(f"RED against GREEN · {', '.join(models)}"), title_justify="left")
    for name in _HEAD:
        table.add_column(name, justify="right" if name in _HEAD[2:5] or name in _HEAD[6:] else "left")
    colour = {"better": "green", "worse": "red"}
    for group in groups:
        for index, cell in enumerate(group.cells):
            line = list(_line(group, cell, groups))
            if index:
                line[0] = ""
            verdict = line[5]
            cells = [
                Text(text, style=colour.get(verdict, "") if i == 5 else "") for i, text in enumerate(line)
            ]
            table.add_row(*cells, end_section=index == len(group.cells) - 1)
    return table


def _key(subject: Subject) -> tuple[str, ...]:
    """What tells a subject from others."""
    return (subject.model, subject.grader, subject.delivery)


def _file(subject: Subject, plot: Plot, subjects: Sequence[Subject]) -> str:
    """Name of a figure's file."""
    if len(subjects) == 1:
        return f"{plot.name}.png"
    number = [_key(s) for s in subjects].index(_key(subject)) + 1
    return f"{plot.name}-{number}.png"


def _subject(subject: Subject, several: bool) -> list[str]:
    lines = []
    if several or subject.grader or is_discovery(subject.delivery):
        graders = f", grader {subject.grader}" if subject.grader else ", no grader"
        lines += [f"Suite {SUITE_VERSION}{cell_text(graders)}, skills by {subject.delivery}.", ""]
    for one in compliance_of(subject.rows):
        lines += [f"{'> ' * bool(one.unlike)}{cell_text(one.text)}.", ""]
    return lines + subject_sections(subject)


def markdown(
    table: Table,
    groups: Sequence[Group],
    subjects: Sequence[Subject] = (),
    plots: Mapping[tuple[str, ...], Sequence[Plot]] | None = None,
) -> str:
    """The whole report as Markdown.

    Args:
        table: The logs' table.
        groups: Its summary by task and pressure.
        subjects: What it says of every metric.
        plots: By subject, its figures.
    """
    plots = plots or {}
    lines = ["# RED against GREEN", ""]
    lines += [line for caveat in caveats(groups) for line in (f"> {caveat}", "")]
    for model in dict.fromkeys(group.model for group in groups):
        mine = [group for group in groups if group.model == model]
        lines += [f"## {cell_text(model)}", ""]
        skills = dict.fromkeys((g.task, g.version, c.arm, c.skill) for g in mine for c in g.cells if c.skill)
        lines += [
            f"- {task} ({version}), `{arm}`: {cell_text(skill)}" for task, version, arm, skill in skills
        ] + [""]
        lines += [markdown_row(_HEAD), "|---|---|" + "---:|" * 3 + "---|" + "---:|" * 3]
        lines += [markdown_row(_line(group, cell, mine)) for group in mine for cell in group.cells] + [""]
        lines += _moved(mine)
        for subject in subjects:
            if subject.model == model:
                lines += _subject(subject, len([s for s in subjects if s.model == model]) > 1)
                lines += [
                    line
                    for plot in plots.get(_key(subject), ())
                    for line in (f"![{cell_text(plot.alt)}]({_file(subject, plot, subjects)})", "")
                ]
    if plots:
        lines += [
            "Numbers behind the figures: [metrics.csv](metrics.csv), [scenarios.csv](scenarios.csv).",
            "",
        ]
    lines += ["![Accuracy by arm with intervals, and paired differences](report.png)", ""]
    lines += _missing(table, subjects)
    lines += [
        "## How to read this",
        "",
        "- *Correct*: answers that meet all that is asked of their scenario, by the metric named in the CSV; where graders",
        "  alone can tell, the share of their outcome criteria that is met.",
        "- *Rate*: mean over scenarios with a Wilson interval clustered by scenario.",
        "- *Arm − RED*: percentage points, paired by scenario, pressure and epoch; Student t over scenarios.",
        "- *Verdict*: whether that interval excludes zero. `cannot tell`: there is no interval, because there are fewer",
        "  than two scenarios or all differ by the same amount.",
        "- *Gained/lost*: scenarios whose mean rose or fell against RED.",
        "- *Unscored*: could not be judged. *Failed*: errors, limits and samples that never ran. Neither counts as wrong.",
        "- *Success metrics*: averaged over epochs, then pressures, then scenarios (macro). *ratio*: of the means, with",
        "  Fieller's interval. *p*: of the paired difference, Holm over the success metrics, Benjamini-Hochberg over the",
        "  others. *n*: scenarios (answers). *lost*: answers that could not be judged.",
        "- *The document's hypothesis*: what the document that asks for the metric expected, without data.",
        "",
        *appendix(),
    ]
    return "\n".join(lines)


def _moved(groups: Sequence[Group]) -> list[str]:
    lines: list[str] = []
    for group in groups:
        for cell in group.cells:
            difference = cell.difference
            if difference is None:
                continue
            lists = {
                "Gained": difference.gained,
                "Lost": difference.lost,
                "No headroom (RED passes)": difference.no_headroom,
            }
            if any(lists.values()):
                lines += [f"### {cell_text(group.label_among(groups))}: {cell.arm} against red", ""]
                lines += [f"- {name}: {', '.join(ids)}" for name, ids in lists.items() if ids] + [""]
    return lines


def _missing(table: Table, subjects: Sequence[Subject]) -> list[str]:
    rows = table.rows
    failed = rows[rows["status"].isin(["unscored", *FAILED]) & rows["key"].isna()]
    lines = [f"Logs: {len(table.logs)} read, {len(table.skipped)} left out.", ""]
    if len(failed) or table.skipped or table.notes:
        lines += ["## What is missing", ""]
        cells = zip(failed["task"], failed["arm"], failed["status"], failed["reason"], strict=True)
        lines += [
            f"- {task}, {arm}: {count} {status} ({cell_text(in_words(str(reason)))})"
            for (task, arm, status, reason), count in sorted(Counter(cells).items())
        ]
        lines += [f"- {cell_text(note)}" for note in table.notes]
        lines += [
            f"- left out: {cell_text(skip.log)}: {cell_text(skip.reason)}" for skip in table.skipped
        ] + [""]
    for subject in subjects:
        names = list(subject.cells.columns)
        lines += [
            f"Samples of {cell_text(subject.model)}:",
            "",
            markdown_row(names),
            "|---|---|---" + "|---:" * (len(names) - 3) + "|",
        ]
        lines += [markdown_row(map(str, cells)) for cells in subject.cells.itertuples(index=False)] + [""]
    return lines


def _plain(value: Any) -> Any:
    """A value for a record; NaN becomes None."""
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return list(value) if isinstance(value, tuple) else value


def _columns(of: object, **attributes: str) -> dict[str, Any]:
    """Columns of a record by the attribute that they hold; None where there is nothing to take them from."""
    return {name: _plain(getattr(of, source, None)) for name, source in attributes.items()}


def as_records(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """The summary as plain records, for CSV and JSON. NaN becomes None."""
    return [
        {
            "task": group.task,
            "model": group.model,
            "version": group.version,
            "metric": group.metric,
            "pressure": group.pressure,
            "controls": group.controls,
            "arm": cell.arm,
            "skill": cell.skill,
            **_columns(cell.rate, passed="passed", n="rows", scenarios="scenarios"),
            **_columns(cell.rate, rate="value", rate_low="low", rate_high="high"),
            **_columns(cell.difference, difference="value", difference_low="low", difference_high="high"),
            **_columns(cell.difference, pairs="pairs", unpaired="unpaired", verdict="verdict"),
            **_columns(cell.difference, gained="gained", lost="lost", no_headroom="no_headroom"),
            "unscored": cell.unscored,
            "failed": cell.errors,
        }
        for group in groups
        for cell in group.cells
    ]


def _about(subject: Subject, metric: str) -> dict[str, str]:
    return {
        "model": subject.model,
        "suite": SUITE_VERSION,
        "grader": subject.grader,
        "delivery": subject.delivery,
        "metric": metric,
    }


def metric_records(subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    """Every metric of every subject and arm as plain records. NaN becomes None."""
    records = []
    for subject in subjects:
        for m in subject.measured:
            for arm in m.arms or ("",):
                rate, effect = m.arms.get(arm), m.effects.get(arm)
                records.append(
                    {
                        **_about(subject, m.metric),
                        "source": load_metrics()[m.metric].scorer if rate else None,
                        "arm": arm or None,
                        **_columns(rate, value="value", low="low", high="high"),
                        "n": rate.rows if rate else 0,
                        "scenarios": rate.scenarios if rate else 0,
                        "lost": m.lost.get(arm, 0),
                        **_columns(effect, difference="value", difference_low="low", difference_high="high"),
                        **_columns(effect, p="p", p_sign_flip="p_sign_flip"),
                        "p_adjusted": _plain(m.adjusted.get(arm)),
                        **_columns(effect, detectable="mde"),
                        **_columns(m.ratios.get(arm), ratio="value", ratio_low="low", ratio_high="high"),
                        "reason": m.reason or m.invalid or None,
                    }
                )
    return records


def scenario_means(subjects: Sequence[Subject]) -> pd.DataFrame:
    """Mean of every headline metric by scenario, pressure and arm: the numbers behind the figures by scenario."""
    parts = []
    for subject in subjects:
        for m in subject.measured:
            metric = load_metrics()[m.metric]
            if m.reason or metric.family != "headline":
                continue
            values = values_of(subject.rows, metric)
            means = (
                values.groupby(["scenario", "pressure", "arm"])["value"].agg(["mean", "size"]).reset_index()
            )
            means = means.rename(columns={"mean": "value", "size": "n"})
            parts.append(means.assign(**_about(subject, m.metric)))
    names = ["model", "suite", "grader", "delivery", "metric", "scenario", "pressure", "arm", "value", "n"]
    return pd.concat(parts, ignore_index=True)[names].round(6) if parts else pd.DataFrame(columns=names)


def write_report(table: Table, folder: Path) -> tuple[tuple[Group, ...], Written]:
    """Writes report.md, report.csv, metrics.csv, scenarios.csv and the figures into ``folder``, which is made if needed.

    Raises:
        InputError: The folder cannot be written.
    """
    groups = summarize(table.rows)
    subjects = subjects_of(table.rows)
    # Figures of many models are for the leaderboard's pages; here they would take most of the time.
    plots = {_key(s): plots_of(s) for s in subjects} if len(subjects) <= _MOST_FIGURES else {}
    overview = accuracy_figure(groups)
    alt = "Accuracy by arm with intervals, and paired differences"
    drawn = {"report.png": Plot("report", "Overview", alt, overview)}
    drawn |= {_file(s, plot, subjects): plot for s in subjects for plot in plots.get(_key(s), ())}
    written = Written(
        folder / "report.md",
        folder / "report.csv",
        folder / "report.png",
        folder / "metrics.csv",
        folder / "scenarios.csv",
        drawn,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written.markdown.write_text(markdown(table, groups, subjects, plots), "utf-8")
        pd.DataFrame(metric_records(subjects)).to_csv(written.metrics, index=False)
        scenario_means(subjects).to_csv(written.scenarios, index=False)
        for file, plot in drawn.items():
            dpi = 150 if plot.figure is overview else 110
            plot.figure.savefig(folder / file, dpi=dpi, metadata={"Software": None})
        records = [
            {k: ";".join(v) if isinstance(v, list) else v for k, v in r.items()} for r in as_records(groups)
        ]
        pd.DataFrame(records).to_csv(written.csv, index=False)
    except OSError as exc:
        raise InputError(
            f"cannot write the report to {folder} ({exc.strerror or exc}); choose another with --output"
        ) from exc
    return groups, written
