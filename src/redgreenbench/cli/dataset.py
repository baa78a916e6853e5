"""`redgreen dataset export`: the scenarios as Parquet with a dataset card."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["dataset"]


@click.group()
def dataset() -> None:
    """The scenarios as a data set."""


@dataset.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--scenarios", default="", help="Ids, globs, packs or tags, separated by commas; default: all public."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def export(folder: Path, scenarios: str, as_json: bool) -> None:
    """Write the scenarios to FOLDER as Parquet with a dataset card.

    \b
    Example:
      redgreen dataset export build/dataset
    """
    from redgreenbench.evals.card import write_dataset
    from redgreenbench.evals.samples import find_scenarios

    chosen = find_scenarios([name for name in scenarios.split(",") if name])
    written = write_dataset([s for s in chosen if s.file.split == "public"], folder)
    if as_json:
        click.echo(json.dumps(written, indent=2))
    else:
        click.echo(f"{written['rows']} scenarios: {written['parquet']}, card: {written['card']}")
