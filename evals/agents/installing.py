"""Where real agents look for skills, putting skills there, and reading out of a run which of them were loaded.

The folders and tools of the agents are data (``agents.yaml``). Here no agent is run.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal

from inspect_ai.model import ChatMessage, ChatMessageAssistant
from inspect_ai.tool import ToolCall, ToolInfo
from inspect_ai.util import Store, StoreModel, sandbox, store_as
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from redgreenbench.evals.catalogue import HERE, read_yaml, validate
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.skillfolder import Skill
from redgreenbench.evals.skilltools import SkillCall

__all__ = [
    "Installed",
    "RealAgent",
    "check_skills",
    "install",
    "installed_in",
    "loads_of",
    "real_agents",
    "shown_in",
    "skills_shown",
]

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHOWN = 60
"""Characters of a description that prove that it is shown."""
_BEFORE = 120
"""Characters before a description in which the skill's name has to stand."""
_LONGEST_NAME, _LONGEST_DESCRIPTION = 64, 1024
"""Characters; agents pass over a skill whose frontmatter does not keep to the format of Agent Skills."""


class RealAgent(BaseModel):
    """Where an agent looks for skills, and which of its tools load them.

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
        shown: Names of the skills that the agent showed to its model, of which a folder alone is no proof.
    """

    hashes: dict[str, str] = Field(default_factory=dict)
    shown: list[str] = Field(default_factory=list)


def installed_in(store: Store) -> dict[str, str] | None:
    """Hashes of the installed skills by name; None if no skill was to be installed."""
    # Making the model would write its defaults into the store of every sample.
    return Installed(store=store).hashes if "Installed:hashes" in store else None


def shown_in(store: Store) -> set[str]:
    """Names of the skills that the agent of a sample showed to its model."""
    return set(Installed(store=store).shown) if "Installed:shown" in store else set()


def skills_shown(
    skills: Iterable[Skill], messages: Iterable[ChatMessage], tools: Iterable[ToolInfo]
) -> list[str]:
    """Which skills a request lists: a name followed by the first words of its description.

    Args:
        skills: The skills that were installed.
        messages: The messages of the request; what the model itself said in them does not count, nor what tools gave.
        tools: The tools of the request, in whose descriptions some agents list skills.
    """
    told = [message.text for message in messages if message.role in ("system", "user")]
    told += [tool.description for tool in tools]
    text = " ".join("\n".join(told).split())
    return [skill.name for skill in skills if _is_listed(skill, text)]


def _is_listed(skill: Skill, text: str) -> bool:
    # Agents cut long descriptions; some write the marks of XML in them as entities.
    start = " ".join(skill.description.split())[:_SHOWN]
    for words in (start, html.escape(start)):
        place = text.find(words)
        while place >= 0:
            if skill.name in text[max(0, place - _BEFORE) : place]:
                return True
            place = text.find(words, place + 1)
    return False


@cache
def real_agents() -> dict[str, RealAgent]:
    """The agents that can be run, by their names in inspect-swe (``evals/agents/agents.yaml``)."""
    path = HERE / "agents" / "agents.yaml"
    return validate(TypeAdapter(dict[str, RealAgent]), read_yaml(path), path)


def check_skills(skills: Iterable[Skill]) -> None:
    """Raises an error for skills that the agent would silently ignore.

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
    """Writes skill folders to the place in the sample's sandbox where the agent looks for skills, and records them.

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
    installed = store_as(Installed)
    installed.hashes = {skill.name: skill.hash for skill in skills}
    # Written although it is the default, since the audit looks for it.
    installed.shown = []


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
    calls: list[SkillCall] = []
    for turn, message in enumerate(turns, 1):
        for call in message.tool_calls or ():
            if call.function in agent.loads:
                calls.append(
                    _tool_load(str(call.arguments.get(agent.loads[call.function], "")), skills, turn)
                )
                continue
            named = dict.fromkeys(
                match.groups() for text in _argument_texts(call) for match in within.finditer(text)
            )
            calls += [
                _file_read(name, path.rstrip("./"), skills, turn) for name, path in named if path.strip("./")
            ]
    return [call for call in calls if not _is_folder(call, skills)]


def _tool_load(name: str, skills: Mapping[str, Skill], turn: int) -> SkillCall:
    there = name in skills
    return SkillCall(tool="load_skill", name=name, skill_exists=there, existed=there, turn=turn)


def _file_read(name: str, path: str, skills: Mapping[str, Skill], turn: int) -> SkillCall:
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


def _argument_texts(call: ToolCall) -> Iterator[str]:
    def within(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for item in value.values():
                yield from within(item)
        elif isinstance(value, list):
            for item in value:
                yield from within(item)

    return within(call.arguments)
