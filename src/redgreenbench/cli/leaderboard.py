"""`redgreen leaderboard` and `redgreen submission check`: a static site from logs, and what a submission lacks."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from redgreenbench.cli.console import uncollected

if TYPE_CHECKING:
    from redgreenbench.reports.leaderboard.sources import Card
    from redgreenbench.reports.leaderboard.submissions import Expected

__all__ = ["leaderboard", "submission"]


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    default="site",
    show_default=True,
    help="Folder to write, or an address such as s3://bucket/site; it must be empty or hold an earlier site.",
)
@click.option("--title", default="RedGreenBench leaderboard", show_default=True, help="Title of the site.")
@click.option("--no-transcripts", is_flag=True, help="Do not bundle the logs and their viewer.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@uncollected()
def leaderboard(logs: tuple[str, ...], output: str, title: str, no_transcripts: bool, as_json: bool) -> None:
    """Write a static site from LOGS: .eval files, folders of them, or a folder of accepted submissions.

    \b
    Examples:
      redgreen leaderboard results -o site/
      redgreen leaderboard submissions --title "Our skills" -o site/
    """
    from redgreenbench.evals.storage import writable_folder
    from redgreenbench.reports.leaderboard.site import write_site
    from redgreenbench.reports.leaderboard.submissions import submitters_of
    from redgreenbench.reports.logs.table import load

    table = load(logs)
    with writable_folder(output) as folder:
        site = write_site(table, folder, title, _cards(), submitters_of(logs), not no_transcripts)
    index = f"{output.rstrip('/')}/index.html"
    if as_json:
        record = {
            "site": output.rstrip("/"),
            "index": index,
            "pages": site.pages,
            "tabs": [
                {"id": tab.id, "task": tab.task, "metric": tab.metric, "rows": len(tab.entries)}
                for tab in site.tabs
            ],
            "logs": list(table.logs),
            "left_out": [{"log": s.log, "reason": s.reason} for s in table.skipped],
            "notes": list(site.notes),
        }
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    for note in site.notes:
        click.echo(f"note: {note}", err=True)
    rows = sum(len(tab.entries) for tab in site.tabs)
    click.echo(f"{index}: {rows} rows on {len(site.tabs)} tabs, {site.pages} pages")
    if not no_transcripts and "://" not in output:
        click.echo(f"transcripts need a web server: python -m http.server --directory {output}")


def _cards() -> dict[str, Card]:
    """What the installed suite says of its scenarios, as plain data: reports do not read scenarios."""
    from redgreenbench.evals.catalogue import load_scenarios
    from redgreenbench.reports.leaderboard.sources import Card

    cards = {}
    for scenario in load_scenarios():
        file = scenario.file
        document = file.source.document
        where = f"document {document}" if document.isdigit() else document
        cards[scenario.id] = Card(
            title=file.title,
            source=f"{where}, {file.source.section}",
            criteria=tuple(f"{c.statement} ({c.kind}, {c.polarity.replace('_', ' ')})" for c in file.rubric),
            deviation=file.deviation or "",
            private=file.split == "private",
        )
    return cards


@click.group()
def submission() -> None:
    """Submissions to a leaderboard."""


@submission.command("check")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(folder: Path, as_json: bool) -> None:
    """Check the submission in FOLDER (submission.yaml and logs/), and say everything that is wrong with it.

    Exit codes: 0 nothing is wrong; 1 something is.

    \b
    Examples:
      redgreen submission check submissions/my-skill
    """
    from redgreenbench.reports.leaderboard.submissions import check_submission

    checked = check_submission(folder, _expected_scenario_sets())
    if as_json:
        record = {
            "ok": not checked.problems,
            "problems": list(checked.problems),
            "logs": list(checked.logs),
            "submission": checked.about.model_dump(mode="json") if checked.about else None,
        }
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        for problem in checked.problems:
            click.echo(f"- {problem}")
        many = f"{len(checked.problems)} problem{'s' if len(checked.problems) != 1 else ''}"
        click.echo(f"{folder}: {many if checked.problems else f'nothing is wrong; {len(checked.logs)} logs'}")
    sys.exit(1 if checked.problems else 0)


def _expected_scenario_sets() -> dict[str, Sequence[Expected]]:
    """By task, the scenario sets that a whole run poses: all packs, or those of one skill."""
    from redgreenbench.evals.catalogue import load_packs, load_scenarios, scenario_set_hash
    from redgreenbench.reports.leaderboard.submissions import Expected

    packs = load_packs()
    posed = [s for s in load_scenarios() if not s.is_positive_control and s.file.split == "public"]
    expected: dict[str, list[Expected]] = {}
    for task in ["decision", *sorted({pack.task for pack in packs.values() if pack.task})]:
        mine = [s for s in posed if s.file.decision or task != "decision"]
        mine = [s for s in mine if task in ("decision", packs[s.pack].task)]
        skills = sorted({packs[s.pack].skill or "" for s in mine})
        choices = [mine, *([s for s in mine if (packs[s.pack].skill or "") == skill] for skill in skills)]
        for chosen in choices:
            sets = Expected(scenario_set_hash(chosen), tuple(s.id for s in chosen))
            if sets not in expected.setdefault(task, []):
                expected[task].append(sets)
    every = Expected(scenario_set_hash(posed), tuple(s.id for s in posed))
    expected["pressure"] = [every]
    return dict(expected)
