"""`redgreen ci`: what the GitHub Action does, on any machine. Two versions of a skill are run, compared and judged.

Answers lie in ``DIR/runs``, in folders named after a skill's content and what was asked, so that whoever keeps that
folder pays for a version once: a base that was run before costs nothing, and neither does a head that became the base.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redgreenbench.cli.compare import EXIT_CODES, noise_bands, notes_of
from redgreenbench.cli.run import split_names, suite_options

if TYPE_CHECKING:
    from redgreenbench.cli.ci_outcome import CiResult, SkillChange
    from redgreenbench.cli.versions import Version, VersionAnswers
    from redgreenbench.reports.render.comment import About
    from redgreenbench.reports.rules import GateFile
    from redgreenbench.reports.usage import Usage

__all__ = ["ci"]

_COMMENT, _SUMMARY, _RESULT, _JUNIT = "comment.md", "summary.md", "result.json", "junit.xml"
_SUMMARY_LINES = 400
_DEFAULT_OUTPUT = Path("redgreen-ci")


@click.command()
@click.option(
    "--skill",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the skill, in a git repository.",
)
@click.option("--base", required=True, help="Git revision to compare with.")
@click.option("--head", help="Git revision to judge. Default: the working tree.")
@click.option("--gates", required=True, type=click.Path(path_type=Path), help="YAML file of declared gates.")
@suite_options
@click.option(
    "--aa",
    "noise",
    help="Logs with several epochs of the arm green: how far it differs from itself is noise.",
)
@click.option("--force", is_flag=True, help="Judge unlike logs too; the comment says in what they differ.")
@click.option(
    "--max-minutes",
    type=click.FloatRange(0, min_open=True),
    help="Stop asking after this time; what is finished is kept, the outcome is INCONCLUSIVE.",
)
@click.option("--plan", is_flag=True, help="Say what would be asked, and ask nothing.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=_DEFAULT_OUTPUT,
    show_default=True,
    help="Folder for logs, comment and results.",
)
@click.option(
    "--step-summary", type=click.Path(path_type=Path), help="Append the summary here, for GitHub Actions."
)
@click.option(
    "--github-output", type=click.Path(path_type=Path), help="Append outputs here, for GitHub Actions."
)
@click.option("--json", "as_json", is_flag=True, help="Print result.json.")
def ci(
    skill: Path,
    base: str,
    head: str | None,
    gates: Path,
    model: str,
    tasks: str,
    scenarios: str,
    pressure: str,
    epochs: int,
    limit: int | None,
    graders: tuple[str, ...],
    self_grade: bool,
    parameters: tuple[str, ...],
    noise: str | None,
    force: bool,
    max_minutes: float | None,
    plan: bool,
    output: Path,
    step_summary: Path | None,
    github_output: Path | None,
    as_json: bool,
) -> None:
    """Run a skill at two revisions, compare, and judge by gates: what the GitHub Action does.

    Writes comment.md, summary.md, result.json and junit.xml. A skill that is new at the head is compared with no skill.
    Exit code 0 PASS or skipped (the skill did not change or is gone), 1 BLOCK, 2 INCONCLUSIVE (or bad input).

    \b
    Examples:
      redgreen ci --skill skills/my-skill --base main --gates gates.yaml --model openai/gpt-5 --epochs 3
      redgreen ci --skill skills/my-skill --base v1 --head v2 --gates gates.yaml --model openai/gpt-5 --plan
    """
    from redgreenbench.cli import ci_outcome
    from redgreenbench.cli.versions import SuiteOptions, TimeBudget, version_at
    from redgreenbench.evals.errors import InputError
    from redgreenbench.reports.rules import read_gates

    if not plan:
        _prepare(output)
    file = read_gates(gates)
    old, new = version_at(skill, base), version_at(skill, head)
    if old.skill is None and new.skill is None:
        raise InputError(
            f"skill {skill}: no SKILL.md in it, neither at {old.ref} nor at the head; check the path"
        )
    asked = SuiteOptions(
        model=model,
        tasks=tuple(split_names(tasks)),
        pressure=tuple(split_names(pressure)),
        scenarios=tuple(split_names(scenarios)),
        epochs=epochs,
        limit=limit,
        graders=graders,
        self_grade=self_grade,
        parameters=parameters,
    )
    case = ci_outcome.SkillChange(skill, old, new, asked, output)
    command = _command(case, gates, noise, force)
    result = ci_outcome.plan_runs(case)
    bands = noise_bands(noise, "green", epochs)
    for line in _golden_unasked(file, result):
        click.echo(f"redgreen: {line}", err=True)
    if not plan:
        if result.outcome == ci_outcome.PLANNED:
            budget = TimeBudget(max_minutes)
            result = ci_outcome.run_and_judge(case, result, file, bands, force, budget, as_json)
        _write_outputs(case, result, bands if noise else None, command)
        if step_summary:
            _append(step_summary, (output / _SUMMARY).read_text("utf-8"))
    if github_output:
        _append(github_output, "".join(f"{k}={v}\n" for k, v in _outputs(case, result).items()))
    if as_json:
        click.echo(json.dumps(_record(case, result, command), indent=2, ensure_ascii=False))
    else:
        _print_result(case, result)
    sys.exit({ci_outcome.SKIPPED: 0, ci_outcome.PLANNED: 0, **EXIT_CODES}[result.outcome])


def _command(case: SkillChange, gates: Path, noise: str | None, force: bool) -> str:
    """The command that does it again; where the head is a commit, for that commit, whatever happens to the folder."""
    asked = case.asked
    given: list[tuple[str, str]] = [
        ("--skill", str(case.folder)),
        ("--base", case.old.commit[:12]),
        ("--head", case.new.commit[:12]),
        ("--gates", str(gates)),
        ("--model", asked.model),
        ("--tasks", ",".join(asked.tasks)),
        ("--scenarios", ",".join(asked.scenarios)),
        ("--pressure", ",".join(asked.pressure)),
        ("--epochs", str(asked.epochs)),
        ("--limit", str(asked.limit or "")),
        *(("--grader", grader) for grader in asked.graders),
        *(("-T", parameter) for parameter in asked.parameters),
        ("--aa", noise or ""),
        ("--output", "" if case.output == _DEFAULT_OUTPUT else str(case.output)),
    ]
    parts = [part for name, value in given if value for part in (name, shlex.quote(value))]
    flags = [name for name, on in (("--self-grade", asked.self_grade), ("--force", force)) if on]
    return " ".join(["redgreen ci", *parts, *flags])


def _prepare(output: Path) -> None:
    """Makes the folder and takes away what an earlier call said, which must not be read as this one's."""
    from redgreenbench.evals.errors import InputError

    try:
        output.mkdir(parents=True, exist_ok=True)
        for name in (_COMMENT, _SUMMARY, _RESULT, _JUNIT):
            (output / name).unlink(missing_ok=True)
    except OSError as exc:
        raise InputError(
            f"cannot write to {output} ({exc.strerror or exc}); choose another folder with --output"
        ) from exc


def _append(path: Path, text: str) -> None:
    from redgreenbench.evals.errors import InputError

    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as exc:
        raise InputError(f"cannot append to {path} ({exc.strerror or exc}); give another file") from exc


def _write_outputs(
    case: SkillChange, result: CiResult, bands: Mapping[tuple[str, str], float] | None, command: str
) -> None:
    """Writes comment, summary, JSON and JUnit XML."""
    from redgreenbench.reports.render import comment

    about = _comment_facts(case, result, bands)
    if result.sides is None:
        text = summary = comment.as_notice(about, command)
    else:
        assert result.frame is not None
        shown = (result.sides, result.frame, result.gates, notes_of(result.tables), command, about)
        text, summary = comment.as_markdown(*shown), comment.as_markdown(*shown, most=_SUMMARY_LINES)
    record = json.dumps(_record(case, result, command), indent=2, ensure_ascii=False)
    (case.output / _COMMENT).write_text(text, "utf-8")
    # The mark of the comment is HTML, and nobody looks for it in a summary.
    (case.output / _SUMMARY).write_text(summary.partition("\n")[2], "utf-8")
    (case.output / _RESULT).write_text(record + "\n", "utf-8")
    (case.output / _JUNIT).write_text(comment.as_junit(result.gates, result.reasons), "utf-8")


def _comment_facts(
    case: SkillChange, result: CiResult, bands: Mapping[tuple[str, str], float] | None
) -> About:
    from redgreenbench.reports.render.comment import About, marker_of

    return About(
        marker_of(str(case.folder)),
        str(case.folder),
        result.outcome,
        result.reasons,
        tuple(_facts(case, result)),
        tuple(_validity(result, bands)),
        tuple(_cost(result)),
    )


def _golden_unasked(file: GateFile, result: CiResult) -> Iterator[str]:
    """Golden scenarios that the run does not pose, so that their gates cannot pass, a line a gate."""
    if result.head is None:
        return
    posed = {(sample.metadata or {}).get("scenario") for task in result.head.tasks for sample in task.dataset}
    for gate in file.gates:
        if unasked := [name for name in gate.golden if name not in posed]:
            yield f"{gate.metric}: cannot pass, as these golden scenarios are not asked: {', '.join(unasked)}"


def _facts(case: SkillChange, result: CiResult) -> list[str]:
    """What was compared and how, a line each."""
    from redgreenbench.evals.vocabulary import SUITE_VERSION

    facts = [f"base {case.old.label} → head {case.new.label}"]
    if case.old.skill is None:
        facts.append(
            "the skill is new: the head's answers with it are compared with answers without any (arm red)"
        )
    if result.head is None:
        return facts
    ids = [str(sample.id).rsplit("/", 2) for task in result.head.tasks for sample in task.dataset]
    scenarios, pressures = len({parts[0] for parts in ids}), sorted({parts[1] for parts in ids})
    epochs = case.asked.epochs
    facts.append(
        f"model {case.asked.model}; tasks {', '.join(_tasks(result))}; {scenarios} scenarios; "
        f"pressure {', '.join(pressures)}; {epochs} epoch{'s' if epochs > 1 else ''}; "
        f"graders {', '.join(case.asked.graders) or 'none'}; suite version {SUITE_VERSION}"
    )
    return facts


def _tasks(result: CiResult) -> list[str]:
    return [str(task.name).rpartition("/")[2] for task in result.head.tasks] if result.head else []


def _validity(result: CiResult, bands: Mapping[tuple[str, str], float] | None) -> list[str]:
    """What a reader must know before believing the numbers, a line each."""
    from redgreenbench.reports.metrics import load_metrics
    from redgreenbench.reports.words import band, level

    if result.sides is None or result.base is None or result.head is None:
        return []
    told = []
    gated = {gate.gate.metric for gate in result.gates}
    lost = [estimate for gate in result.gates for estimate in (gate.base, gate.head) if estimate.lost]
    for estimate in dict.fromkeys(lost):
        told.append(
            f"{estimate.described.title}: {level(estimate.missing)} of the {estimate.arm}'s values are missing"
        )
    if not lost:
        told.append("no value of a gated metric is missing")
    rows = result.sides.rows
    own = {side: set(rows.loc[rows["arm"] == side, "scenario"]) for side in ("base", "head")}
    if own["base"] ^ own["head"]:
        told.append(f"{len(own['base'] ^ own['head'])} scenarios are on one side only and are not compared")
    for who, answers, table in zip(("base", "head"), (result.base, result.head), result.tables, strict=False):
        if answers.reused:
            days = sorted({info.created[:10] for info in table.provenance})
            told.append(f"the {who} was not asked again: its answers are of {' and '.join(days)}")
    if bands is not None:
        known = [(load_metrics()[m], b) for (_, m), b in bands.items() if m in gated]
        shown = [f"{metric.title} {band(b, metric.scale)}" for metric, b in known]
        told.append(
            f"noise, the same version against itself: {', '.join(shown) or 'no gated metric varied in those logs'}"
        )
    return told


def _cost(result: CiResult) -> list[tuple[str, Usage]]:
    """Tokens of base and head; of a new skill both arms are in one run."""
    from redgreenbench.reports.usage import usage_of

    if result.base is None or not result.tables:
        return []
    if result.base is result.head:
        return [("base and head", usage_of(result.tables[0].logs))]
    if len(result.tables) < 2:
        return []
    sides = zip(("base", "head"), (result.base, result.head), result.tables, strict=True)
    return [
        (who + (" (earlier run)" if answers and answers.reused else ""), usage_of(table.logs))
        for who, answers, table in sides
    ]


def _record(case: SkillChange, result: CiResult, command: str) -> dict[str, Any]:
    """All of it as JSON data; the content of result.json."""
    from redgreenbench.evals.vocabulary import SUITE_VERSION
    from redgreenbench.reports.render import comment

    compared = None
    if result.sides is not None and result.frame is not None:
        notes = notes_of(result.tables)
        compared = comment.as_json(result.sides, result.frame, result.gates, notes)
    usage = [asdict(spent) for _, spent in _cost(result)]
    usage = usage * 2 if result.base is result.head else usage
    return {
        "outcome": result.outcome,
        "reasons": list(result.reasons),
        "skill": str(case.folder),
        "suite": SUITE_VERSION,
        "model": case.asked.model,
        "graders": list(case.asked.graders),
        "tasks": _tasks(result) or list(case.asked.tasks),
        "epochs": case.asked.epochs,
        "base": _version(case, case.old, result.base, case.arms[0], usage[0] if usage else None),
        "head": _version(case, case.new, result.head, case.arms[1], usage[1] if usage else None),
        "comparison": compared,
        "command": command,
    }


def _version(
    case: SkillChange,
    version: Version,
    answers: VersionAnswers | None,
    arm: str,
    usage: dict[str, int] | None,
) -> dict[str, Any]:
    return {
        "ref": version.ref or None,
        "commit": version.commit or None,
        "name": version.skill.name if version.skill else None,
        "hash": version.hash or None,
        "arm": arm if answers else None,
        "planned": answers.samples(arm) * case.asked.epochs if answers else 0,
        "reused": bool(answers and answers.reused),
        "logs": answers.logs if answers else None,
        "usage": usage,
    }


def _outputs(case: SkillChange, result: CiResult) -> dict[str, str]:
    """What later steps of a workflow need; each value is one line."""
    from redgreenbench.cli.ci_outcome import PLANNED
    from redgreenbench.cli.versions import slug
    from redgreenbench.evals.vocabulary import SUITE_VERSION

    sides = (result.base, result.head)
    to_ask = result.outcome == PLANNED and any(side and not side.reused for side in sides)
    # What a cache is found by: all answers of this base from this model. The head is added where it is saved.
    key = (
        "redgreen",
        SUITE_VERSION,
        slug(case.asked.model),
        slug(case.folder.name),
        case.old.hash[:12] or "new",
    )
    return {
        "outcome": result.outcome,
        "comment": " ".join(str(case.output / _COMMENT).split()),
        "base-hash": case.old.hash,
        "head-hash": case.new.hash,
        "cache-key": "-".join(key),
        "name": slug(str(case.folder)),
        "to-ask": str(to_ask).lower(),
    }


def _print_result(case: SkillChange, result: CiResult) -> None:
    """Prints what was found; what spoils it goes to standard error."""
    from redgreenbench.cli.ci_outcome import PLANNED

    for fact in _facts(case, result):
        click.echo(fact)
    for gate in result.gates:
        click.echo(f"{gate.outcome:12} {gate.gate.metric} ({gate.model}): {gate.why}")
    notes = notes_of(result.tables)
    for note in (
        *result.reasons,
        *(map(str, result.sides.compliance) if result.sides else ()),
        *(f"they differ: {d}" for d in (result.sides.differs if result.sides else ())),
        *notes,
    ):
        click.echo(f"note: {note}", err=True)
    if result.outcome == PLANNED:
        for who, side, arm in zip(("base", "head"), (result.base, result.head), case.arms, strict=True):
            if side:
                said = "are there from an earlier run" if side.reused else "would be asked for"
                click.echo(f"{who}: {side.samples(arm) * case.asked.epochs} answers {said}")
        return
    click.echo(f"comment: {case.output / _COMMENT}")
    click.secho(result.outcome, bold=True)
