"""`redgreen calibrate` and `redgreen score-text`: how far a grader can be trusted, and one written answer by hand."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redgreenbench.cli.console import wide_console
from redgreenbench.cli.models import MODEL
from redgreenbench.evals.errors import InputError

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.log import EvalLog
    from inspect_ai.scorer import Score, Scorer

    from redgreenbench.evals.catalogue import Scenario
    from redgreenbench.scorers.calibration.labels import LabelledAnswer
    from redgreenbench.scorers.calibration.pairs import LabelledPair

__all__ = ["calibrate", "score_text"]


@click.command()
@click.option(
    "--grader", "-g", multiple=True, type=MODEL, help="Model to calibrate; several make a panel that votes."
)
@click.option(
    "--set",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of labelled answers for a grader; by default the shipped set.",
)
@click.option(
    "--repeats", type=click.IntRange(1), default=2, show_default=True, help="Times each answer is graded."
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="Only this many answers, spread over styles; never a full verdict.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Certificate to write; default: certificates/GRADER.json.",
)
@click.option(
    "--log-dir", type=click.Path(path_type=Path), default=Path("logs/calibration"), show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="Print the certificate as JSON.")
def calibrate(
    grader: tuple[str, ...],
    folder: Path | None,
    repeats: int,
    limit: int | None,
    output: Path | None,
    log_dir: Path,
    as_json: bool,
) -> None:
    """Measure a grader, or without one the exact readers, against labels.

    With --grader, a model grades every answer of the set, the dialogues of later pressure and the runs of agents, its
    statements in both orders, and its verdicts are held against the labels. Without, the readers of act lines, programs
    and agents' calls are measured.

    \b
    Examples:
      redgreen calibrate
      redgreen calibrate --grader openai/gpt-5-mini --repeats 3
      redgreen calibrate --grader embedded/qwen2.5-coder-0.5b --limit 8
    """
    from redgreenbench.reports.certificates import certificate_path
    from redgreenbench.scorers.calibration.dialogues import load_dialogues
    from redgreenbench.scorers.calibration.labels import SHIPPED, load_set
    from redgreenbench.scorers.calibration.pairs import load_pairs
    from redgreenbench.scorers.calibration.transcripts import labelled_runs

    if not grader:
        if folder is not None:
            raise InputError("--set holds answers for a grader to judge; name one with --grader")
        _print_reader_agreement(as_json)
        return
    # There is nothing to ask about an empty answer.
    spoken = [answer for answer in load_set(folder or SHIPPED) if answer.text.strip()]
    answers = (*spoken, *load_dialogues(), *labelled_runs())
    chosen = _balanced_sample(answers, limit) if limit else answers
    record = _certify(grader, chosen, load_pairs()[:limit], repeats, log_dir, len(answers))
    path = output or certificate_path("+".join(grader))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    if as_json:
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    _print_certificate(record)
    click.echo(f"certificate: {path}")


def _balanced_sample(answers: Sequence[LabelledAnswer], limit: int) -> tuple[LabelledAnswer, ...]:
    """``limit`` answers, styles in turn and scenarios in turn within a style, so that none is left out for long."""
    by_style: dict[str, list[LabelledAnswer]] = {}
    for index, answer in enumerate(answers):
        by_style.setdefault(answer.style, []).insert(index % 2 * len(by_style.get(answer.style, ())), answer)
    chosen: list[LabelledAnswer] = []
    while len(chosen) < limit and any(by_style.values()):
        for style in sorted(by_style):
            if by_style[style] and len(chosen) < limit:
                chosen.append(by_style[style].pop(0))
    return tuple(chosen)


def _certify(
    graders: Sequence[str],
    answers: Sequence[LabelledAnswer],
    pairs: Sequence[LabelledPair],
    repeats: int,
    log_dir: Path,
    total: int,
) -> dict[str, Any]:
    from redgreenbench.scorers.calibration.certificate import GraderPass, certificate
    from redgreenbench.scorers.calibration.pairs import GradedPair, pairwise_record
    from redgreenbench.scorers.calibration.written_answers import verdicts, written_task
    from redgreenbench.scorers.pairwise import pairwise_task

    graded: list[GraderPass] = []
    date = ""
    for reverse, epochs in ((False, repeats), (True, 1)):
        task = written_task(answers, [verdicts(reverse)], "calibration-reverse" if reverse else "calibration")
        log = _run_graders(task, graders, epochs, log_dir)
        date = date or str(log.eval.created)
        for sample in log.samples or ():
            score = (sample.scores or {})["verdicts"]
            about = score.metadata or {}
            graded.append(
                GraderPass(
                    key=str(sample.id),
                    epoch=0 if reverse else sample.epoch,
                    verdicts=about.get("verdicts", {}),
                    excuses=about.get("excuses", ()),
                    failure="" if "verdicts" in about else str(score.explanation or score.reason),
                    attempts=about.get("attempts", 1),
                )
            )
    record = certificate("+".join(str(g) for g in graders), answers, graded, date, total)
    log = _run_graders(
        pairwise_task([pair.pair for pair in pairs], "calibration-pairs", fresh=True),
        graders,
        repeats,
        log_dir,
    )
    chosen = []
    for sample in log.samples or ():
        score = (sample.scores or {})["preference"]
        failure = str(score.explanation) if score.reason == "grader_failed" else ""
        better = score.answer if isinstance(score.value, dict) else None
        flip = bool((score.metadata or {}).get("flip"))
        chosen.append(GradedPair(str(sample.id), sample.epoch, better, flip, failure))
    return record | {"pairwise": pairwise_record(pairs, chosen)}


def _run_graders(task: Task, graders: Sequence[str], epochs: int, log_dir: Path) -> EvalLog:
    from inspect_ai import eval as run_eval

    (log,) = run_eval(
        task,
        model="none",
        model_roles={"grader": list(graders) if len(graders) > 1 else graders[0]},
        epochs=epochs,
        log_dir=str(log_dir),
    )
    if log.status != "success":
        error = log.error.message if log.error else "it was interrupted"
        raise click.ClickException(
            f"calibration did not finish: {error}; finished answers are in {log.location}"
        )
    return log


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.2f}"


def _print_certificate(record: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=f"{record['grader']}: {record['verdict']}", title_justify="left")
    for column in ("kind", "labels", "true", "decided", "accuracy", "precision", "recall", "kappa (95 %)"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind, measured in record["kinds"].items():
        interval = f"{_number(measured['kappa'])} ({_number(measured['kappa_low'])} to {_number(measured['kappa_high'])})"
        shares = [_number(measured[k]) for k in ("prevalence", "decided", "accuracy", "precision", "recall")]
        table.add_row(kind, str(measured["n"]), *shares, interval)
    console = wide_console()
    console.print(table)
    for name, value in record["measures"].items():
        console.print(f"{name.replace('_', ' ')}: {_number(value)}")
    for reason, count in record["failures"].items():
        console.print(f"{count} times: {reason}", markup=False)
    for reason in record["reasons"]:
        console.print(f"- {reason}", markup=False)
    pairwise = record["pairwise"]
    figures = ", ".join(
        f"{name.replace('_', ' ')} {_number(pairwise[name])}"
        for name in ("accuracy", "kappa", "decided", "wrong_way", "position")
    )
    console.print(f"comparing replies: {pairwise['verdict']} by {pairwise['n']} pairs ({figures})")
    for reason in pairwise["reasons"]:
        console.print(f"- {reason}", markup=False)


def _print_reader_agreement(as_json: bool) -> None:
    import anyio
    from rich.table import Table

    from redgreenbench.scorers.answer import Settings
    from redgreenbench.scorers.calibration import readers
    from redgreenbench.scorers.running import CannotRun

    readings = [*readers.act_readings(), *readers.program_readings()]
    not_run = ""
    try:
        readings += anyio.run(readers.verdict_readings, readers.load_programs(), Settings().runner)
    except CannotRun as error:
        not_run = f"programs were not run: {error}"
    readings += readers.method_readings()
    grouped = readers.by_reader(readings)
    apart = [reading for reading in readings if not reading.agrees]
    if as_json:
        record: dict[str, Any] = {"schema": 2, "readers": {}, "disagreements": [asdict(r) for r in apart]}
        for name, of in grouped.items():
            record["readers"][name] = {"cases": len(of), "agree": sum(reading.agrees for reading in of)}
        click.echo(json.dumps(record | {"not_run": not_run or None}, indent=2, ensure_ascii=False))
        return
    table = Table(title="Exact readers against labelled cases", title_justify="left")
    for column in ("reader", "cases", "agree", "share"):
        table.add_column(column, justify="left" if column == "reader" else "right")
    for name, of in grouped.items():
        agree = sum(reading.agrees for reading in of)
        table.add_row(name, str(len(of)), str(agree), f"{agree / len(of):.3f}")
    wide_console().print(table)
    for r in apart:
        note = f" ({r.note})" if r.note else ""
        click.echo(f"{r.reader} {r.case}: labelled {r.label}, read {r.read}{note}")
    if not_run:
        click.echo(not_run)


@click.command("score-text")
@click.argument("scenario")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--pressure", default="none", show_default=True, help="The pressure that the answer was given under."
)
@click.option("--grader", "-g", multiple=True, type=MODEL, help="Model that grades the answer; several vote.")
@click.option(
    "--run/--no-run", "execute", default=True, show_default=True, help="Whether a program in it is executed."
)
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def score_text(
    scenario: str, file: Path, pressure: str, grader: tuple[str, ...], execute: bool, as_json: bool
) -> None:
    """Score a written answer FILE (- for standard input) to SCENARIO with every scorer that applies.

    \b
    Examples:
      redgreen score-text loss-goes-to-nan answer.md
      redgreen score-text shape-mismatch answer.md --grader openai/gpt-5-mini --json
    """
    from redgreenbench.evals.catalogue import load_scenarios, select
    from redgreenbench.evals.pressures import applies, select_pressures

    text = sys.stdin.read() if str(file) == "-" else _read_text(file)
    named = select(load_scenarios(), [scenario])
    if len(named) > 1:
        raise InputError(
            f"'{scenario}' names {len(named)} scenarios ({', '.join(s.id for s in named)}); give one id"
        )
    posed = named[0]
    if posed.file.split == "private":
        raise InputError(f"{posed.id} is private, and nothing of it is shown; score a whole run instead")
    (asked,) = select_pressures([pressure])
    if not applies(asked, posed.file):
        raise InputError(
            f"the pressure {asked} does not apply to {posed.id}; `redgreen show {posed.id}` shows it"
        )
    scores = _score_answer(posed, asked, text, grader, execute)
    if as_json:
        record = {
            "scenario": posed.id,
            "pressure": asked,
            "graders": list(grader),
            "scores": {
                name: {
                    "value": _json_value(score.value),
                    "unscored": str(score.reason) if score.reason else None,
                    "answer": score.answer,
                    "explanation": score.explanation,
                }
                for name, score in scores.items()
            },
        }
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    for name, score in scores.items():
        if isinstance(score.value, dict):
            shown = ", ".join(
                f"{k} {_number(v)}" for k, v in score.value.items() if v is not None and not math.isnan(v)
            )
        else:
            shown = "unscored"
        click.secho(f"{name}: {shown or 'does not apply'}", bold=True)
        if score.explanation and shown:
            click.echo("  " + score.explanation.replace("\n", "\n  "))


def _read_text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from None


def _json_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_value(v) for key, v in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _score_answer(
    scenario: Scenario, pressure: str, text: str, graders: Sequence[str], execute: bool
) -> dict[str, Score]:
    from inspect_ai import eval as run_eval

    from redgreenbench.scorers.calibration.labels import WrittenAnswer
    from redgreenbench.scorers.calibration.written_answers import written_task

    answer = WrittenAnswer(key="answer", scenario=scenario, pressure=pressure, text=text)
    roles: dict[str, Any] | None = None
    if graders:
        roles = {"grader": list(graders) if len(graders) > 1 else graders[0]}
    with tempfile.TemporaryDirectory() as folder:
        (log,) = run_eval(
            written_task([answer], _scorers(scenario, execute), "score-text"),
            model="none",
            model_roles=roles,
            log_dir=folder,
            display="none",
        )
        # Samples are read when they are asked for, which has to be before the folder goes.
        samples = list(log.samples or ())
    if log.status != "success":
        raise click.ClickException(f"scoring failed: {log.error.message if log.error else log.status}")
    return dict(samples[0].scores or {})


def _scorers(scenario: Scenario, execute: bool) -> list[Scorer]:
    from redgreenbench.scorers.act import act
    from redgreenbench.scorers.answer import Settings
    from redgreenbench.scorers.execution import execution
    from redgreenbench.scorers.fact import fact
    from redgreenbench.scorers.judged import judged
    from redgreenbench.scorers.tool_use import tool_use

    applies = {
        act: scenario.file.act is not None,
        fact: scenario.file.fact is not None,
        execution: bool(scenario.file.bug) and execute,
        tool_use: bool(scenario.file.bug),
        judged: True,
    }
    return [scorer(settings=Settings(exec_workers=1)) for scorer, fits in applies.items() if fits]
