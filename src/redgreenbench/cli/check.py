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

    findings = {skill: check_skill(skill) for skill in skills}
    if as_json:
        click.echo(
            json.dumps(
                {skill: [asdict(finding) for finding in mine] for skill, mine in findings.items()}, indent=2
            )
        )
    else:
        for skill, mine in findings.items():
            for finding in mine:
                click.echo(f"{skill}: {finding.file}: {finding.level} [{finding.rule}]: {finding.says}")
            if not mine:
                click.echo(f"{skill}: nothing found")
    if any(finding.level == "error" or strict for mine in findings.values() for finding in mine):
        sys.exit(1)
