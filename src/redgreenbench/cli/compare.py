"""`redgreen compare`, `gate` and `aa`: what changed between two versions, whether it may be merged, and what noise is."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redgreenbench.cli.console import wide_console
from redgreenbench.cli.models import MODEL

if TYPE_CHECKING:
    from redgreenbench.reports.compare import Sides
    from redgreenbench.reports.estimate import Estimate, Frame
    from redgreenbench.reports.logs.table import Table
    from redgreenbench.reports.pairwise import ModelPreference

__all__ = ["EXIT_CODES", "aa", "compare", "gate", "noise_bands", "notes_of"]

_MOVED = 5
EXIT_CODES = {"PASS": 0, "BLOCK": 1, "INCONCLUSIVE": 2}


def _sides(
    base: str, head: str | None, arms: str, force: bool, harnesses: bool = False, strict: bool = False
) -> tuple[Sides, tuple[Table, Table], tuple[str, ...]]:
    from redgreenbench.evals.errors import InputError
    from redgreenbench.reports.compare import sides_of
    from redgreenbench.reports.logs.table import load

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
    sides = sides_of(first, second, names[0], names[1], harnesses)
    edited = [i.log for table in filter(None, (first, second)) for i in table.provenance if i.edited]
    if edited and strict:
        raise InputError(
            f"scores were edited by hand in {', '.join(edited)}; --allow-edited judges them all the same"
        )
    if sides.differs and not force:
        raise InputError(
            f"base and head are not alike: {'; '.join(sides.differs)}; --force compares them and says so"
        )
    return sides, (first, second or first), notes_of([first, second] if second else [first])


def notes_of(tables: Sequence[Table]) -> tuple[str, ...]:
    """What a reader of a comparison must know of its logs: broken ones, unfinished runs, graders."""
    from redgreenbench.reports.certificates import grader_notes

    notes = [note for t in tables for note in (*t.notes, *grader_notes(t.provenance))]
    notes += [f"left out: {s.log}: {s.reason}" for t in tables for s in t.skipped]
    return tuple(dict.fromkeys(notes))


def noise_bands(place: str | None, arm: str, epochs: int) -> Mapping[tuple[str, str], float]:
    """Half-width of the A/A band by model and metric, from logs with twice as many epochs of an arm as a side has.

    Raises:
        InputError: The logs have fewer epochs.
    """
    from redgreenbench.reports.logs.table import load
    from redgreenbench.reports.noise import measure_noise

    if not place:
        return {}
    noise = measure_noise(load([place]), None, arm, epochs)
    return {(n.model, n.metric): n.band for n in noise if not math.isnan(n.band)}


def _epochs(sides: Sides) -> int:
    return int(sides.rows["epoch"].max())


def _command(name: str, *parts: str) -> str:
    return " ".join(["redgreen", name, *(shlex.quote(part) for part in parts)])


def _comparison_options(function: Any) -> Any:
    for option in (
        click.option(
            "--arms", default="", help="Arms BASE,HEAD. Default: red,green in one set of logs, green in two."
        ),
        click.option(
            "--aa",
            "noise",
            help="Logs with several epochs of one arm: how far it differs from itself is noise.",
        ),
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
@click.option(
    "--between",
    type=click.Choice(["versions", "harnesses"]),
    default="versions",
    show_default=True,
    help="What may differ: harnesses are ways in which skills reach a model, or an agent works.",
)
@click.option(
    "--all", "everything", is_flag=True, help="Show every metric, not only the headline ones and findings."
)
@click.option(
    "--pairwise",
    is_flag=True,
    help="Let a grader see both replies to each question, without names, and choose.",
)
@click.option(
    "--grader",
    "-g",
    "graders",
    multiple=True,
    type=MODEL,
    help="Model that compares the replies; several vote.",
)
@click.option(
    "--self-grade", is_flag=True, help="Allow a grader that is a model under test; no evidence, and said so."
)
@click.option(
    "--log-dir",
    type=click.Path(path_type=Path),
    default=Path("logs/pairwise"),
    show_default=True,
    help="Where the log of the grader's choices is written.",
)
@_comparison_options
def compare(
    base: str,
    head: str | None,
    metrics: tuple[str, ...],
    margin: float,
    between: str,
    everything: bool,
    pairwise: bool,
    graders: tuple[str, ...],
    self_grade: bool,
    log_dir: Path,
    arms: str,
    noise: str | None,
    force: bool,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Compare the logs of BASE and HEAD (a file or folder each), or two arms of BASE alone.

    Where each side has one model and they are not the same, the two models are compared, paired on scenarios.

    \b
    Examples:
      redgreen compare results/old results/new
      redgreen compare results/gpt-5 results/claude --arms green
      redgreen compare results --arms placebo,green
      redgreen compare results/old results/new --pairwise --grader anthropic/claude-sonnet-4-5
    """
    from redgreenbench.cli.pairwise import check_graders, prefer_sides
    from redgreenbench.evals.errors import InputError
    from redgreenbench.reports.compare import compare as compare_sides
    from redgreenbench.reports.metrics import metric_named
    from redgreenbench.reports.render import comment

    for name in metrics:
        metric_named(name)
    if (graders or self_grade) and not pairwise:
        raise InputError("--grader and --self-grade belong to --pairwise; add it, or drop them")
    sides, tables, notes = _sides(base, head, arms, force, between == "harnesses")
    bands = noise_bands(noise, _head_arm(arms), _epochs(sides))
    preferred: tuple[ModelPreference, ...] = ()
    if pairwise:
        notes += check_graders(graders, self_grade, tables)
        preferred, more = prefer_sides(sides, *tables, graders, log_dir, as_json)
        notes += more
    frame = compare_sides(sides, metrics, margin, bands)
    command = ["compare", base, *([head] if head else [])]
    if pairwise:
        command += ["--pairwise", *(part for grader in graders for part in ("--grader", grader))]
    if markdown:
        text = comment.as_markdown(sides, frame, (), notes, _command(*command), preferred=preferred)
        markdown.write_text(text, "utf-8")
    if as_json:
        record = comment.as_json(sides, frame, (), notes, metrics, preferred)
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    _print_table(frame, sides, metrics, everything or bool(metrics))
    _print_preferences(preferred)
    _print_notes(sides, notes)


def _head_arm(arms: str) -> str:
    return (arms or "green").split(",")[-1].strip()


def _print_notes(sides: Sides, notes: Sequence[str]) -> None:
    differs = (f"they differ: {d}" for d in sides.differs)
    for note in (*sides.notes, *map(str, sides.compliance), *differs, *notes):
        click.echo(f"note: {note}", err=True)


def _print_table(frame: Frame, sides: Sides, metrics: Sequence[str], everything: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    from redgreenbench.reports.compare import shown
    from redgreenbench.reports.words import estimate_text, p_text, size, title_of

    rows = shown(frame, metrics)
    told = [
        estimate
        for estimate in rows
        if everything
        or estimate.described.family == "headline"
        or estimate.verdict in ("improved", "regressed", "noise")
    ]
    table = Table(title=escape(f"{sides.base} → {sides.head}"), title_justify="left")
    for column in ("metric", "model", "base", "head", "difference [95 %]", "p", "detectable", "n", "verdict"):
        left = column in ("metric", "model", "verdict")
        table.add_column(escape(column), justify="left" if left else "right")
    for estimate in told:
        base, head = frame.means(estimate)
        cells = [
            title_of(estimate.described),
            estimate.subject.model,
            estimate_text(base),
            estimate_text(head),
        ]
        cells += [
            estimate_text(estimate),
            p_text(estimate.p_adjusted),
            size(estimate.detectable, estimate.described),
            str(estimate.n),
        ]
        cells.append(estimate.verdict + (f": {estimate.why}" if estimate.why else ""))
        table.add_row(*map(escape, cells))
    wide_console().print(table)
    if len(told) < len(rows):
        click.echo(f"{len(rows) - len(told)} further metrics without a finding; --all shows them")
    _print_largest_changes(told, sides)


def _print_preferences(preferred: Sequence[ModelPreference]) -> None:
    """What graders prefer, a line a model and a line a scenario."""
    from redgreenbench.reports.logs.reading import in_words
    from redgreenbench.reports.words import p_text, tally_text, votes_text

    for preference in preferred:
        share = votes_text(preference.value, preference.low, preference.high)
        votes = f"votes for head {share}, p {p_text(preference.p_adjusted)}"
        scenarios = tally_text(preference.won, preference.tied, preference.lost)
        why = f" ({preference.why})" if preference.why else ""
        click.echo(
            f"side by side ({preference.model}): {preference.outcome}{why}; scenarios {scenarios}; {votes}"
        )
        flips = f"{preference.flips} of {preference.pairs} pairs flipped with the order"
        first = f"{preference.flips_first} of them to the first"
        click.echo(f"  {flips}, {first}; {preference.unscored} not decided")
        for code, count in preference.reasons:
            click.echo(f"  {count} times: {in_words(code)}")
        for tally in preference.scenarios:
            click.echo(f"  {tally.scenario}: {tally_text(tally.won, tally.tied, tally.lost)}")


def _print_largest_changes(told: Sequence[Estimate], sides: Sides) -> None:
    """The scenarios that changed most, with where their answers can be read."""
    from redgreenbench.reports.compare import transcripts_of
    from redgreenbench.reports.words import change

    for estimate in told:
        if estimate.described.family != "headline":
            continue
        for what in ("worse", "better"):
            moved = estimate.moved(what == "better")
            if not moved:
                continue
            sizes = [f"{scenario} {change(d, estimate.described.scale)}" for scenario, d in moved[:_MOVED]]
            more = f" and {len(moved) - _MOVED} more" if len(moved) > _MOVED else ""
            click.echo(
                f"{estimate.described.title} ({estimate.subject.model}), {what}: {', '.join(sizes)}{more}"
            )
            if what == "worse":
                places = transcripts_of(sides, [moved[0][0]], estimate.subject.model, estimate.metric)
                for side in dict.fromkeys(place.side for place in places):
                    first = next(place for place in places if place.side == side)
                    click.echo(f"  {side}: {first.log}, sample {first.sample}, epoch {first.epoch}")


@click.command()
@click.argument("base")
@click.argument("head", required=False)
@click.option("--gates", required=True, type=click.Path(path_type=Path), help="YAML file of declared gates.")
@click.option("--allow-edited", is_flag=True, help="Judge logs in which scores were edited by hand.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML here.")
@_comparison_options
def gate(
    base: str,
    head: str | None,
    gates: Path,
    allow_edited: bool,
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
    from redgreenbench.reports.compare import compare as compare_sides
    from redgreenbench.reports.render import comment
    from redgreenbench.reports.rules import judge_gates, outcome_of, read_gates

    file = read_gates(gates)
    sides, _, notes = _sides(base, head, arms, force, strict=not allow_edited)
    results = judge_gates(sides.rows, file)
    frame = compare_sides(sides, noise=noise_bands(noise, _head_arm(arms), _epochs(sides)))
    command = _command("gate", base, *([head] if head else []), "--gates", str(gates))
    if markdown:
        markdown.write_text(comment.as_markdown(sides, frame, results, notes, command), "utf-8")
    if junit:
        junit.write_text(comment.as_junit(results), "utf-8")
    outcome = outcome_of(results)
    if as_json:
        click.echo(json.dumps(comment.as_json(sides, frame, results, notes), indent=2, ensure_ascii=False))
    else:
        for result in results:
            click.echo(f"{result.outcome:12} {result.gate.metric} ({result.model}): {result.why}")
        _print_notes(sides, notes)
        click.secho(outcome, bold=True)
    sys.exit(EXIT_CODES[outcome])


@click.command()
@click.argument("first")
@click.argument("second", required=False)
@click.option("--arm", default="green", show_default=True, help="The arm that was asked twice.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def aa(first: str, second: str | None, arm: str, as_json: bool) -> None:
    """Measure the noise: one arm against itself, in two logs or in the two halves of FIRST's epochs.

    The band is for comparisons with as many epochs a side as a half has.

    \b
    Examples:
      redgreen aa results --arm green
      redgreen aa results/monday results/tuesday --arm red
    """
    from rich.markup import escape
    from rich.table import Table

    from redgreenbench.reports.logs.table import load
    from redgreenbench.reports.metrics import load_metrics
    from redgreenbench.reports.noise import measure_noise
    from redgreenbench.reports.words import band, change, level, title_of

    noises = measure_noise(load([first]), load([second]) if second else None, arm)
    if as_json:
        rows = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(n).items()}
            for n in noises
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = Table(title=escape(f"{arm} against itself"), title_justify="left")
    for column in ("metric", "model", "verdicts that flip", "difference", "band", "epochs a half", "n"):
        table.add_column(column, justify="left" if column in ("metric", "model") else "right")
    for noise in noises:
        metric = load_metrics()[noise.metric]
        cells = [
            title_of(metric),
            escape(noise.model),
            level(noise.flips),
            change(noise.difference, metric.scale),
        ]
        table.add_row(*cells, band(noise.band, metric.scale), str(noise.epochs), str(noise.scenarios))
    wide_console().print(table)
