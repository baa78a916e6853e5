"""Shows a summary: a table for the terminal, Markdown, CSV and a figure. Same logs, same bytes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table as RichTable
from rich.text import Text

from redgreenbench.evals.errors import InputError
from redgreenbench.reports.figures import accuracy_figure
from redgreenbench.reports.load import Table
from redgreenbench.reports.statistics import Difference, Rate
from redgreenbench.reports.summary import Cell, Group, summarize

__all__ = ["Written", "as_records", "caveats", "console_table", "markdown", "write_report"]

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
_EMBEDDED = "The embedded models are too weak to judge a skill by, and unfit as graders; they show that the benchmark works."


@dataclass(frozen=True)
class Written:
    """Paths of a written report."""

    markdown: Path
    csv: Path
    figure: Path


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


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def markdown(table: Table, groups: Sequence[Group]) -> str:
    """The whole report as Markdown: table, scenarios gained and lost, what is missing, how to read it."""
    lines = ["# RED against GREEN", ""]
    lines += [line for caveat in caveats(groups) for line in (f"> {caveat}", "")]
    for model in dict.fromkeys(group.model for group in groups):
        mine = [group for group in groups if group.model == model]
        lines += [f"## {_escape(model)}", ""]
        skills = dict.fromkeys((g.task, g.version, c.arm, c.skill) for g in mine for c in g.cells if c.skill)
        lines += [
            f"- {task} ({version}), `{arm}`: {_escape(skill)}" for task, version, arm, skill in skills
        ] + [""]
        lines += [_row(_HEAD), "|---|---|" + "---:|" * 3 + "---|" + "---:|" * 3]
        lines += [_row(_line(group, cell, mine)) for group in mine for cell in group.cells] + [""]
        lines += _moved(mine)
    lines += ["![Accuracy by arm with intervals, and paired differences](report.png)", ""]
    lines += _missing(table)
    lines += [
        "## How to read this",
        "",
        "- *Correct*: answers that meet all that is asked of their scenario, by the metric named in the CSV.",
        "- *Rate*: mean over scenarios with a Wilson interval clustered by scenario.",
        "- *Arm − RED*: percentage points, paired by scenario, pressure and epoch; Student t over scenarios.",
        "- *Verdict*: whether that interval excludes zero. `cannot tell`: there is no interval, because there are fewer",
        "  than two scenarios or all differ by the same amount.",
        "- *Gained/lost*: scenarios whose mean rose or fell against RED.",
        "- *Unscored*: could not be judged. *Failed*: errors, limits and samples that never ran. Neither counts as wrong.",
        "",
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
                lines += [f"### {_escape(group.label_among(groups))}: {cell.arm} against red", ""]
                lines += [f"- {name}: {', '.join(ids)}" for name, ids in lists.items() if ids] + [""]
    return lines


def _missing(table: Table) -> list[str]:
    rows = table.rows
    failed = rows[rows["status"].isin(["unscored", "error", "missing"])]
    lines = [f"Logs: {len(table.logs)} read, {len(table.skipped)} left out.", ""]
    if len(failed) or table.skipped or table.notes:
        lines += ["## What is missing", ""]
        cells = zip(failed["task"], failed["arm"], failed["status"], failed["reason"], strict=True)
        lines += [
            f"- {task}, {arm}: {count} {status} ({_escape(str(reason))})"
            for (task, arm, status, reason), count in sorted(Counter(cells).items())
        ]
        lines += [f"- {_escape(note)}" for note in table.notes]
        lines += [f"- left out: {_escape(skip.log)}: {_escape(skip.reason)}" for skip in table.skipped] + [""]
    return lines


def as_records(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """The summary as plain records, for CSV and JSON. NaN becomes None."""

    def number(value: float) -> float | None:
        return None if math.isnan(value) else round(value, 6)

    records = []
    for group in groups:
        for cell in group.cells:
            difference = cell.difference
            records.append(
                {
                    "task": group.task,
                    "model": group.model,
                    "version": group.version,
                    "metric": group.metric,
                    "pressure": group.pressure,
                    "controls": group.controls,
                    "arm": cell.arm,
                    "skill": cell.skill,
                    "passed": number(cell.rate.passed),
                    "n": cell.rate.rows,
                    "scenarios": cell.rate.scenarios,
                    "rate": number(cell.rate.value),
                    "rate_low": number(cell.rate.low),
                    "rate_high": number(cell.rate.high),
                    "difference": number(difference.value) if difference else None,
                    "difference_low": number(difference.low) if difference else None,
                    "difference_high": number(difference.high) if difference else None,
                    "pairs": difference.pairs if difference else None,
                    "unpaired": difference.unpaired if difference else None,
                    "verdict": difference.verdict if difference else None,
                    "gained": list(difference.gained) if difference else None,
                    "lost": list(difference.lost) if difference else None,
                    "no_headroom": list(difference.no_headroom) if difference else None,
                    "unscored": cell.unscored,
                    "failed": cell.errors,
                }
            )
    return records


def write_report(table: Table, folder: Path) -> tuple[tuple[Group, ...], Written]:
    """Writes report.md, report.csv and report.png into ``folder``, which is made if it is missing.

    Raises:
        InputError: The folder cannot be written.
    """
    groups = summarize(table.rows)
    written = Written(folder / "report.md", folder / "report.csv", folder / "report.png")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written.markdown.write_text(markdown(table, groups), "utf-8")
        records = [
            {k: ";".join(v) if isinstance(v, list) else v for k, v in r.items()} for r in as_records(groups)
        ]
        pd.DataFrame(records).to_csv(written.csv, index=False)
        accuracy_figure(groups).savefig(written.figure, dpi=150, metadata={"Software": None})
    except OSError as exc:
        raise InputError(
            f"cannot write the report to {folder} ({exc.strerror or exc}); choose another with --output"
        ) from exc
    return groups, written
