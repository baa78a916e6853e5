"""`redgreen dataset export`: scenarios, programs and decisions as Parquet with a dataset card."""

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
@click.option("--variants", default=0, help="Variants of each program that are written beside it.")
@click.option("--variants-seed", default=1, help="Seed of the first variant.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def export(folder: Path, scenarios: str, variants: int, variants_seed: int, as_json: bool) -> None:
    """Write scenarios, programs and decisions to FOLDER as Parquet, with a dataset card and the Hub's eval.yaml.

    \b
    Example:
      redgreen dataset export build/dataset --variants 3
    """
    from redgreenbench.evals.card import write_dataset
    from redgreenbench.evals.samples import find_scenarios, with_variants

    chosen = [
        s for s in find_scenarios([name for name in scenarios.split(",") if name]) if s.file.split == "public"
    ]
    written = write_dataset(with_variants(chosen, variants, variants_seed) if variants else chosen, folder)
    if as_json:
        click.echo(json.dumps(written, indent=2))
    else:
        click.echo(
            "{scenarios} scenarios, {bugs} programs, {decisions} rows of decisions; card: {card}".format(
                **written
            )
        )
