"""Delivery by discovery: the model is shown a catalogue of skills and loads those it wants (``delivery=tool``).

The catalogue holds the same skills in the same order in every arm of a scenario: the specialists of its pack and of the
neighbouring packs, as short skills of our own (``skills/specialists``). An arm adds one entry at most, its own skill, at
a place that follows from the scenario. A specialist with the name of a skill under test is left out in every arm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem
from inspect_ai.solver import Generate, Solver, TaskState, solver
from pydantic import TypeAdapter

from redgreenbench.evals.arms import ArmText, prompt_template
from redgreenbench.evals.catalogue import HERE, Scenario, catalogue_names, load_packs, load_scenarios
from redgreenbench.evals.dataset import order_of, shuffled
from redgreenbench.evals.delivery import with_arm
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.skillfolder import Skill, read_skill
from redgreenbench.evals.skilltools import load_skill, read_skill_file, tool_texts

__all__ = [
    "MESSAGE_LIMIT",
    "Added",
    "added_skills",
    "as_added",
    "catalogue_hash",
    "catalogue_line",
    "common_skills",
    "discover",
    "discovery_message",
    "with_controls",
]

MESSAGE_LIMIT = 30
"""Messages after which a sample ends where nothing else is asked for, so that a model cannot load for ever."""

Added = dict[str, dict[str, Skill | None]]
"""By pack and arm, the skill that the arm adds to the catalogue; None where it adds none."""


@cache
def _specialists() -> dict[str, Skill]:
    folders = sorted((HERE / "skills" / "specialists").glob("*/SKILL.md"))
    return {path.parent.name: read_skill(str(path.parent)) for path in folders}


def added_skills(arms: Mapping[str, Mapping[str, ArmText]]) -> Added:
    """The skill that each arm adds to the catalogue, by pack and arm."""
    return {pack: {name: arm.skill for name, arm in by_arm.items()} for pack, by_arm in arms.items()}


def as_added(value: Any) -> Added:
    """What the arms add, out of a log, where skills have become mappings, or as it is."""
    return TypeAdapter(Added).validate_python(value)


def common_skills(pack: str, added: Iterable[Skill | None]) -> dict[str, Skill]:
    """The skills that every arm is offered in a pack's scenarios, by name.

    A pack without specialists of its own is offered those of the others.

    Args:
        pack: The pack.
        added: What the arms add; a specialist of the same name, or of the name of the pack's usual skill, is left out.

    Raises:
        InputError: A specialist of the catalogue has no folder.
    """
    packs = load_packs()
    routed = [pack] if packs[pack].specialists else [name for name in packs if packs[name].specialists]
    names = dict.fromkeys(name for one in routed for name in catalogue_names(one))
    without = {packs[pack].skill, *(skill.name for skill in added if skill)}
    missing = [name for name in names if name not in _specialists()]
    if missing:
        raise InputError(
            f"evals/packs.yaml: the specialist '{missing[0]}' has no folder in evals/skills/specialists; write its SKILL.md"
        )
    return {name: _specialists()[name] for name in names if name not in without}


def catalogue_line(skill: Skill) -> str:
    """A skill's entry in the catalogue."""
    return f"- {skill.name}: {' '.join(skill.description.split())}"


def discovery_message(scenario: str, arms: Mapping[str, Skill | None], arm: str | None = None) -> str:
    """The system message with the catalogue.

    Args:
        scenario: The scenario's id, from which the order follows.
        arms: What each arm adds in the scenario's pack.
        arm: The arm; None: what all arms share.
    """
    order = order_of(scenario)
    common = common_skills(scenario.partition("/")[0], arms.values())
    entries = [catalogue_line(skill) for skill in shuffled(common.values(), order)]
    place = order.randrange(len(entries) + 1)
    skill = arms[arm] if arm else None
    if skill:
        entries.insert(place, catalogue_line(skill))
    catalogue = prompt_template("discovery").format(entries="\n".join(entries))
    return f"{prompt_template('system')}\n\n{catalogue}"


def catalogue_hash(added: Added) -> str:
    """A hash of what all arms are offered and how, for the task's version. 64 hex digits."""
    lines = [prompt_template("discovery"), tool_texts().model_dump_json()]
    for pack, arms in sorted(added.items()):
        common = common_skills(pack, arms.values())
        lines += [f"{pack} {name} {skill.hash}" for name, skill in sorted(common.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def with_controls(
    chosen: Sequence[Scenario], arms: Mapping[str, Mapping[str, ArmText]], by_tool: bool, shipped: bool
) -> tuple[Scenario, ...]:
    """The scenarios with the positive controls of their packs; without any where skills are not loaded by tools.

    A control that asks for a skill that is left out of the catalogue is left out with it.

    Args:
        chosen: The scenarios that were asked for.
        arms: Arm texts by pack and arm.
        by_tool: Whether skills are delivered by tools.
        shipped: Whether to add the shipped controls of the packs.

    Raises:
        InputError: Only positive controls were chosen, and they cannot be posed.
    """
    packs, ids = {scenario.pack for scenario in chosen}, {scenario.id for scenario in chosen}
    more = [s for s in load_scenarios() if s.positive and s.pack in packs and s.id not in ids]
    added = added_skills(arms)
    posed = tuple(
        s
        for s in (*chosen, *(more if by_tool and shipped else ()))
        if not s.positive or (by_tool and s.file.loads in common_skills(s.pack, added[s.pack].values()))
    )
    if not posed:
        raise InputError(
            "only positive controls were chosen, which need a model that loads skills; add -T delivery=tool"
        )
    return posed


@solver
def discover(texts: dict[str, dict[str, str]], skills: Added) -> Solver:
    """Shows the catalogue of the sample's arm and gives the model the tools that load from it.

    Args:
        texts: Text by pack and arm; that of an arm without a skill stands in the system message, as it does where skills
            are injected. As a parameter of the solver it stands once in the log.
        skills: By pack and arm, the skill that the arm adds.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        pack, arm = state.metadata["pack"], state.metadata["arm"]
        added = skills[pack][arm]
        scenario = state.metadata["scenario"]
        # What stands before the catalogue is another text where an agent works.
        shared, own = (
            discovery_message(scenario, skills[pack]),
            discovery_message(scenario, skills[pack], arm),
        )
        base = prompt_template("system")
        before = state.messages[0].text.removesuffix(shared.removeprefix(base))
        system = before + own.removeprefix(base)
        state.messages[0] = ChatMessageSystem(content=with_arm(system, "" if added else texts[pack][arm]))
        offered = common_skills(pack, skills[pack].values()) | ({added.name: added} if added else {})

        def turn() -> int:
            return sum(isinstance(message, ChatMessageAssistant) for message in state.messages)

        state.tools = [load_skill(offered, turn), read_skill_file(offered, turn)]
        return state

    return solve
