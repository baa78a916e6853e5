"""Wires scenarios, arms, pressures and scorers into an inspect task. The doors beside it only choose.

Pure: no clock, no network, no randomness. The same arguments and files give the same task, whose
version changes with the contents of scenarios and skills, since inspect's own identity of a task
ignores what is in files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inspect_ai import Task
from inspect_ai.scorer import Scorer

from redgreenbench.evals.arms import Arms, prompt_template, resolve_arms, served_packs
from redgreenbench.evals.catalogue import Scenario, load_packs, scenario_set_hash
from redgreenbench.evals.delivery import deliver
from redgreenbench.evals.discovery import MESSAGE_LIMIT, catalogue_hash, with_controls
from redgreenbench.evals.errors import InputError, unknown_name
from redgreenbench.evals.followup import FIRST, check_turn
from redgreenbench.evals.pressures import select_pressures
from redgreenbench.evals.samples import build_samples, find_scenarios, with_variants
from redgreenbench.evals.vocabulary import NO_PRESSURE, SUITE_VERSION
from redgreenbench.reference_bugs.folder import IMAGES
from redgreenbench.scorers.act import act
from redgreenbench.scorers.activation import activation
from redgreenbench.scorers.answer import Settings
from redgreenbench.scorers.audit import audit
from redgreenbench.scorers.decision import decision
from redgreenbench.scorers.execution import execution
from redgreenbench.scorers.fact import fact
from redgreenbench.scorers.firmness import firmness
from redgreenbench.scorers.grading.questions import prompt_hash
from redgreenbench.scorers.judged import judged
from redgreenbench.scorers.method import method
from redgreenbench.scorers.resolution import resolution
from redgreenbench.scorers.tool_use import tool_use
from redgreenbench.tasks.agent_work import AgentWork
from redgreenbench.tasks.conversation import converse, decide
from redgreenbench.tasks.parameters import Parameters

__all__ = ["assemble", "packs_of"]


def assemble(task: str | None, asked: Parameters, decides: bool = False) -> Task:
    """Builds a task.

    Args:
        task: Which packs' scenarios to pose, by their task; None: all.
        asked: What is asked of it.
        decides: Whether decisions are asked for, not replies.

    Raises:
        InputError: Anything that is wrong with the arguments or files.
    """
    if decides:
        _check_decides(asked)
    # Whoever gives a folder means what is in it, whatever the skill is called.
    packs = asked.pack or (() if asked.folders else packs_of(asked.skill, task))
    chosen = find_scenarios(asked.scenarios, task, packs)
    if asked.bugs:
        chosen = _with_bugs(chosen, asked.bugs)
    elif not asked.scenarios:
        chosen = tuple(scenario for scenario in chosen if not scenario.is_positive_control)
    if asked.mode == "answer" and asked.agent != "react":
        raise InputError(f"agent={asked.agent} works only in the agent mode; add mode=agent")
    if decides:
        chosen = tuple(scenario for scenario in chosen if scenario.file.decision)
        if not chosen:
            raise InputError(
                "none of these scenarios has a `decision`; add it to their files, or choose others"
            )
    packs = tuple(dict.fromkeys(scenario.pack for scenario in chosen))
    if asked.inject is not None and asked.delivery != "inject":
        raise InputError(f"inject={asked.inject} says nothing to delivery={asked.delivery}; drop one")
    arms = resolve_arms(asked.arms, asked.skill, packs, asked.delivery, asked.inject, asked.catalogue)
    chosen = with_controls(chosen, arms, shipped=not asked.folders)
    pressures = select_pressures(asked.pressure or (NO_PRESSURE,))
    turn = check_turn(asked.pressure_turn)
    if turn != FIRST and set(pressures) == {NO_PRESSURE}:
        raise InputError(f"pressure_turn={turn} needs a pressure that can come; add pressure=time or others")
    if turn != FIRST and asked.execution == "later":
        raise InputError(
            f"execution=later does not go with pressure_turn={turn}: whether the user presses depends on the first verdict"
        )
    if asked.variants:
        chosen = with_variants(chosen, asked.variants, asked.variants_seed)
    work = AgentWork(asked) if asked.mode == "agent" else None
    solver = (
        work.solver(arms) if work else decide(asked.settings) if decides else converse(turn, asked.settings)
    )
    version = [SUITE_VERSION, scenario_set_hash(chosen)[:8], arms.hash[:8]]
    version += [f"tool-{catalogue_hash(arms)[:8]}"] if arms.by_tool else []
    version += [turn] if turn != FIRST else []
    options: dict[str, Any] = {
        "sandbox": _sandbox(asked.exec_sandbox),
        "message_limit": asked.message_limit or (MESSAGE_LIMIT if arms.by_tool else None),
    }
    if work:
        version.append(work.label)
        options = work.options
    base, shows_catalogue = (work.base, not work.real) if work else ("system", True)
    scorers = [decision(asked.settings), audit(asked.settings)]
    return Task(
        dataset=build_samples(
            chosen, arms, pressures, turn, work is not None, base, shows_catalogue, decides
        ),
        solver=deliver(arms, solver, list(asked.folders), base, shows_catalogue),
        scorer=scorers if decides else _scorers(chosen, arms, asked.settings, turn, work is not None),
        version="-".join(version),
        metadata=_provenance(chosen, arms, asked) | (work.provenance if work else {}),
        **options,
    )


def _check_decides(asked: Parameters) -> None:
    unfit = {
        "delivery": asked.delivery != "inject",
        "mode": asked.mode != "answer",
        "exec_sandbox": asked.exec_sandbox is not None,
        "execution": asked.execution != "now",
        "variants": asked.variants > 0,
        "sandbox": asked.sandbox is not None,
        "pressure_turn": asked.pressure_turn != FIRST,
    }
    for name, is_set in unfit.items():
        if is_set:
            raise InputError(
                f"{name}={getattr(asked, name)} does not go with a decision, whose reply is one letter; drop it"
            )


def _scorers(
    scenarios: Sequence[Scenario], arms: Arms, settings: Settings, turn: str, works: bool
) -> list[Scorer]:
    """The scorers that can have something to say of these scenarios."""
    files = [scenario.file for scenario in scenarios]
    has_program = any(file.bug for file in files)
    chosen = {
        act: any(file.act for file in files) and not works,
        fact: any(file.fact for file in files),
        execution: has_program,
        tool_use: has_program,
        resolution: works,
        method: works,
        firmness: turn != FIRST,
        activation: arms.by_tool,
        judged: True,
        audit: True,
    }
    return [make(settings) for make, wanted in chosen.items() if wanted]


def _with_bugs(scenarios: Sequence[Scenario], bugs: Sequence[str]) -> tuple[Scenario, ...]:
    if not any(scenario.file.bug for scenario in scenarios):
        raise InputError(
            f"bugs={','.join(bugs)}: none of these scenarios poses a program; take another task, or drop it"
        )
    if "all" in bugs:
        return tuple(scenarios)
    posed = {scenario.file.bug for scenario in scenarios if scenario.file.bug}
    for bug in bugs:
        if bug not in posed:
            raise unknown_name("bug", bug, posed, "redgreen list bugs")
    return tuple(scenario for scenario in scenarios if scenario.file.bug in bugs)


def _sandbox(name: str | None) -> tuple[str, str] | str | None:
    """A sandbox type with the file that this project ships for it."""
    shipped = {"docker": "compose.yaml", "podman": "compose.yaml", "k8s": "values.yaml"}
    if name in shipped:
        return name, str(IMAGES / shipped[name])
    return name


def packs_of(skills: Sequence[str], task: str | None) -> tuple[str, ...]:
    """The packs of a task that skills are tested on; empty if none is named, see `served_packs`."""
    packs = load_packs()
    return tuple(pack for pack in served_packs(skills) if task in (None, packs[pack].task))


def _provenance(chosen: Sequence[Scenario], arms: Arms, asked: Parameters) -> dict[str, object]:
    delivery = "discovery" if arms.by_tool else "injection"
    return {
        "redgreenbench": SUITE_VERSION,
        # How the skill reaches the model: its text stands in the prompt, or tools load it. Never mixed.
        "delivery": f"{delivery}, agent {asked.agent}" if asked.mode == "agent" else delivery,
        "scenario_set": scenario_set_hash(chosen),
        # Of a sample that never runs the log holds nothing but its id.
        "controls": {scenario.id: scenario.file.control for scenario in chosen if scenario.file.control},
        "base_prompt": prompt_template("system"),
        "skills": {
            pack: {
                name: {"name": addition.name, "version": addition.version, "hash": addition.hash}
                for name, addition in by_name.items()
                if addition.skills
            }
            for pack, by_name in arms.by_pack.items()
        },
        "grader_prompt": prompt_hash(),
        "self_grade": asked.self_grade,
    }
