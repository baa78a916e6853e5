"""`redgreen list` and `redgreen show`: what there is, and exactly what a model will see."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from redgreenbench.cli.console import wide_console

__all__ = ["list_", "show"]

Record = dict[str, Any]


def _scenarios() -> list[Record]:
    from redgreenbench.evals.catalogue import load_packs, load_scenarios

    packs = load_packs()
    return [
        {
            "id": s.id,
            "title": s.file.title,
            "task": packs[s.pack].task,
            "document": s.file.source.document,
            "section": s.file.source.section,
            "control": s.file.control,
            "split": s.file.split,
            "bug": s.file.bug,
            "built_in_pressure": list(s.file.built_in_pressure),
            "tags": list(s.file.tags),
            "patterns": list(s.file.patterns),
        }
        for s in load_scenarios()
        if s.file.split == "public"
    ]


def _pressures() -> list[Record]:
    from redgreenbench.evals.pressures import load_pressures

    return [
        {
            "name": name,
            "describes": p.describes,
            "control": p.control,
            "of": list(p.of),
            "text": p.text,
            "insists": p.insists,
        }
        for name, p in load_pressures().items()
    ]


def _arms() -> list[Record]:
    says = {
        "red": "adds nothing",
        "generic": "adds a strong generic debugging prompt",
        "placebo": "adds an irrelevant skill as long as the skill under test",
        "green": "adds the skill under test (-T skill=…)",
        "name=folder[@git-ref]": "adds any other skill, under a name of yours",
    }
    return [{"name": name, "describes": text} for name, text in says.items()]


def _skills() -> list[Record]:
    from redgreenbench.evals.arms import estimate_tokens, shipped_skills
    from redgreenbench.evals.skillfolder import read_skill

    records = []
    for label, folder in shipped_skills().items():
        skill = read_skill(str(folder))
        records.append(
            {
                "name": label,
                "version": skill.version,
                "hash": skill.hash[:12],
                "tokens": estimate_tokens(skill.text),
                "description": skill.description,
            }
        )
    return records


def _bugs() -> list[Record]:
    from redgreenbench.evals.catalogue import load_scenarios
    from redgreenbench.reference_bugs.folder import bug_folder, bug_names

    load_scenarios()  # a private split that cannot be read is one line
    keys = ("title", "document", "section", "location", "error_pattern")
    return [
        {"name": name, **{key: bug_folder(name).about[key] for key in keys}}
        for name in bug_names(private=False)
    ]


def _metrics() -> list[Record]:
    from redgreenbench.reports.metrics import load_metrics

    return [{"name": name, **metric.model_dump(mode="json")} for name, metric in load_metrics().items()]


def _excuses() -> list[Record]:
    from redgreenbench.scorers.grading.questions import load_excuses

    return [{"name": name, **excuse.model_dump()} for name, excuse in load_excuses().items()]


def _tools() -> list[Record]:
    from redgreenbench.scorers.tool_use import load_tools

    return [{"name": name, "says": tool.says} for name, tool in load_tools().items()]


_KINDS: dict[str, tuple[Callable[[], list[Record]], Sequence[str]]] = {
    "scenarios": (_scenarios, ("id", "title", "task", "document", "control")),
    "pressures": (_pressures, ("name", "describes")),
    "arms": (_arms, ("name", "describes")),
    "skills": (_skills, ("name", "version", "hash", "tokens", "description")),
    "bugs": (_bugs, ("name", "title", "document", "location")),
    "metrics": (_metrics, ("name", "title", "formula", "document")),
    "excuses": (_excuses, ("name", "says", "counter")),
    "tools": (_tools, ("name", "says")),
}


@click.command(name="list")
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.option("--json", "as_json", is_flag=True, help="Print JSON with every field.")
def list_(kind: str, as_json: bool) -> None:
    """List what there is of a kind.

    \b
    Examples:
      redgreen list scenarios
      redgreen list pressures --json
    """
    make, columns = _KINDS[kind]
    records = make()
    if as_json:
        click.echo(json.dumps(records, indent=2, ensure_ascii=False))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{len(records)} {kind}", title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for record in records:
        table.add_row(*(Text("" if record[c] is None else str(record[c])) for c in columns))
    wide_console().print(table)


@click.command()
@click.argument("scenario")
@click.option("--pressure", default="none", show_default=True, help="Pressure to apply.")
@click.option("--arm", default="red", show_default=True, help="Arm, or name=folder[@git-ref].")
@click.option(
    "--skill", default="v2", show_default=True, help="Skill under test: folder, folder@git-ref, v1, v2."
)
@click.option("--scenarios", "folder", help="Folder of your own that SCENARIO is in, such as ./scenarios.")
@click.option(
    "--decision", is_flag=True, help="As the task decision poses it, in the order of the first epoch."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: messages, target, metadata.")
def show(
    scenario: str, pressure: str, arm: str, skill: str, folder: str | None, decision: bool, as_json: bool
) -> None:
    """Show exactly what the model will see for SCENARIO, and what is right.

    \b
    Examples:
      redgreen show loss-goes-to-nan
      redgreen show training-optimization/loss-goes-to-nan --pressure authority --arm green
      redgreen show loss-goes-to-nan --decision
    """
    from redgreenbench.evals.arms import resolve_arms
    from redgreenbench.evals.decisions import options_text
    from redgreenbench.evals.errors import InputError
    from redgreenbench.evals.pressures import applies, select_pressures
    from redgreenbench.evals.samples import build_samples, find_scenarios

    (wanted_pressure,) = select_pressures([pressure])[:1]
    named = find_scenarios([*([folder] if folder else []), scenario])
    if len(named) > 1:
        raise InputError(f"'{scenario}' names {len(named)} scenarios ({named[0].id}, …); give one id")
    (chosen,) = named
    if chosen.file.split == "private":
        raise InputError(f"{chosen.id} is private, and nothing of it is shown; open its file")
    if decision and not chosen.file.decision:
        raise InputError(f"{chosen.id} has no decision; drop --decision")
    if not applies(wanted_pressure, chosen.file):
        raise InputError(f"{chosen.id} gives no slots for the pressure '{pressure}'; choose another pressure")
    arms = resolve_arms([arm], skill, [chosen.pack])
    (sample,) = build_samples([chosen], arms, [wanted_pressure], decides=decision)
    assert not isinstance(sample.input, str)
    system, user = (message.text for message in sample.input)
    if decision:
        user = options_text(chosen, user, 1)[1]
    if as_json:
        record = {
            "id": sample.id,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": user},
            ],
            "target": sample.target,
            "metadata": sample.metadata,
            "criteria": [c.model_dump(mode="json") for c in chosen.file.rubric],
            "deviation": chosen.file.deviation,
        }
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    click.secho(f"{sample.id} — {chosen.file.title}", bold=True)
    source = chosen.file.source
    click.echo(f"document {source.document}, “{source.section}”")
    for title, content in (("system", system), ("user", user)):
        click.secho(f"\n──── {title} ────", bold=True)
        click.echo(content)
    click.secho("\n──── what is right ────", bold=True)
    click.echo(sample.target)
    if decision and chosen.file.decision:
        for option in chosen.file.decision.wrong:
            shows = ", ".join(filter(None, (option.stands_for, option.pattern)))
            click.echo(f"- wrong ({shows or 'no pattern'}): {option.step}")
        return
    for criterion in chosen.file.rubric:
        must = "must not" if criterion.polarity == "must_not" else "must"
        click.echo(f"- {criterion.kind}, {must}: {criterion.statement}")
    if chosen.file.deviation:
        click.echo(f"\nDeviation from the document: {chosen.file.deviation}")
