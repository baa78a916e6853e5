"""`redgreen import` and `redgreen export`: evaluations of Agent Skills, and results in the formats of others."""

from __future__ import annotations

import json
import os
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

    from redgreenbench.evals.catalogue import Scenario

__all__ = ["export", "import_"]

_SECTION = "evals.json"
_CONFIGURATIONS = {"red": "without_skill", "green": "with_skill"}


@click.command("import")
@click.argument("evals", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the new pack; its name is the pack's. Default: <skill_name>-evals, here.",
)
def import_(evals: Path, into: Path | None) -> None:
    """Make a pack of your own out of EVALS, an evals.json of Agent Skills.

    Prompts become scenarios, expectations statements that a grader judges, and text files stand in the prompt. What no
    prompt can show stays a draft.

    \b
    Examples:
      redgreen import skills/pdf/evals/evals.json
      redgreen run --model openai/gpt-5 --grader MODEL --scenarios ./pdf-evals --skill ./skills/pdf
    """
    from pydantic import BaseModel, ConfigDict, Field

    from redgreenbench.cli.new import scenarios_argument, write_pack, yaml_text
    from redgreenbench.evals.arms import prompt_template
    from redgreenbench.evals.catalogue import PACK_FILE, validate
    from redgreenbench.evals.errors import InputError

    class One(BaseModel):
        model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

        id: str
        prompt: str = Field(min_length=10)
        expected_output: str = ""
        files: list[str] = []
        expectations: list[str] = []
        assertions: list[str] = []

    class File(BaseModel):
        model_config = ConfigDict(extra="ignore")

        skill_name: str
        evals: list[One] = Field(min_length=1)

    try:
        data = json.loads(evals.read_text("utf-8-sig"))
        json.dumps(data, ensure_ascii=False).encode()  # half a character, such as \ud800, is no text
    except (OSError, ValueError, RecursionError) as exc:
        raise InputError(f"{evals}: no JSON ({str(exc).splitlines()[0]}); correct it") from exc
    given = validate(File, data, evals)
    root = evals.resolve().parent
    root = root.parent if root.name == "evals" else root
    about = {
        "summary": f"Evaluations of {given.skill_name}",
        "skill": given.skill_name,
        "opening": prompt_template("opening"),
        "instruments": ["route"],
    }
    files = {PACK_FILE: yaml_text(about)}
    for case in given.evals:
        wanted = (
            case.expectations or case.assertions or ([case.expected_output] if case.expected_output else [])
        )
        if not wanted:
            raise InputError(f"{evals}: eval {case.id}: nothing is expected of it; give `expectations`")
        shown, lacking = _texts(root, case.files)
        scenario: dict[str, Any] = {
            "title": f"Eval {case.id}",
            "source": {"document": "own", "section": _SECTION},
            "prompt": case.prompt,
            "files": shown,
            "rubric": [
                {
                    "id": f"expectation-{n}",
                    "statement": _statement(text),
                    "kind": "outcome",
                    "section": _SECTION,
                }
                for n, text in enumerate(wanted, 1)
            ],
        }
        if lacking:
            scenario["draft"] = True
            click.echo(
                f"eval {case.id} stays a draft: {', '.join(f'{p} {why}' for p, why in lacking.items())}",
                err=True,
            )
        path = f"scenarios/{_slug(f'eval-{case.id}')}.yaml"
        if path in files:
            raise InputError(f"{evals}: two evals would be {path}; give each an id of its own in ASCII")
        files[path] = yaml_text({key: value for key, value in scenario.items() if value})
    target = into or Path(_slug(f"{given.skill_name}-evals"))
    write_pack(target, files)
    click.echo(f"made {target} with {len(given.evals)} scenarios; its statements need a grader:")
    click.echo(
        f"  redgreen run --model MODEL --grader MODEL --scenarios {scenarios_argument(target)} --skill {root}"
    )


def _texts(root: Path, paths: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Files as texts by their paths, and why the others cannot stand in a prompt."""
    shown, lacking = {}, {}
    for path in paths:
        try:
            # realpath: resolve() raises at a link that leads to itself.
            file = Path(os.path.realpath(root / path))
            if not file.is_relative_to(root):
                lacking[path] = "lies outside of the skill's folder"
                continue
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            lacking[path] = "is no text, which a prompt can show"
        except (OSError, ValueError):
            lacking[path] = "is no file there"
        else:
            shown[Path(os.path.relpath(root / path, root)).as_posix()] = text
    return shown, lacking


def _slug(text: str) -> str:
    """Small words joined by hyphens."""
    return "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in text.lower()).split())


def _statement(text: str) -> str:
    # Shorter ones say too little for a grader: of what they hold is then said.
    return text if len(text) >= 15 else f"Of the answer it holds: {text}"


@click.group()
def export() -> None:
    """Write results of logs in the formats of others."""


def _logs_and_out(function: Any) -> Any:
    """LOGS and the folder OUT."""
    for argument in (
        click.argument("into", metavar="OUT", type=click.Path(path_type=Path, file_okay=False)),
        click.argument("logs", nargs=-1, required=True),
    ):
        function = argument(function)
    return function


@export.command("skill-evals")
@_logs_and_out
def skill_evals(logs: tuple[str, ...], into: Path) -> None:
    """Write the graded answers of LOGS to OUT as grading.json and benchmark.json of Agent Skills.

    Their two configurations are GREEN and RED without pressure; other arms and pressures are left out.

    \b
    Examples:
      redgreen export skill-evals results/openai-gpt-5-1a2b3c4d5e/logs benchmarks/first
    """
    from inspect_ai.log import list_eval_logs, read_eval_log

    from redgreenbench.evals.errors import InputError

    runs: list[dict[str, Any]] = []
    last: EvalLog | None = None
    for place in logs:
        for info in list_eval_logs(place) or ():
            log = read_eval_log(info)
            log_runs = list(_runs(log))
            runs += log_runs
            last = log if log_runs else last
    if last is None:
        raise InputError(
            f"{', '.join(logs)}: no graded answer of red or green without pressure; run with --grader, then export"
        )
    try:
        for run in runs:
            folder = (
                into
                / f"eval-{run['eval_name'].replace('/', '-')}"
                / run["configuration"]
                / f"run-{run['run_number']}"
            )
            folder.mkdir(parents=True, exist_ok=True)
            summary = {key: run["result"][key] for key in ("passed", "failed", "total", "pass_rate")}
            _write_json(folder / "grading.json", {"expectations": run["expectations"], "summary": summary})
        _write_json(into / "benchmark.json", _benchmark_summary(last, runs))
    except OSError as exc:
        raise InputError(f"cannot write to {into} ({exc.strerror or exc}); choose another OUT") from exc
    click.echo(f"wrote {into / 'benchmark.json'} and {len(runs)} grading.json")


@export.command("eee")
@_logs_and_out
@click.option("--organization", default="unknown", show_default=True, help="Who ran the evaluation.")
@click.option(
    "--relationship",
    type=click.Choice(["first_party", "third_party", "collaborative", "other"]),
    default="third_party",
    show_default=True,
    help="What they are to the maker of the model.",
)
def eee(logs: tuple[str, ...], into: Path, organization: str, relationship: str) -> None:
    """Write the estimates of LOGS to OUT as records of Every Eval Ever, one for each model.

    Each arm's mean of each metric is a result, and each arm's difference to RED.

    \b
    Examples:
      redgreen export eee results every-eval-ever --organization "Example Lab"
    """
    from redgreenbench.reports.logs.table import load
    from redgreenbench.reports.published import every_eval_records

    for record in every_eval_records(load(logs), organization, relationship):
        text = json.dumps(record.data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        _write_text(into, record.path, text)


@export.command("hub-results")
@_logs_and_out
@click.option("--dataset", required=True, help="The benchmark's data set on the Hub, OWNER/NAME.")
@click.option("--source", help="Address of what the results come from, such as a leaderboard.")
def hub_results(logs: tuple[str, ...], into: Path, dataset: str, source: str | None) -> None:
    """Write the decision accuracy in LOGS to OUT as .eval_results/*.yaml, for repositories of models on the Hub.

    \b
    Examples:
      redgreen export hub-results results hub --dataset example/redgreenbench
    """
    import yaml

    from redgreenbench.reports.logs.table import load
    from redgreenbench.reports.published import hub_results as results_of

    for file in results_of(load(logs), dataset, source):
        _write_text(
            into, file.path, yaml.safe_dump(file.data, sort_keys=False, allow_unicode=True, width=1000)
        )


def _write_text(into: Path, path: str, text: str) -> None:
    from redgreenbench.evals.errors import InputError

    target = into / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    except OSError as exc:
        raise InputError(f"cannot write to {into} ({exc.strerror or exc}); choose another OUT") from exc
    click.echo(f"wrote {target}")


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _runs(log: EvalLog) -> Iterator[dict[str, Any]]:
    from redgreenbench.evals.errors import InputError
    from redgreenbench.evals.samples import is_external, scenarios_by_id
    from redgreenbench.tasks.parameters import names

    folders = [name for name in names((log.eval.task_args or {}).get("scenarios")) if is_external(name)]
    known = scenarios_by_id(folders)
    ids = {
        name: n
        for n, name in enumerate(
            sorted({(s.metadata or {}).get("scenario", "") for s in log.samples or ()}), 1
        )
    }
    for sample in log.samples or ():
        about = sample.metadata or {}
        if about.get("arm") not in _CONFIGURATIONS or about.get("pressure") != "none":
            continue
        try:
            scenario = known[about["scenario"]]
        except KeyError:
            raise InputError(
                f"{log.location}: its scenario {about['scenario']} is not found; call this where the run was started, with "
                "the scenarios that it posed"
            ) from None
        verdicts = list(_verdicts(sample, scenario))
        if not verdicts:
            continue
        passed = sum(verdict["passed"] for verdict in verdicts)
        usage = sample.model_usage.values()
        yield {
            "eval_id": ids[about["scenario"]],
            "eval_name": about["scenario"],
            "configuration": _CONFIGURATIONS[about["arm"]],
            "run_number": sample.epoch,
            "result": {
                "pass_rate": passed / len(verdicts),
                "passed": passed,
                "failed": len(verdicts) - passed,
                "total": len(verdicts),
                "time_seconds": sample.working_time or 0.0,
                "tokens": sum(usage_of_model.total_tokens for usage_of_model in usage),
                "tool_calls": sum(len(getattr(m, "tool_calls", None) or ()) for m in sample.messages),
                "errors": int(sample.error is not None) + len(sample.error_retries or ()),
            },
            "expectations": verdicts,
            "notes": [],
        }


def _verdicts(sample: EvalSample, scenario: Scenario) -> Iterator[dict[str, Any]]:
    score = next(
        (s for name, s in (sample.scores or {}).items() if name.rpartition("/")[2] == "judged"), None
    )
    statements = ((score.metadata or {}) if score else {}).get("statements") or {}
    for criterion in scenario.file.rubric:
        said = statements.get(f"criterion:{criterion.id}")
        # What the graders could not decide is neither passed nor failed.
        if said and said["holds"] is not None:
            yield {
                "text": criterion.statement
                if criterion.polarity == "must"
                else f"Not: {criterion.statement}",
                "passed": said["holds"] == (criterion.polarity == "must"),
                "evidence": said["quote"] or said["reason"] or "",
            }


def _benchmark_summary(log: EvalLog, runs: list[dict[str, Any]]) -> dict[str, Any]:
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        for key in ("pass_rate", "time_seconds", "tokens"):
            values[run["configuration"]][key].append(run["result"][key])
    summary: dict[str, Any] = {
        configuration: {key: _summary_statistics(numbers) for key, numbers in by_key.items()}
        for configuration, by_key in values.items()
    }
    if len(values) == 2:
        summary["delta"] = {
            key: f"{summary['with_skill'][key]['mean'] - summary['without_skill'][key]['mean']:+.2f}"
            for key in ("pass_rate", "time_seconds", "tokens")
        }
    graders = log.eval.model_roles or {}
    return {
        "metadata": {
            "skill_name": next(
                (s.metadata["skill"] for s in log.samples or () if s.metadata.get("skill")), ""
            ),
            "executor_model": log.eval.model,
            "analyzer_model": str(getattr(graders.get("grader"), "model", "")),
            "timestamp": log.eval.created,
            "evals_run": sorted({run["eval_name"] for run in runs}),
            "runs_per_configuration": max(run["run_number"] for run in runs),
        },
        "runs": runs,
        "run_summary": summary,
        "notes": [],
    }


def _summary_statistics(values: list[float]) -> dict[str, float]:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "stddev": deviation, "min": min(values), "max": max(values)}
