"""Two tools that deliver skills: one loads a skill, the other reads a file of its folder. Every call is recorded.

The skills are held in memory, so that nothing outside of their folders can be read, whatever path is asked for, and
no sandbox is needed. inspect has a tool for skills too, which does not serve here: it leaves out the sheets beside
SKILL.md, needs a sandbox, and urges the model to load skills. The wording of such a tool is part of the treatment;
ours describes and urges nothing (``prompts/skill_tools.yaml``). This module never runs a skill's scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, Literal

from inspect_ai.tool import Tool, ToolDef, ToolError, tool
from inspect_ai.util import StoreModel, store_as
from pydantic import BaseModel, ConfigDict, Field

from redgreenbench.evals.catalogue import HERE, read_yaml, validate
from redgreenbench.evals.skillfolder import SKILL_FILE, Skill

__all__ = [
    "LOAD",
    "READ",
    "SkillCall",
    "SkillCalls",
    "ToolTexts",
    "count_turn",
    "load_skill",
    "read_skill_file",
    "tool_texts",
]

LOAD: Final = "load_skill"
READ: Final = "read_skill_file"


class _LoadTexts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    name: str


class _ReadTexts(_LoadTexts):
    path: str


class ToolTexts(BaseModel):
    """What the tools say to the model.

    Attributes:
        load_skill: Description of the tool and its parameter.
        read_skill_file: Likewise.
        files: What stands above the names of a skill's other files.
        no_skill: Answer to an unknown name, with ``{name}`` and ``{names}``.
        no_file: Answer to an unknown path, with ``{name}``, ``{path}`` and ``{paths}``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    load_skill: _LoadTexts
    read_skill_file: _ReadTexts
    files: str
    no_skill: str
    no_file: str


@cache
def tool_texts() -> ToolTexts:
    """The texts in ``evals/prompts/skill_tools.yaml``."""
    path = HERE / "prompts" / "skill_tools.yaml"
    return validate(ToolTexts, read_yaml(path), path)


class SkillCall(BaseModel):
    """One call of one of the tools.

    Attributes:
        tool: Which.
        name: The skill's name as the model gave it.
        path: The file's path as the model gave it; None for `load_skill`.
        skill_exists: Whether there is a skill of this name.
        existed: Whether there was what the call asked for.
        turn: Number of the assistant's turn that called, from 1; 0 where nobody counted.
    """

    tool: Literal["load_skill", "read_skill_file"]
    name: str
    path: str | None = None
    skill_exists: bool
    existed: bool
    turn: int = 0

    @property
    def loads(self) -> bool:
        """Whether it gave the model the skill's own text, by whichever tool."""
        return self.existed and self.path in (None, SKILL_FILE)

    @property
    def reads(self) -> bool:
        """Whether it gave the model another file of a skill."""
        return self.existed and not self.loads


class SkillCalls(StoreModel):
    """Every call in a sample, in order."""

    calls: list[SkillCall] = Field(default_factory=list)


def _unknown_turn() -> int:
    return 0


def _record(call: SkillCall) -> None:
    record = store_as(SkillCalls)
    # Assigned and not appended: only then does the store see a change.
    record.calls = [*record.calls, call]


def count_turn(turn: int) -> None:
    """Sets the turn of the last call, for tools that cannot see the conversation.

    Args:
        turn: Number of the assistant's turn that called, from 1.
    """
    record = store_as(SkillCalls)
    if record.calls:
        record.calls = [*record.calls[:-1], record.calls[-1].model_copy(update={"turn": turn})]


def _no_skill(name: str, skills: Mapping[str, Skill]) -> ToolError:
    return ToolError(tool_texts().no_skill.format(name=name, names=", ".join(skills)))


def _normalized_path(path: str) -> str:
    return path.strip().removeprefix("./")


@tool
def load_skill(skills: Mapping[str, Skill], turn: Callable[[], int] = _unknown_turn) -> Tool:
    """A tool that returns a skill's text and the names of its other files.

    Args:
        skills: The skills that can be loaded, by name.
        turn: Gives the number of the assistant's present turn.
    """
    texts = tool_texts()

    async def execute(name: str) -> str:
        skill = skills.get(name)
        there = skill is not None
        _record(SkillCall(tool=LOAD, name=name, skill_exists=there, existed=there, turn=turn()))
        if skill is None:
            raise _no_skill(name, skills)
        if not skill.sheets:
            return skill.body
        return "\n".join([skill.body, "", texts.files, *(f"- {path}" for path, _ in skill.sheets)])

    # A skill is given whole: inspect would cut the middle out of a long one.
    about = texts.load_skill
    return ToolDef(execute, "load_skill", about.description, {"name": about.name}, max_output=0).as_tool()


@tool
def read_skill_file(skills: Mapping[str, Skill], turn: Callable[[], int] = _unknown_turn) -> Tool:
    """A tool that returns one text file of a skill's folder.

    Args:
        skills: The skills whose files can be read, by name.
        turn: Gives the number of the assistant's present turn.
    """
    texts = tool_texts()

    async def execute(name: str, path: str) -> str:
        skill = skills.get(name)
        files = {SKILL_FILE: skill.body, **dict(skill.sheets)} if skill else {}
        # Paths are keys of a table and never reach a file system.
        text = files.get(_normalized_path(path))
        call = SkillCall(
            tool=READ,
            name=name,
            path=_normalized_path(path),
            skill_exists=skill is not None,
            existed=text is not None,
            turn=turn(),
        )
        _record(call)
        if skill is None:
            raise _no_skill(name, skills)
        if text is None:
            raise ToolError(texts.no_file.format(name=name, path=path, paths=", ".join(files)))
        return text

    about = texts.read_skill_file
    return ToolDef(
        execute,
        READ,
        about.description,
        {"name": about.name, "path": about.path},
        max_output=0,
    ).as_tool()
