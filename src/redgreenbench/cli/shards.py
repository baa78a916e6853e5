"""`redgreen grade` and `redgreen merge`: programs of finished logs run by shards, and shards put together."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

__all__ = ["grade", "merge"]


def _log_files(logs: Sequence[str]) -> Iterator[str]:
    """The .eval logs at these places, without shards that a merged log holds."""
    from redgreenbench.evals.errors import InputError
    from redgreenbench.evals.sharding import without_merged
    from redgreenbench.reports.logs.addresses import files_of

    for place in logs:
        files = [file for file in files_of(place) if file.endswith(".eval")]
        if not files:
            raise InputError(f"{place}: there is no .eval log here; give a log, or a folder of logs")
        yield from without_merged(files)


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--shard", "share", metavar="K/N", default="1/1", show_default=True, help="Only share k of n.")
@click.option("--again", is_flag=True, help="Also programs that have a verdict.")
@click.option(
    "--workers", type=click.IntRange(1), help="Programs run at a time. Default: one per core, at most 8."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def grade(logs: tuple[str, ...], share: str, again: bool, workers: int | None, as_json: bool) -> None:
    """Run the programs of LOGS that have no verdict, as after a run with -T execution=later.

    Any number of machines can do it, a shard each. What a shard finds lies beside each log, in `<log>.grades`; a shard that
    died is done again by the same command. `redgreen merge` then writes the grades into the logs.

    \b
    Examples:
      redgreen grade results/logs
      redgreen grade s3://bucket/logs --shard 2/8
    """
    import anyio

    from redgreenbench.evals.errors import InputError
    from redgreenbench.evals.sharding import Shard
    from redgreenbench.reference_bugs.engine.host import choose_mode
    from redgreenbench.scorers.regrading import grade_log

    shard = Shard.read(share)
    try:
        choose_mode()
    except ValueError as error:
        raise InputError(f"this machine cannot confine programs: {error}") from error
    done = {file: anyio.run(grade_log, file, shard, again, workers) for file in _log_files(logs)}
    total = {
        name: sum(asdict(counts)[name] for counts in done.values()) for name in ("graded", "failed", "kept")
    }
    if as_json:
        click.echo(json.dumps({"shard": str(shard), "logs": len(done), **total}, indent=2))
    else:
        before = f", {total['kept']} were graded before" if total["kept"] else ""
        click.echo(f"shard {shard} of {len(done)} logs: {total['graded']} programs graded{before}")
    if total["failed"]:
        click.echo(
            f"redgreen: {total['failed']} programs got no verdict here; the same command tries them again",
            err=True,
        )
        sys.exit(1)


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--partial", is_flag=True, help="Write what is there although something is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def merge(logs: tuple[str, ...], partial: bool, as_json: bool) -> None:
    """Put the shards in LOGS together: of runs into one log a task, and grades into their logs.

    Nothing is written where something is missing; what has to be run again is said. Shards stay where they are, and reports
    read the merged log in their place.

    \b
    Examples:
      redgreen merge results/gpt-5-0a1b2c3d4e-8-shards/logs
      redgreen merge s3://bucket/logs --partial
    """
    from redgreenbench.evals.errors import InputError
    from redgreenbench.evals.sharding import shards_by_log
    from redgreenbench.reports.logs.addresses import files_of
    from redgreenbench.scorers.merging import merge as put_together
    from redgreenbench.scorers.regrading import has_grades

    done, lacking = [], []
    for place in logs:
        files = [file for file in files_of(place) if file.endswith(".eval")]
        sets = shards_by_log(files)
        shards = {part for parts in sets.values() for part in parts}
        sets |= {file: [] for file in files if file not in shards and file not in sets and has_grades(file)}
        if not sets:
            raise InputError(
                f"{place}: there are neither shards nor grades here; give the folder of logs that has them"
            )
        for target, parts in sets.items():
            try:
                done.append(put_together(target, parts, partial))
            except InputError as error:
                lacking.append(str(error))
    if as_json:
        click.echo(json.dumps([asdict(merged) for merged in done], indent=2))
    for merged in done:
        if not as_json:
            click.echo(f"{merged.log}: {merged.samples} answers, {merged.graded} with a grade from shards")
        for lack in merged.lacks:
            click.echo(f"redgreen: {merged.log}: {lack}", err=True)
    if lacking:
        raise InputError("; ".join(lacking))
