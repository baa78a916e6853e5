"""`redgreen check`: what is wrong with a skill, found without asking a model."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

__all__ = ["check"]


@click.command()
@click.argument("skills", nargs=-1, required=True, metavar="SKILL...")
@click.option("--strict", is_flag=True, help="Warnings make it fail too.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(skills: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Say what is wrong with each SKILL: a folder, its SKILL.md, or either at a git revision. Free and offline.

    Exit codes: 0 nothing, or warnings alone; 1 an error; 2 the check cannot be made.

    \b
    Examples:
      redgreen check ./skills/my-skill
      redgreen check ./skills/* --strict
    """
    from redgreenbench.evals.skillcheck import check_skill

    found = {skill: check_skill(skill) for skill in skills}
    if as_json:
        click.echo(
            json.dumps({skill: [asdict(one) for one in mine] for skill, mine in found.items()}, indent=2)
        )
    else:
        for skill, mine in found.items():
            for one in mine:
                click.echo(f"{skill}: {one.file}: {one.level} [{one.rule}]: {one.says}")
            if not mine:
                click.echo(f"{skill}: nothing found")
    if any(one.level == "error" or strict for mine in found.values() for one in mine):
        sys.exit(1)
