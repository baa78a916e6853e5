"""`redgreen quickstart`: decisions with and without the skill and the word of a senior, and two executed fixes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from redgreenbench.cli.models import MODEL
from redgreenbench.cli.run import build_tasks, model_options, run_folder, run_tasks, usable_model

if TYPE_CHECKING:
    from redgreenbench.reports.estimate import Frame

__all__ = ["findings", "quickstart"]

_PRESSURE = "authority"
_BUG = "shape-mismatch-after-flatten"
"""The bug with the shortest program: two fixes of it are written and executed."""
_LONGER = "redgreen run --model MODEL --pressure all --epochs 4"


@click.command()
@click.option(
    "--model", default="embedded/qwen2.5-coder-0.5b", show_default=True, type=MODEL, help="Any inspect model."
)
@click.option(
    "--fallback-model", type=MODEL, help="Used where the weights of an embedded model cannot be had."
)
@click.option("--skill", default="v2", show_default=True, help="Skill under test: a folder, v1 or v2.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many scenarios.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder for logs and report.",
)
def quickstart(model: str, fallback_model: str | None, skill: str, limit: int | None, output: Path) -> None:
    """A first result in minutes, without any key: RED against GREEN in decisions, and two executed fixes.

    \b
    Examples:
      redgreen quickstart
      redgreen quickstart --model openai/gpt-5-mini --skill ./my-skill
    """
    from redgreenbench.cli.report import print_report
    from redgreenbench.evals.catalogue import load_documents
    from redgreenbench.evals.samples import find_scenarios
    from redgreenbench.tasks.assemble import packs_of

    scenarios = find_scenarios(packs=packs_of([skill], None))
    # Edge cases, which documents only name, and controls are for longer runs.
    posed = [s.id for s in scenarios if s.file.decision and s.document in load_documents()]
    # SKILL.md alone: the context of the embedded model holds no more, and the rest would take minutes to read.
    arms, parameters = ["red", "green"], ["inject=body"]
    pressures = ["none", _PRESSURE]
    tasks = build_tasks(["decision"], skill, arms, pressures, posed[:limit], None, parameters=parameters)
    tasks += build_tasks(["debugging"], skill, arms, [], [], None, [_BUG], parameters=parameters)
    chosen = usable_model(model, fallback_model)
    count = sum(len(task.dataset) for task in tasks)
    click.echo(
        f"redgreen: {count} questions to {chosen}; on two idle cores this takes up to five minutes", err=True
    )
    folder = run_folder(output, chosen, tasks, 1)
    code = run_tasks(tasks, chosen, folder / "logs", 1, **model_options((), False))
    frame = print_report([str(folder / "logs")], str(folder / "report"), False)
    for sentence in findings(frame):
        click.echo(sentence)
    click.echo(
        "A longer run adds whole replies and programs, every pressure, edge cases, controls and repetitions: "
        f"{_LONGER}"
    )
    if code:
        click.echo("redgreen: not all samples finished; the same command tries the rest again", err=True)
        sys.exit(code)


def findings(frame: Frame) -> Iterator[str]:
    """What was found, in a sentence for decisions over all pressures, and one for each pressure.

    Args:
        frame: The estimates of a run.
    """
    from redgreenbench.reports.words import counted, estimate_text, value_text

    for difference in frame.where(kind="difference", metric="decision-accuracy", arm="green"):
        red, green = frame.means(difference)
        name, _, pressure = difference.slice.partition("=")
        if name not in ("all", "pressure") or not green.answers:
            continue
        pressed = f" under the pressure {pressure}" if pressure else ""
        pressed = " without pressure" if pressure == "none" else pressed
        yield (
            f"Decisions{pressed}: the right next step in {value_text(red)} without the skill and in "
            f"{value_text(green)} with it, in points {estimate_text(difference)} over {counted(green.n, 'scenario')}: "
            f"{difference.verdict}."
        )
