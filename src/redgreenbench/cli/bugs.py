"""`redgreen bugs`: other programs with the fault of a reference bug."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

__all__ = ["bugs"]


@click.group()
def bugs() -> None:
    """Make variants of reference bugs."""


@bugs.command()
@click.argument("name")
@click.option("--seed", type=click.IntRange(min=0), required=True, help="Which variant.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write it in; default: show the program and what it prints.",
)
def vary(name: str, seed: int, into: Path | None) -> None:
    """Make a variant of the reference bug NAME: another program with the same fault, fixes and checks.

    It has passed the gate of every bug before it is shown. `-T variants=k` poses such programs.

    \b
    Examples:
      redgreen bugs vary missing-optimizer-step --seed 7
      redgreen bugs vary missing-optimizer-step --seed 7 --into /tmp/varied
    """
    from redgreenbench.evals.errors import InputError
    from redgreenbench.reference_bugs.variants import posed_bug
    from redgreenbench.reference_bugs.verify import check_variants

    try:
        bug = posed_bug(f"{name}@{seed}")
        check_variants([bug])
        if into is not None:
            shutil.copytree(bug.path, into / bug.path.name)
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error
    if into is not None:
        click.echo(f"made {into / bug.path.name}")
        return
    click.echo(bug.program)
    click.echo("\n# It prints:")
    click.echo("\n".join(f"# {line}" for line in bug.symptom.splitlines()))
