"""`redgreen new bug`: lays out a folder that `verify` then explains step by step."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

__all__ = ["new"]


@click.group()
def new() -> None:
    """Start something new from a template."""


@new.command()
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to make it in; default: reference_bugs of this checkout.",
)
def bug(name: str, into: Path | None) -> None:
    """Lay out the folder of a reference bug called NAME, two or more words joined by hyphens.

    It holds a small example that verifies; docs/adding-a-bug.md says how to make it yours.

    \b
    Examples:
      redgreen new bug forgotten-zero-grad
    """
    from redgreenbench.evals.errors import InputError
    from redgreenbench.reference_bugs.folder import HERE, NAME

    if not NAME.fullmatch(name):
        raise InputError(
            f"'{name}' is no name for a bug; take small words joined by hyphens, such as forgotten-zero-grad"
        )
    target = (into or HERE) / name
    if target.exists():
        raise InputError(f"{target} is there already; choose another name or remove it")
    template = files("redgreenbench.reference_bugs") / "engine" / "template"
    for relative in ("fixes", "workarounds"):
        (target / relative).mkdir(parents=True)
    for source in sorted(_all(template)):
        (target / source).write_text((template / source).read_text("utf-8"), "utf-8")
    click.echo(f"made {target}")
    click.echo("next:")
    click.echo(f"  1. write {target / 'program.py'}, then record what it prints:")
    click.echo(f"       python -m redgreenbench.reference_bugs record {target}")
    click.echo(
        "  2. write patches (diff -u program.py fixed.py), probe.py and checks.py, and describe them in bug.yaml"
    )
    click.echo(f"  3. prove it: python -m redgreenbench.reference_bugs verify --bug {target}")


def _all(template: object) -> list[str]:
    root = Path(str(template))
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
