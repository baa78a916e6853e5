"""`redgreen report`: from logs to a table, Markdown, CSV and a figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from redgreenbench.cli.console import wide_console

__all__ = ["print_report", "report"]


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("report"),
    show_default=True,
    help="Folder to write.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of a table.")
def report(logs: tuple[str, ...], output: Path, as_json: bool) -> None:
    """Report on LOGS: .eval files or folders of them, local or any fsspec address.

    \b
    Examples:
      redgreen report logs
      redgreen report logs/first.eval logs/second.eval --output my-report --json
    """
    print_report(logs, output, as_json)


def print_report(logs: Sequence[str], output: Path, as_json: bool) -> None:
    """Writes the report of ``logs`` to ``output`` and shows it."""
    from redgreenbench.reports.load import load
    from redgreenbench.reports.write import as_records, caveats, console_table, write_report

    table = load(logs)
    groups, written = write_report(table, output)
    if as_json:
        record = {
            "results": as_records(groups),
            "logs": list(table.logs),
            "left_out": [{"log": s.log, "reason": s.reason} for s in table.skipped],
            "notes": [*caveats(groups), *table.notes],
            "markdown": str(written.markdown),
            "csv": str(written.csv),
            "figure": str(written.figure),
        }
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    wide_console().print(console_table(groups))
    for skip in table.skipped:
        click.echo(f"left out: {skip.log}: {skip.reason}", err=True)
    for note in (*caveats(groups), *table.notes):
        click.echo(f"note: {note}", err=True)
    click.echo(f"report: {written.markdown}, {written.csv}, {written.figure}")
