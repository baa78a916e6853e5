"""`redgreen run`: a thin layer over inspect's `eval_set`, then the report.

The results of one configuration lie in one folder whose name follows from the configuration, so the same
command resumes an interrupted run, and a changed skill starts a new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redgreenbench.cli.models import MODEL

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.model import Model

    from redgreenbench.evals.sharding import Shard

__all__ = [
    "build_tasks",
    "default_tasks",
    "is_finished",
    "model_options",
    "run",
    "run_folder",
    "run_tasks",
    "split_names",
    "suite_options",
    "usable_model",
]

_TASKS = ("decision", "routing", "debugging", "scheduling", "pressure")
_EXECUTING = ("debugging", "scheduling")
_EVERY_PACK = ("decision", "pressure")
_OPTIONS = ("skill", "arms", "pressure", "scenarios", "bugs", "self_grade")


def split_names(value: str) -> list[str]:
    """The names in an option that takes several, separated by commas."""
    return [part.strip() for part in value.split(",") if part.strip()]


def build_tasks(
    tasks: Sequence[str],
    skill: str,
    arms: Sequence[str],
    pressure: Sequence[str],
    scenarios: Sequence[str],
    limit: int | None,
    bugs: Sequence[str] = (),
    self_grade: bool = False,
    parameters: Sequence[str] = (),
) -> list[Task]:
    """Builds the tasks of a run.

    Args:
        tasks: Their names.
        skill: The skill under test, or several, separated by commas.
        arms: Arms.
        pressure: Pressures; none: each task's own default.
        scenarios: Ids, globs, packs, tags or folders; none: all.
        limit: Only this many scenarios a task, the first by id of every pack in turn, controls after all others.
        bugs: Only scenarios that pose these reference bugs, in the tasks that execute fixes; ``all``: that pose any.
        self_grade: Whether the model under test grades itself where no grader is bound.
        parameters: Further parameters of tasks, ``name=value`` each; those for programs only go to tasks that pose some.

    Raises:
        InputError: A task is unknown, or its arguments cannot be used.
    """
    import importlib

    from redgreenbench.evals.catalogue import load_packs
    from redgreenbench.evals.errors import InputError, unknown_name
    from redgreenbench.evals.samples import find_scenarios, is_external
    from redgreenbench.reference_bugs.folder import bug_names
    from redgreenbench.tasks.assemble import packs_of
    from redgreenbench.tasks.parameters import OF_PROGRAMS, names

    built = []
    further = _parameters(parameters)
    taken: set[str] = set()
    for name in tasks:
        if name not in _TASKS:
            raise unknown_name("task", name, _TASKS, "redgreen run --help")
        chosen = list(scenarios)
        arguments: dict[str, Any] = {"skill": skill, "arms": ",".join(arms)}
        if self_grade:
            arguments["self_grade"] = True
        if pressure:
            arguments["pressure"] = ",".join(pressure)
        task = None if name in _EVERY_PACK else name
        given = any(map(is_external, scenarios))
        fitting = find_scenarios(scenarios, task, () if given else packs_of(names(skill), task))
        posed = [s for s in fitting if load_packs()[s.pack].task and (name != "decision" or s.file.decision)]
        if bugs:
            asked = [s.file.bug for s in posed if s.file.bug and ("all" in bugs or s.file.bug in bugs)]
            if name not in _EXECUTING or not asked:
                continue  # a task that poses none of them
            posed = [s for s in posed if s.file.bug in asked][:limit]
            arguments["bugs"] = ",".join(dict.fromkeys(s.file.bug or "" for s in posed))
        elif limit is not None:
            controls_last = sorted(posed, key=lambda s: s.file.control is not None)
            if posed:  # else the task says that it poses none of them
                chosen = [*filter(is_external, scenarios), *(s.id for s in controls_last[:limit])]
        if chosen:
            arguments["scenarios"] = ",".join(chosen)
        door = getattr(importlib.import_module(f"redgreenbench.tasks.{name}"), name)
        own = {k: v for k, v in further.items() if name in _EXECUTING or k not in OF_PROGRAMS}
        taken |= set(own)
        built.append(door(**arguments, **own))
    for key in further:
        if key not in taken:
            raise InputError(
                f"-T {key}=: {' and '.join(tasks)} pose no programs, which it is for; see docs/command-line.md"
            )
    if bugs and not built:
        raise unknown_name("bug", bugs[0], bug_names(), "redgreen list bugs")
    return built


def _parameters(given: Sequence[str]) -> dict[str, Any]:
    """Parameters of tasks from ``name=value``, values read as YAML, as inspect's -T does."""
    import yaml

    from redgreenbench.evals.errors import InputError

    parameters: dict[str, Any] = {}
    for assignment in given:
        name, sign, value = assignment.partition("=")
        if not sign or not name.isidentifier():
            raise InputError(f"-T {assignment}: give it as name=value, such as -T delivery=tool")
        if name in _OPTIONS:
            raise InputError(f"-T {assignment}: there is an option for it; use --{name.replace('_', '-')}")
        parameters[name] = yaml.safe_load(value)
    return parameters


def _run_notes(
    tasks: Sequence[Task], graders: Sequence[str], self_grade: bool, parameters: Sequence[str]
) -> Iterator[str]:
    """What must be known of a run before it begins: which numbers it cannot give, and behind which walls programs run."""
    from redgreenbench.reference_bugs.engine.host import choose_mode, detect_isolation

    if not graders and not self_grade:
        yield (
            "no grader: what only a grader can judge (criteria, root cause named, failure patterns, holding under pressure, "
            "excuses) is absent; add --grader"
        )
    executed = any((sample.metadata or {}).get("bug") for task in tasks for sample in task.dataset)
    if not executed or any(
        parameter.startswith(("exec_sandbox=", "execution=later")) for parameter in parameters
    ):
        return
    try:
        mode = choose_mode()
    except ValueError as exc:
        yield f"programs are not executed here and stay unscored: {exc}"
        return
    if mode == "landlock":
        yield f"programs run behind the inner wall alone (Landlock, seccomp): {detect_isolation().bubblewrap}"
    elif mode == "unsafe":
        yield "programs run behind no wall, with all rights of this user"


def default_tasks(skill: str, scenarios: Sequence[str] = ()) -> list[str]:
    """Decisions and the tasks of the packs that a skill belongs to; all but the pressure run if it says nothing.

    Folders among the scenarios decide before the skill: the tasks are those that pose something of what is in them.

    Raises:
        InputError: The skill cannot be read.
    """
    from redgreenbench.evals.catalogue import load_packs
    from redgreenbench.evals.samples import find_scenarios, is_external
    from redgreenbench.tasks.assemble import packs_of
    from redgreenbench.tasks.parameters import names

    if any(map(is_external, scenarios)):
        selected = find_scenarios(scenarios)
        posed = {
            load_packs()[s.pack].task for s in selected if _uses_instrument(s.pack, "route", "fix", "work")
        }
        decides = any(s.file.decision and _uses_instrument(s.pack, "decide") for s in selected)
        return [name for name in _TASKS if name in posed or (name == "decision" and decides)]
    own = {load_packs()[pack].task for pack in packs_of(names(skill), None)}
    return [name for name in _TASKS if name != "pressure" and (name == "decision" or not own or name in own)]


def _uses_instrument(pack: str, *instruments: str) -> bool:
    """Whether one of the instruments is used on a pack; a user's own pack says which, the shipped ones take all."""
    from redgreenbench.evals.catalogue import own_pack

    own = own_pack(pack)
    return own is None or not {*instruments}.isdisjoint(own[1].instruments)


def run_folder(
    output: Path, model: str, tasks: Sequence[Task], epochs: int, graders: Sequence[str] = ()
) -> Path:
    """The folder of a configuration below ``output``: equal configurations share it, others never do."""
    parts = [model, str(epochs), *graders]
    for task in tasks:
        parts += [str(task.name), str(task.version), *(str(sample.id) for sample in task.dataset)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]
    return output / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', model)}-{digest}"


def is_finished(tasks: Sequence[Task], folder: Path, epochs: int) -> bool:
    """Whether a folder of `run_folder` already holds all answers of these tasks, so that nothing has to be asked.

    `eval_set` finds finished runs too, but by the tasks' arguments, among which is the git revision of a skill; here
    the contents decide. Versions of scenarios and skills are part of the task's version.

    Args:
        tasks: The tasks.
        folder: The folder.
        epochs: Times every sample is asked.
    """
    from inspect_ai.log import list_eval_logs, read_eval_log

    logs = folder / "logs"
    if not logs.is_dir():
        return False
    done = set()
    for info in list_eval_logs(str(logs), formats=["eval"]):
        try:
            header = read_eval_log(info, header_only=True)
        except Exception:  # a log that was cut off may fail anywhere inside the reader; it is no finished one
            continue
        results, asked = header.results, header.eval.dataset.sample_ids or []
        complete = (
            header.status == "success" and results and results.completed_samples == results.total_samples
        )
        if complete and (header.eval.config.epochs or 1) == epochs:
            done.add(
                (
                    _short_task_name(header.eval.task),
                    str(header.eval.task_version),
                    frozenset(map(str, asked)),
                )
            )
    return all(
        (_short_task_name(str(task.name)), str(task.version), frozenset(str(s.id) for s in task.dataset))
        in done
        for task in tasks
    )


def _short_task_name(task: str) -> str:
    """A task's name without its package; by path it has none."""
    return task.rpartition("/")[2]


def model_options(graders: Sequence[str], quiet: bool) -> dict[str, Any]:
    """What `run_tasks` is given beside tasks and model: the graders' role and the display."""
    options: dict[str, Any] = {"display": "none"} if quiet else {}
    if not quiet and not sys.stdout.isatty() and "INSPECT_DISPLAY" not in os.environ:
        options["display"] = "plain"  # lines of progress, where inspect would draw nothing
    if graders:
        options["model_roles"] = {"grader": list(graders) if len(graders) > 1 else graders[0]}
    return options


def shard_tasks(tasks: Sequence[Task], shard: Shard) -> list[Task]:
    """The tasks with a shard's samples only; tasks without any are left out. Their logs name the shard."""
    from copy import copy

    from redgreenbench.evals.sharding import Shard, share_of

    sharded = []
    for task in tasks:
        samples = list(task.dataset)
        shards = [
            {str(sample.id) for sample in share_of(samples, Shard(k, shard.of))}
            for k in range(1, shard.of + 1)
        ]
        mine = shards[shard.number - 1]
        if mine:
            about = {"shard": str(shard), "shard_samples": len(samples), "shards": sum(map(bool, shards))}
            task = copy(task)
            task.dataset = task.dataset.filter(lambda sample, mine=mine: str(sample.id) in mine)  # type: ignore[misc]
            task.metadata = {**(task.metadata or {}), **about}
            sharded.append(task)
    return sharded


def tasks_by_folder(
    tasks: Sequence[Task], logs: Path, shard: Shard | None
) -> Iterator[tuple[Sequence[Task], Path]]:
    """Which tasks run into which folder: all into one, or each task's shard into its own, as inspect lays them out."""
    if shard is None:
        yield tasks, logs
        return
    for task in tasks:
        yield [task], logs / f"{_short_task_name(str(task.name))}.shards" / str(shard.number)


def run_tasks(tasks: Sequence[Task], model: str | Model, logs: Path, epochs: int, **options: Any) -> int:
    """Runs the tasks into a folder of logs, reusing what is finished there.

    Returns:
        The exit code: 0 if all samples finished, 130 if the run was interrupted, else 1.

    Raises:
        InputError: The folder cannot be written.
    """
    from inspect_ai import eval_set

    from redgreenbench.evals.errors import InputError

    try:
        if "://" not in str(logs):  # a store has no folders; making one would make a bucket
            logs.mkdir(parents=True, exist_ok=True)
        probe = logs / ".writable"
        probe.write_text("x")
        probe.unlink()
    except OSError as exc:
        raise InputError(
            f"cannot write logs to {logs} ({exc.strerror or exc}); choose another folder with --output"
        ) from exc
    quiet = options.get("display") == "none"
    try:
        # Without a display inspect still prints notices, of hooks for one, and the output may have to be JSON alone.
        with redirect_stdout(sys.stderr) if quiet else nullcontext():
            success, done = eval_set(
                list(tasks),
                log_dir=str(logs),
                model=model,
                epochs=epochs,
                retry_attempts=0,
                retry_immediate=False,
                log_dir_allow_dirty=True,
                **options,
            )
    except OSError as exc:
        raise InputError(
            f"the run stopped: {exc.strerror or exc}; finished samples are in {logs}, the same command resumes"
        ) from exc
    # inspect may answer Ctrl-C with no log at all, and calls that a success.
    if len(done) < len(tasks) or any(log.status == "cancelled" for log in done):
        return 130
    return 0 if success else 1


def usable_model(model: str, fallback: str | None = None) -> str:
    """The model, or the fallback where an embedded model's weights cannot be had.

    Raises:
        InputError: They cannot be had, and there is no other fallback.
    """
    if not model.startswith("embedded/"):
        return model
    from redgreenbench.evals.embedded.progress import download_progress
    from redgreenbench.evals.embedded.weights import obtain
    from redgreenbench.evals.errors import InputError

    name = model.removeprefix("embedded/")
    try:
        with download_progress(name) as progress:
            obtain(name, progress)
        return model
    except InputError as exc:
        if fallback is None or fallback == model:
            raise
        click.echo(f"redgreen: {exc}", err=True)
        click.echo(
            f"redgreen: falling back to {fallback}; it proves that the pipeline works and nothing more",
            err=True,
        )
        return usable_model(fallback, None)


def suite_options(function: Any) -> Any:
    """The options of every command that runs the suite: the model and what it is asked."""
    for option in (
        click.option(
            "--self-grade",
            is_flag=True,
            help="Let the model grade itself without a grader; no evidence, and said so.",
        ),
        click.option(
            "--grader",
            "-g",
            "graders",
            multiple=True,
            type=MODEL,
            help="Model that grades; several vote. See docs/grading.md.",
        ),
        click.option(
            "-T",
            "parameters",
            multiple=True,
            metavar="NAME=VALUE",
            help="Parameter of the tasks that have it, such as delivery=tool or mode=agent. Can be repeated.",
        ),
        click.option(
            "--limit",
            type=click.IntRange(1),
            help="Only the first so many scenarios of each task; controls come last.",
        ),
        click.option(
            "--epochs",
            default=1,
            show_default=True,
            type=click.IntRange(1),
            help="Times every sample is asked.",
        ),
        click.option("--scenarios", default="", help="Ids, globs, packs, tags or a folder. Default: all."),
        click.option(
            "--tasks",
            default="",
            help="Tasks, separated by commas. Default: those of the skill's pack, else all but pressure.",
        ),
        click.option(
            "--pressure", default="", help="Pressures, separated by commas, or all. Default: each task's own."
        ),
        click.option(
            "--model",
            required=True,
            type=MODEL,
            help="Any inspect model, for example openai/gpt-5 or embedded/qwen2.5-coder-0.5b.",
        ),
    ):
        function = option(function)
    return function


@click.command()
@suite_options
@click.option(
    "--skill",
    "skills",
    multiple=True,
    default=["v2"],
    show_default=True,
    help="Skill under test: folder, folder@git-ref, v1 or v2. Several are delivered together.",
)
@click.option(
    "--catalogue",
    "catalogues",
    multiple=True,
    help="Folder of skills that stand in every arm's catalogue too.",
)
@click.option("--arms", default="red,green", show_default=True, help="Arms, separated by commas.")
@click.option(
    "--bugs",
    default="",
    help="Only scenarios that pose these reference bugs, separated by commas; all: those that pose any.",
)
@click.option(
    "--fallback-model", type=MODEL, help="Used where the weights of an embedded model cannot be had."
)
@click.option(
    "--output",
    "-o",
    metavar="FOLDER",
    default="results",
    show_default=True,
    help="Folder for logs and report, or an address such as s3://bucket/results.",
)
@click.option(
    "--shard", "share", metavar="K/N", help="Only share k of n; `redgreen merge` puts the shares together."
)
@click.option(
    "--cache", is_flag=True, help="Keep replies in inspect's cache: a run that died asks for none twice."
)
@click.option("--plan", "only_plan", is_flag=True, help="Only print what the run would ask and use.")
@click.option("--yes", is_flag=True, help="Do not ask before a run that may cost something.")
@click.option(
    "--reply-tokens",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Length of replies in the plan.",
)
@click.option("--max-tokens", type=click.IntRange(1), help="Stop when so many tokens are used.")
@click.option(
    "--max-cost", type=click.FloatRange(0, min_open=True), help="Stop when so many US dollars are spent."
)
@click.option(
    "--model-cost-config",
    type=click.Path(exists=True, dir_okay=False),
    help="Prices by model, a YAML or JSON file as inspect reads it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def run(
    model: str,
    skills: tuple[str, ...],
    catalogues: tuple[str, ...],
    arms: str,
    pressure: str,
    tasks: str,
    scenarios: str,
    epochs: int,
    bugs: str,
    limit: int | None,
    graders: tuple[str, ...],
    self_grade: bool,
    parameters: tuple[str, ...],
    fallback_model: str | None,
    output: str,
    share: str | None,
    cache: bool,
    only_plan: bool,
    yes: bool,
    reply_tokens: int,
    max_tokens: int | None,
    max_cost: float | None,
    model_cost_config: str | None,
    as_json: bool,
) -> None:
    """Run the benchmark, then report. The same command resumes a run that was interrupted.

    What it will ask and use is said first; at a terminal it then waits for a yes, unless the model is free.

    \b
    Examples:
      redgreen run --model embedded/qwen2.5-coder-0.5b --limit 2
      redgreen run --model embedded/smollm2-135m --tasks routing --arms red,placebo,green --limit 2
      redgreen run --model mockllm/model --skill ./my-skill --limit 2
      redgreen run --model openai/gpt-5 --grader anthropic/claude-sonnet-4-5 --epochs 5 --plan
      redgreen run --model openai/gpt-5 --epochs 5 --shard 2/8
    """
    from upath import UPath

    from redgreenbench.cli.plan import FREE, dry_run_model, plan_of, read_prices, skill_notes
    from redgreenbench.cli.report import print_report
    from redgreenbench.cli.spending import limit_spending
    from redgreenbench.evals.errors import InputError
    from redgreenbench.evals.sharding import Shard

    skill = ",".join(skills)
    if catalogues:
        parameters = (*parameters, f"catalogue={','.join(catalogues)}")
    read_prices(model_cost_config)
    built = build_tasks(
        split_names(tasks) or default_tasks(skill, split_names(scenarios)),
        skill,
        split_names(arms),
        split_names(pressure),
        split_names(scenarios),
        limit,
        split_names(bugs),
        self_grade,
        parameters,
    )
    whole, shard = built, Shard.read(share) if share else None
    if shard:
        built = shard_tasks(whole, shard)
    plan = plan_of(built, model, epochs, graders, self_grade, reply_tokens)
    if only_plan and as_json:
        click.echo(json.dumps(plan.record(), indent=2))
        return
    if max_cost is not None and plan.cost is None:
        raise InputError(
            f"--max-cost: the price of {', '.join(sorted({model, *graders} - set(plan.prices)))} is not known; "
            "give it with --model-cost-config, or take --max-tokens"
        )
    chosen = model if only_plan else usable_model(model, fallback_model)
    if not as_json:
        for note in (*skill_notes(skills, built), *plan.lines()):
            click.echo(f"redgreen: {note}", err=not only_plan)
    if only_plan:
        return
    if not (yes or as_json or model.startswith(FREE)) and sys.stdin.isatty():
        click.confirm("redgreen: go on?", abort=True, err=True)
    if not as_json:
        for note in _run_notes(built, graders, self_grade, parameters):
            click.echo(f"redgreen: {note}", err=True)
    place: Any = UPath(output)  # a Path, or what behaves like one at an address
    folder = run_folder(place, chosen, whole, epochs, graders)
    if shard:
        folder = folder.with_name(f"{folder.name}-{shard.of}-shards")
    asked = dry_run_model(chosen, reply_tokens)
    code = 0
    with limit_spending(max_tokens, max_cost) as spent:
        try:
            options = model_options(graders, as_json) | ({"cache": True} if cache else {})
            for part, logs in tasks_by_folder(built, folder / "logs", shard):
                code = max(code, run_tasks(part, asked, logs, epochs, **options))
        except KeyboardInterrupt:
            if not spent.is_over:
                raise
            code = 130
    if spent.is_over and code:
        click.echo(
            f"redgreen: stopped after {spent.tokens:,} tokens{f', ${spent.cost:.2f}' if spent.cost else ''}, as was asked; "
            "finished samples are kept",
            err=True,
        )
    if shard:
        done = {"shard": str(shard), "logs": str(folder / "logs"), "finished": not code}
        click.echo(
            json.dumps(done, indent=2)
            if as_json
            else f"shard {shard} is in {folder / 'logs'}; once all {shard.of} are: redgreen merge {folder / 'logs'}"
        )
    else:
        print_report([str(folder / "logs")], str(folder / "report"), as_json)
        if not as_json:
            click.echo(
                f"logs:   {folder / 'logs'} (look into them with: inspect view --log-dir {folder / 'logs'})"
            )
    if code:
        click.echo("redgreen: not all samples finished; the same command tries the rest again", err=True)
        sys.exit(code)
