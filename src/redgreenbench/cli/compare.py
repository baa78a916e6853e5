"""`redgreen compare`, `gate` and `aa`: what changed between two versions, whether it may be merged, and what noise is."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redgreenbench.cli.console import wide_console

if TYPE_CHECKING:
    from redgreenbench.reports.compare import Sides

__all__ = ["aa", "compare", "gate"]

_EXIT = {"PASS": 0, "BLOCK": 1, "INCONCLUSIVE": 2}


def _sides(base: str, head: str | None, arms: str, force: bool) -> tuple[Sides, tuple[str, ...]]:
    from redgreenbench.evals.errors import InputError
    from redgreenbench.reports.certificates import grader_notes
    from redgreenbench.reports.compare import sides_of
    from redgreenbench.reports.load import load

    names = [part.strip() for part in arms.split(",") if part.strip()] or (
        ["green", "green"] if head else ["red", "green"]
    )
    if len(names) == 1:
        names *= 2
    if len(names) != 2:
        raise InputError(f"--arms takes one arm or two (BASE,HEAD), not {len(names)}")
    first = load([base])
    second = load([head]) if head else None
    if not head and names[0] == names[1]:
        raise InputError(
            "one set of logs has nothing to compare an arm with but another; use --arms red,green"
        )
    sides = sides_of(first, second, *names)
    if sides.differs and not force:
        raise InputError(
            f"base and head are not alike: {'; '.join(sides.differs)}; --force compares them and says so"
        )
    tables = [first, second] if second else [first]
    notes = [note for t in tables for note in (*t.notes, *grader_notes(t.provenance))]
    notes += [f"left out: {s.log}: {s.reason}" for t in tables for s in t.skipped]
    return sides, tuple(dict.fromkeys(notes))


def _noise(place: str | None, arm: str) -> Mapping[str, float]:
    from redgreenbench.reports.load import load
    from redgreenbench.reports.noise import measure_noise

    if not place:
        return {}
    return {n.metric: n.band for n in measure_noise(load([place]), None, arm) if not math.isnan(n.band)}


def _command(name: str, *parts: str) -> str:
    return " ".join(["redgreen", name, *(shlex.quote(part) for part in parts)])


def _common(function: Any) -> Any:
    for option in (
        click.option(
            "--arms", default="", help="Arms BASE,HEAD. Default: red,green in one set of logs, green in two."
        ),
        click.option("--aa", "noise", help="Logs with several epochs of one arm, for the A/A band of noise."),
        click.option(
            "--force", is_flag=True, help="Compare unlike logs; the output says in what they differ."
        ),
        click.option(
            "--markdown", type=click.Path(path_type=Path), help="Write the pull-request comment here."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print everything as JSON."),
    ):
        function = option(function)
    return function


@click.command()
@click.argument("base")
@click.argument("head", required=False)
@click.option("--metric", "metrics", multiple=True, help="Only this metric; may be given several times.")
@click.option(
    "--margin",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="A change smaller than this is nothing.",
)
@_common
def compare(
    base: str,
    head: str | None,
    metrics: tuple[str, ...],
    margin: float,
    arms: str,
    noise: str | None,
    force: bool,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Compare the logs of BASE and HEAD (a file or folder each), or two arms of BASE alone.

    \b
    Examples:
      redgreen compare results/old results/new
      redgreen compare results --arms placebo,green
    """
    from redgreenbench.reports import comment
    from redgreenbench.reports.compare import compare as compare_sides
    from redgreenbench.reports.metrics import metric_named

    for name in metrics:
        metric_named(name)
    sides, notes = _sides(base, head, arms, force)
    found = compare_sides(sides, metrics, margin, _noise(noise, (arms or "green").split(",")[-1].strip()))
    text = comment.as_markdown(sides, found, (), notes, _command("compare", base, *([head] if head else [])))
    if markdown:
        markdown.write_text(text, "utf-8")
    if as_json:
        click.echo(json.dumps(comment.as_json(sides, found, (), notes), indent=2, ensure_ascii=False))
        return
    _table(found, sides)
    for note in (*(f"they differ: {d}" for d in sides.differs), *notes):
        click.echo(f"note: {note}", err=True)


def _table(found: Any, sides: Sides) -> None:
    from rich.markup import escape
    from rich.table import Table

    from redgreenbench.reports.metrics import load_metrics

    table = Table(title=escape(f"{sides.base} → {sides.head}"), title_justify="left")
    for column in (
        "metric",
        "model",
        "base",
        "head",
        "difference [95 %]",
        "Holm p",
        "detectable",
        "n",
        "verdict",
    ):
        table.add_column(
            escape(column), justify="left" if column in ("metric", "model", "verdict") else "right"
        )
    for one in found:
        effect = one.effect
        interval = "" if math.isnan(effect.low) else f" [{100 * effect.low:+.0f}, {100 * effect.high:+.0f}]"
        table.add_row(
            load_metrics()[one.metric].title,
            escape(one.model),
            _percent(one.base.value),
            _percent(one.head.value),
            escape(("–" if math.isnan(effect.value) else f"{100 * effect.value:+.0f}") + interval),
            "–" if math.isnan(one.p_holm) else f"{one.p_holm:.3f}",
            _percent(effect.mde),
            str(effect.scenarios),
            escape(one.verdict + (f": {one.why}" if one.why else "")),
        )
    wide_console().print(table)


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.0f} %"


@click.command()
@click.argument("base")
@click.argument("head", required=False)
@click.option("--gates", required=True, type=click.Path(path_type=Path), help="YAML file of declared gates.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML here.")
@_common
def gate(
    base: str,
    head: str | None,
    gates: Path,
    junit: Path | None,
    arms: str,
    noise: str | None,
    force: bool,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Judge HEAD against BASE by declared gates. Exit code 0 PASS, 1 BLOCK, 2 INCONCLUSIVE (or bad input).

    \b
    Examples:
      redgreen gate results/old results/new --gates gates.yaml --markdown comment.md
    """
    from redgreenbench.reports import comment
    from redgreenbench.reports.compare import compare as compare_sides
    from redgreenbench.reports.gate import judge_gates, outcome_of, read_gates

    file = read_gates(gates)
    sides, notes = _sides(base, head, arms, force)
    results = judge_gates(sides, file)
    found = compare_sides(sides, (), 0.1, _noise(noise, (arms or "green").split(",")[-1].strip()))
    command = _command("gate", base, *([head] if head else []), "--gates", str(gates))
    if markdown:
        markdown.write_text(comment.as_markdown(sides, found, results, notes, command), "utf-8")
    if junit:
        junit.write_text(comment.as_junit(results), "utf-8")
    outcome = outcome_of(results)
    if as_json:
        click.echo(json.dumps(comment.as_json(sides, found, results, notes), indent=2, ensure_ascii=False))
    else:
        for result in results:
            click.echo(f"{result.outcome:12} {result.gate.metric} ({result.model}): {result.why}")
        for note in (*(f"they differ: {d}" for d in sides.differs), *notes):
            click.echo(f"note: {note}", err=True)
        click.secho(outcome, bold=True)
    sys.exit(_EXIT[outcome])


@click.command()
@click.argument("first")
@click.argument("second", required=False)
@click.option("--arm", default="green", show_default=True, help="The arm that was asked twice.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def aa(first: str, second: str | None, arm: str, as_json: bool) -> None:
    """Measure the noise: one arm against itself, in two logs or in the odd and even epochs of FIRST.

    \b
    Examples:
      redgreen aa results --arm green
      redgreen aa results/monday results/tuesday --arm red
    """
    from rich.markup import escape
    from rich.table import Table

    from redgreenbench.reports.load import load
    from redgreenbench.reports.metrics import load_metrics
    from redgreenbench.reports.noise import measure_noise

    found = measure_noise(load([first]), load([second]) if second else None, arm)
    if as_json:
        rows = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(n).items()}
            for n in found
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = Table(title=escape(f"{arm} against itself"), title_justify="left")
    for column in ("metric", "model", "verdicts that flip", "difference", "band", "n"):
        table.add_column(column, justify="left" if column in ("metric", "model") else "right")
    for one in found:
        band = "–" if math.isnan(one.band) else f"±{100 * one.band:.0f}"
        cells = [load_metrics()[one.metric].title, escape(one.model), _percent(one.flips)]
        table.add_row(*cells, f"{100 * one.difference:+.0f}", band, str(one.scenarios))
    wide_console().print(table)
