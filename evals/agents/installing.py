"""Where real agents look for skills, putting skills there, and reading out of a run which of them were loaded.

The folders and tools of the agents are data (``agents.yaml``). Here no agent is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal

from inspect_ai.model import ChatMessageAssistant
from inspect_ai.tool import ToolCall
from inspect_ai.util import Store, StoreModel, sandbox, store_as
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from redgreenbench.evals.catalogue import HERE, read_yaml, validate
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.skillfolder import Skill
from redgreenbench.evals.skilltools import SkillCall

__all__ = ["Installed", "RealAgent", "check_skills", "install", "installed_in", "loads_of", "real_agents"]

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME, _LONGEST_DESCRIPTION = 64, 1024
"""Characters; agents pass over a skill whose frontmatter does not keep to the format of Agent Skills."""


class RealAgent(BaseModel):
    """What has to be known of an agent in order to give it skills and to see them used.

    Attributes:
        skills: The folder in which it looks for skills.
        below: What that folder is relative to.
        loads: Its own tools that load a skill, with the argument that names it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    skills: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)*$")
    below: Literal["cwd", "home"]
    loads: dict[str, str] = Field(default_factory=dict)


class Installed(StoreModel):
    """What was installed for the agent of a sample.

    Attributes:
        hashes: Hash of each skill, by its name.
    """

    hashes: dict[str, str] = Field(default_factory=dict)


def installed_in(store: Store) -> dict[str, str] | None:
    """Hashes of the skills that were installed, by name; None where none were to be."""
    # Making the model would write its defaults into the store of every sample.
    return Installed(store=store).hashes if "Installed:hashes" in store else None


@cache
def real_agents() -> dict[str, RealAgent]:
    """The agents that can be run, by their names in inspect-swe (``evals/agents/agents.yaml``)."""
    path = HERE / "agents" / "agents.yaml"
    return validate(TypeAdapter(dict[str, RealAgent]), read_yaml(path), path)


def check_skills(skills: Iterable[Skill]) -> None:
    """Refuses skills that an agent would pass over in silence.

    Raises:
        InputError: A name or description does not keep to the format of Agent Skills (agentskills.io/specification).
    """
    for skill in skills:
        if len(skill.name) > _LONGEST_NAME or not _NAME.fullmatch(skill.name):
            raise InputError(
                f"skill '{skill.name}': agents find only names of lower-case letters, digits and single hyphens, at most "
                f"{_LONGEST_NAME} characters; rename it, or take delivery=inject"
            )
        if len(skill.description) > _LONGEST_DESCRIPTION:
            raise InputError(
                f"skill '{skill.name}': agents find only descriptions of at most {_LONGEST_DESCRIPTION} "
                f"characters, and this has {len(skill.description)}; shorten it, or take delivery=inject"
            )


async def install(agent: RealAgent, skills: Iterable[Skill], cwd: str) -> None:
    """Writes whole skill folders to where the agent looks for them in the sample's sandbox, and records which.

    inspect's own installation is not used: it leaves out the sheets beside SKILL.md.

    Args:
        agent: The agent.
        skills: The skills.
        cwd: The sandbox's working directory.

    Raises:
        RuntimeError: The sandbox has no home folder, or a script cannot be made executable.
    """
    skills = list(skills)
    root = cwd if agent.below == "cwd" else await _home()
    scripts: list[str] = []
    for skill in skills:
        for path, data in skill.files.items():
            place = f"{root.rstrip('/')}/{agent.skills}/{skill.name}/{path}"
            await sandbox().write_file(place, data)
            if path.startswith("scripts/"):
                scripts.append(place)
    if scripts:
        made = await sandbox().exec(["chmod", "+x", *scripts])
        if not made.success:
            raise RuntimeError(f"scripts of skills cannot be made executable: {made.stderr.strip()}")
    store_as(Installed).hashes = {skill.name: skill.hash for skill in skills}


async def _home() -> str:
    asked = await sandbox().exec(["sh", "-c", "echo $HOME"])
    home = asked.stdout.strip()
    if not asked.success or not home.startswith("/"):
        raise RuntimeError(
            "the sandbox's user has no home folder ($HOME), in which the agent looks for skills"
        )
    return home


def loads_of(
    agent: RealAgent, skills: Mapping[str, Skill], turns: Iterable[ChatMessageAssistant]
) -> list[SkillCall]:
    """What an agent loaded: calls of its own tool for skills, and calls that name a file in its folder of skills.

    Read from the arguments alone: whether a command got as far as the file is not looked at.

    Args:
        agent: The agent.
        skills: The skills that were installed, by name.
        turns: The agent's messages, in order.
    """
    within = re.compile(
        rf"(?<![\w.-]){re.escape(agent.skills)}/([A-Za-z0-9][\w.-]*)/([^\s\"'`;|&<>()*?\\,:]+)"
    )
    found: list[SkillCall] = []
    for turn, message in enumerate(turns, 1):
        for call in message.tool_calls or ():
            if call.function in agent.loads:
                found.append(_own(str(call.arguments.get(agent.loads[call.function], "")), skills, turn))
                continue
            named = dict.fromkeys(match.groups() for text in _texts(call) for match in within.finditer(text))
            found += [
                _read(name, path.rstrip("./"), skills, turn) for name, path in named if path.strip("./")
            ]
    return [call for call in found if not _is_folder(call, skills)]


def _own(name: str, skills: Mapping[str, Skill], turn: int) -> SkillCall:
    there = name in skills
    return SkillCall(tool="load_skill", name=name, skill_exists=there, existed=there, turn=turn)


def _read(name: str, path: str, skills: Mapping[str, Skill], turn: int) -> SkillCall:
    skill = skills.get(name)
    return SkillCall(
        tool="read_skill_file",
        name=name,
        path=path,
        skill_exists=skill is not None,
        existed=skill is not None and path in skill.files,
        turn=turn,
    )


def _is_folder(call: SkillCall, skills: Mapping[str, Skill]) -> bool:
    skill = skills.get(call.name)
    return skill is not None and any(file.startswith(f"{call.path}/") for file in skill.files)


def _texts(call: ToolCall) -> Iterator[str]:
    def within(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for one in value.values():
                yield from within(one)
        elif isinstance(value, list):
            for one in value:
                yield from within(one)

    return within(call.arguments)
