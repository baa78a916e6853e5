"""`redgreen report`: from logs to a table, one HTML file, Markdown, CSV and a figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from redgreenbench.cli.console import uncollected, wide_console

if TYPE_CHECKING:
    from redgreenbench.reports.estimate import Frame

__all__ = ["print_report", "rationalizations", "report"]


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    default="report",
    show_default=True,
    help="Folder to write, or an address such as s3://bucket/report.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of a table.")
def report(logs: tuple[str, ...], output: str, as_json: bool) -> None:
    """Report on LOGS: .eval files or folders of them, local or any fsspec address.

    \b
    Examples:
      redgreen report logs
      redgreen report logs/first.eval logs/second.eval --output my-report --json
    """
    print_report(logs, output, as_json)


@uncollected()
def print_report(logs: Sequence[str], output: str, as_json: bool) -> Frame:
    """Writes the report of ``logs`` to ``output`` and shows it; returns its estimates."""
    from redgreenbench.evals.storage import writable_folder
    from redgreenbench.reports.certificates import grader_notes
    from redgreenbench.reports.compliance import compliance_of
    from redgreenbench.reports.logs.table import load
    from redgreenbench.reports.render.report import caveats, make_report, records, write_report
    from redgreenbench.reports.render.text import console_table

    table = load(logs)
    made = make_report(replace(table, notes=(*table.notes, *grader_notes(table.provenance))))
    with writable_folder(output) as folder:
        files = [f"{output.rstrip('/')}/{file.relative_to(folder)}" for file in write_report(made, folder)]
    said = [*map(str, compliance_of(table.rows)), *caveats(made.frame), *made.table.notes]
    if as_json:
        record = {
            "said": list(made.said),
            "results": records(made.frame.table()),
            "logs": list(table.logs),
            "left_out": [{"log": s.log, "reason": s.reason} for s in table.skipped],
            "notes": said,
            **dict(zip(("html", "markdown", "csv", "figure"), map(str, files), strict=False)),
        }
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return made.frame
    for sentence in made.said:
        click.echo(sentence)
    wide_console().print(console_table(made.frame))
    for skip in table.skipped:
        click.echo(f"left out: {skip.log}: {skip.reason}", err=True)
    for note in said:
        click.echo(f"note: {note}", err=True)
    click.echo(f"report: {', '.join(map(str, files))}")
    return made.frame


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--arm", "arms", multiple=True, help="Only this arm; may be given several times.")
@click.option("--quotes", type=click.IntRange(1), default=5, show_default=True, help="Quotes an excuse.")
@click.option("--json", "as_json", is_flag=True, help="Print all excuses as JSON.")
def rationalizations(logs: tuple[str, ...], arms: tuple[str, ...], quotes: int, as_json: bool) -> None:
    """List the excuses in LOGS by frequency, with quotes and what a skill can say against each.

    The excuses are those that a grader found; `inspect score LOG --scorer redgreenbench/judged
    --model-role grader=MODEL` finds them in a log that was run without one.

    \b
    Examples:
      redgreen rationalizations logs --arm green
    """
    from redgreenbench.evals.errors import InputError
    from redgreenbench.reports.rationalizations import as_markdown, list_excuses
    from redgreenbench.scorers.grading.questions import load_excuses

    listing = list_excuses(logs, arms)
    if not listing.graded and not listing.ungraded:
        why = "; ".join(f"{s.log} {s.reason}" for s in listing.skipped) or "they hold no such score"
        raise InputError(f"no answers to look at: {why}")
    if as_json:
        record = {
            "graded": listing.graded,
            "ungraded": listing.ungraded,
            "left_out": [{"log": s.log, "reason": s.reason} for s in listing.skipped],
            "excuses": [asdict(quoted) for quoted in listing.excuses],
        }
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    meaning = {name: (excuse.says, excuse.counter) for name, excuse in load_excuses().items()}
    if listing.excuses:
        click.echo(as_markdown(listing, meaning, quotes))
    with_excuse = len({(f.log, f.scenario, f.pressure, f.arm, f.epoch) for f in listing.excuses})
    click.echo(f"{with_excuse} of {listing.graded} graded answers make an excuse.", err=bool(listing.excuses))
    for reason, count in listing.ungraded.items():
        click.echo(f"{count} answers were not graded: {reason}", err=True)
    for skip in listing.skipped:
        click.echo(f"left out: {skip.log}: {skip.reason}", err=True)
