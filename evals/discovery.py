"""Delivery by discovery: the model is shown a catalogue of skills and loads those it wants (``delivery=tool``).

The catalogue holds the same skills in the same order in every arm of a scenario: the specialists of its pack and of the
neighbouring packs, as short skills of our own (``skills/specialists``). An arm adds one entry at most, its own skill, at
a place that follows from the scenario. A specialist with the name of a skill under test is left out in every arm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from inspect_ai.model import ChatMessageAssistant
from inspect_ai.solver import TaskState
from inspect_ai.tool import Tool

from redgreenbench.evals.arms import Arms, prompt_template, read_skills
from redgreenbench.evals.catalogue import (
    HERE,
    Scenario,
    catalogue_names,
    load_packs,
    load_scenarios,
    own_pack,
)
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.skillfolder import Skill, read_skill
from redgreenbench.evals.skilltools import load_skill, read_skill_file, tool_texts

__all__ = [
    "MESSAGE_LIMIT",
    "catalogue_hash",
    "catalogue_line",
    "common_skills",
    "offered_skills",
    "skill_tools",
    "with_controls",
]

MESSAGE_LIMIT = 30
"""Messages after which a sample ends where nothing else is asked for, so that a model cannot load for ever."""


@cache
def _specialists() -> dict[str, Skill]:
    folders = sorted((HERE / "skills" / "specialists").glob("*/SKILL.md"))
    return {path.parent.name: read_skill(str(path.parent)) for path in folders}


@cache
def _own_skills(folder: Path) -> tuple[Skill, ...]:
    """The skills in the folder ``skills`` of a user's own pack."""
    return read_skills(folder) if folder.is_dir() else ()


def common_skills(pack: str, arms: Arms) -> dict[str, Skill]:
    """The skills that every arm is offered in a pack's scenarios, by name.

    A pack without specialists of its own is offered those of the others. A specialist of the name of a skill that an arm
    adds, of one of the user's own neighbours, or of the pack's usual skill is left out.

    Args:
        pack: The pack.
        arms: What every arm adds.

    Raises:
        InputError: A specialist of the catalogue has no folder.
    """
    packs, own_folder = load_packs(), own_pack(pack)
    routed = [pack]
    if not packs[pack].specialists and not (own_folder and _own_skills(own_folder[0] / "skills")):
        routed = [name for name in packs if packs[name].specialists and not own_pack(name)]
    names = dict.fromkeys(name for source in routed for name in catalogue_names(source))
    own = {skill.name: skill for skill in arms.neighbours}
    if own_folder:
        own = {skill.name: skill for skill in _own_skills(own_folder[0] / "skills")} | own
    without = {
        packs[pack].skill,
        *(skill.name for skills in arms.loadable(pack).values() for skill in skills),
    }
    missing = [name for name in names if name not in _specialists() and name not in own]
    if missing:
        where = own_folder[0] / "skills" if own_folder else "evals/skills/specialists"
        raise InputError(
            f"the specialist '{missing[0]}' of the pack {pack} has no folder in {where}; write its SKILL.md"
        )
    offered = {name: _specialists()[name] for name in names if name not in own} | own
    return {name: skill for name, skill in offered.items() if name not in without}


def catalogue_line(skill: Skill) -> str:
    """A skill's entry in the catalogue."""
    return f"- {skill.name}: {' '.join(skill.description.split())}"


def offered_skills(arms: Arms, pack: str, arm: str) -> dict[str, Skill]:
    """The skills that can be loaded in an arm, by name."""
    return common_skills(pack, arms) | {skill.name: skill for skill in arms.loadable(pack)[arm]}


def catalogue_hash(arms: Arms) -> str:
    """A hash of what all arms are offered and how, for the task's version. 64 hex digits."""
    lines = [prompt_template("discovery"), tool_texts().model_dump_json()]
    for pack in sorted(arms.by_pack):
        common = common_skills(pack, arms)
        lines += [f"{pack} {name} {skill.hash}" for name, skill in sorted(common.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def with_controls(chosen: Sequence[Scenario], arms: Arms, shipped: bool) -> tuple[Scenario, ...]:
    """The scenarios with the positive controls of their packs, or without any if skills are not loaded by tools.

    A control that asks for a skill that is left out of the catalogue is left out with it.

    Args:
        chosen: The scenarios that were asked for.
        arms: What every arm adds.
        shipped: Whether to add the shipped controls of the packs.

    Raises:
        InputError: Only positive controls were chosen, and they cannot be posed.
    """
    packs, ids = {scenario.pack for scenario in chosen}, {scenario.id for scenario in chosen}
    more = [s for s in load_scenarios() if s.is_positive_control and s.pack in packs and s.id not in ids]
    posed = tuple(
        s
        for s in (*chosen, *(more if arms.by_tool and shipped else ()))
        if not s.is_positive_control or (arms.by_tool and s.file.loads in common_skills(s.pack, arms))
    )
    if not posed:
        raise InputError(
            "only positive controls were chosen, which need a model that loads skills; add -T delivery=tool"
        )
    return posed


def skill_tools(arms: Arms, state: TaskState) -> list[Tool]:
    """The tools with which the model loads skills in a sample; none where they are injected."""
    if not arms.by_tool:
        return []
    offered = offered_skills(arms, state.metadata["pack"], state.metadata["arm"])

    def turn() -> int:
        return sum(isinstance(message, ChatMessageAssistant) for message in state.messages)

    return [load_skill(offered, turn), read_skill_file(offered, turn)]
