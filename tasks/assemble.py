"""Wires scenarios, arms, pressures and scorers into an inspect task. The doors beside it only choose.

Pure: no clock, no network, no randomness. The same arguments and files give the same task, whose
version changes with the contents of scenarios and skills, since inspect's own identity of a task
ignores what is in files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inspect_ai import Task
from inspect_ai.scorer import Scorer
from inspect_ai.solver import Solver, generate

from redgreenbench.evals.arms import ArmText, prompt_template, resolve_arms, shipped_skills, skills_hash
from redgreenbench.evals.catalogue import Scenario, load_packs, scenario_set_hash
from redgreenbench.evals.dataset import build_samples, find_scenarios, is_external, system_message, to_dataset
from redgreenbench.evals.delivery import inject_arm
from redgreenbench.evals.discovery import (
    MESSAGE_LIMIT,
    Added,
    added_skills,
    catalogue_hash,
    discover,
    discovery_message,
    with_controls,
)
from redgreenbench.evals.errors import InputError, unknown
from redgreenbench.evals.followup import FIRST, check_turn, pressed_later
from redgreenbench.evals.pressures import select_pressures
from redgreenbench.evals.skillfolder import read_skill
from redgreenbench.evals.vocabulary import NO_PRESSURE, SUITE_VERSION, Delivery
from redgreenbench.reference_bugs.folder import IMAGES
from redgreenbench.scorers.activation import activation
from redgreenbench.scorers.audit import audit
from redgreenbench.scorers.checks import checks
from redgreenbench.scorers.clarification import clarification
from redgreenbench.scorers.diagnosis import fix_quality, recognition, root_cause
from redgreenbench.scorers.firmness import firmness
from redgreenbench.scorers.grading.questions import prompt_hash
from redgreenbench.scorers.rationalization import rationalization
from redgreenbench.scorers.rubric import rubric
from redgreenbench.scorers.tool_use import tool_use
from redgreenbench.tasks.insisting import insist

__all__ = ["Names", "assemble", "external_folders", "graders_of", "names", "packs_of"]

Names = str | Sequence[str] | None
"""A parameter that takes names: ``a,b`` or a list."""


def names(value: Names) -> tuple[str, ...]:
    """The names in a parameter, given as ``a,b`` or as a list (inspect's -T makes either)."""
    if value is None:
        return ()
    parts = value.split(",") if isinstance(value, str) else [str(part) for part in value]
    return tuple(part.strip() for part in parts if part.strip())


def assemble(
    task: str | None,
    scorers: Sequence[Scorer],
    skill: str,
    arms: Names,
    pressure: Names,
    scenarios: Names,
    pack: Names = None,
    bugs: Names = None,
    exec_sandbox: str | None = None,
    self_grade: bool = False,
    delivery: str = Delivery.INJECT.value,
    message_limit: int | None = None,
    pressure_turn: str = FIRST,
    work: Callable[[Added | None], Solver] | None = None,
    installs: bool = False,
) -> Task:
    """Builds a task.

    Args:
        task: Which packs' scenarios to pose, by their task; None: all.
        scorers: The scorers, each with a score of its own.
        skill: The skill under test, see `redgreenbench.evals.arms.resolve_arms`.
        arms: Arms to run.
        pressure: Pressures to run, or ``all``.
        scenarios: Ids, globs, packs, tags, or folders of scenarios; none: all.
        pack: Packs to run; none: the pack that the skill belongs to by its name, else all.
        bugs: Names of reference bugs to pose, or ``all`` for every scenario with those of the catalogue.
        exec_sandbox: An inspect sandbox in which fixes are run; none: the engine's own.
        self_grade: Whether the model under test grades itself where no grader is bound; for the log.
        delivery: How a skill reaches the model, see `redgreenbench.evals.vocabulary.Delivery`.
        message_limit: Messages after which a sample ends; none: `MESSAGE_LIMIT` where the model has tools.
        pressure_turn: When pressures come, see `redgreenbench.evals.followup.TURNS`.
        work: Makes, from what the arms add where the model loads skills, the solver that works after the arm was
            delivered; none: the model answers.
        installs: Whether that solver puts skills where an agent looks for them, which then shows its own catalogue.

    Raises:
        InputError: Anything that is wrong with the arguments or files.
    """
    wanted = names(scenarios)
    packs = names(pack) or packs_of(skill, task)
    chosen = find_scenarios(wanted, task, packs)
    asked = names(bugs)
    if asked:
        chosen = _with_bugs(chosen, asked)
    elif not wanted:
        chosen = tuple(scenario for scenario in chosen if not scenario.on_request)
    if delivery not in list(Delivery):
        raise InputError(f"delivery={delivery}: a skill is delivered by {' or '.join(Delivery)}; choose one")
    by_tool = delivery == Delivery.TOOL
    folders = external_folders(scenarios)
    by_pack = resolve_arms(names(arms), skill, tuple(dict.fromkeys(s.pack for s in chosen)))
    chosen = with_controls(chosen, by_pack, by_tool, shipped=not folders)
    pressures = select_pressures(names(pressure))
    version = [SUITE_VERSION, scenario_set_hash(chosen)[:8], skills_hash(by_pack)[:8]]
    texts = {p: {name: arm.text for name, arm in by_arm.items()} for p, by_arm in by_pack.items()}
    skills = added_skills(by_pack) if by_tool else None
    if skills is None:
        solver, samples = inject_arm(texts), build_samples(to_dataset(chosen), by_pack, pressures)
    else:
        version.append(f"tool-{catalogue_hash(skills)[:8]}")
        solver = inject_arm(_without_skills(texts, skills)) if installs else discover(texts, skills)
        scorers = [*scorers, activation(skills, folders)]
        samples = build_samples(
            to_dataset(chosen),
            by_pack,
            pressures,
            Delivery.TOOL,
            system_message if installs else lambda s: discovery_message(s.id, skills[s.pack]),
        )
        message_limit = message_limit or MESSAGE_LIMIT
    if check_turn(pressure_turn) != FIRST:
        if set(pressures) == {NO_PRESSURE}:
            raise InputError(
                f"pressure_turn={pressure_turn} needs a pressure that can come; add pressure=time or others"
            )
        version.append(pressure_turn)
        scorers = [*scorers, firmness(folders, self_grade)]
        samples = pressed_later(samples, chosen, pressure_turn)
        work = work or (lambda _: insist(pressure_turn, folders))
    return Task(
        dataset=samples,
        solver=[solver, work(skills) if work else generate()],
        scorer=[*scorers, audit(texts, folders, skills)],
        sandbox=_sandbox(exec_sandbox),
        message_limit=message_limit,
        version="-".join(version),
        metadata=_provenance(chosen, by_pack, by_tool)
        | {"grader_prompt": prompt_hash(), "self_grade": self_grade},
    )


def graders_of(folders: list[str], self_grade: bool, bugs: bool = False) -> list[Scorer]:
    """The scorers that every task has beside its own.

    Args:
        folders: Folders of external scenarios.
        self_grade: Whether the model under test grades itself where no grader is bound.
        bugs: Whether scenarios have programs, whose cause and fix are judged too.
    """
    common = [
        checks(folders),
        rubric(folders, self_grade),
        clarification(folders, self_grade),
        rationalization(folders, self_grade),
    ]
    if not bugs:
        return common
    judged = [
        root_cause(folders, self_grade),
        recognition(folders, self_grade),
        fix_quality(folders, self_grade),
    ]
    return [*common, *judged, tool_use()]


def _without_skills(texts: dict[str, dict[str, str]], skills: Added) -> dict[str, dict[str, str]]:
    """Texts of the arms that add no skill, which is installed and not told."""
    return {p: {a: "" if skills[p][a] else text for a, text in by.items()} for p, by in texts.items()}


def _with_bugs(scenarios: Sequence[Scenario], bugs: Sequence[str]) -> tuple[Scenario, ...]:
    if "all" in bugs:
        return tuple(scenarios)
    posed = {scenario.file.bug for scenario in scenarios if scenario.file.bug}
    for bug in bugs:
        if bug not in posed:
            raise unknown("bug", bug, posed, "redgreen list bugs")
    return tuple(scenario for scenario in scenarios if scenario.file.bug in bugs)


def _sandbox(name: str | None) -> tuple[str, str] | str | None:
    """A sandbox type with the file that this project ships for it."""
    shipped = {"docker": "compose.yaml", "podman": "compose.yaml", "k8s": "values.yaml"}
    if name in shipped:
        return name, str(IMAGES / shipped[name])
    return name


def external_folders(scenarios: Names) -> list[str]:
    """The folders among ``scenarios``, which scorers need too in order to know what is expected."""
    return [name for name in names(scenarios) if is_external(name)]


def packs_of(skill: str, task: str | None) -> tuple[str, ...]:
    """The packs that a skill of this name is tested on; none if its name says nothing."""
    packs = load_packs()
    shipped_name = skill.partition("/")[0]
    if skill in shipped_skills():
        name = shipped_name
    elif any(f"{pack.skill}/{skill}" in shipped_skills() for pack in packs.values()):
        return ()  # a bare version such as v2: every pack has its own skill
    else:
        name = read_skill(skill).name
    return tuple(p for p, pack in packs.items() if pack.skill == name and task in (None, pack.task))


def _provenance(
    chosen: Sequence[Scenario], arms: dict[str, dict[str, ArmText]], by_tool: bool
) -> dict[str, object]:
    return {
        "redgreenbench": SUITE_VERSION,
        # How the skill reaches the model: its text stands in the prompt, or tools load it. Never mixed.
        "delivery": "discovery" if by_tool else "injection",
        "scenario_set": scenario_set_hash(chosen),
        "base_prompt": prompt_template("system"),
        "skills": {
            pack: {
                name: {"name": arm.skill.name, "version": arm.skill.version, "hash": arm.skill.hash}
                for name, arm in by_name.items()
                if arm.skill
            }
            for pack, by_name in arms.items()
        },
    }
