"""Which debugging tools the code of a reply, or of an agent, uses, and whether they fit the bug. Found in syntax trees.

What the given program does as often shows no use of a tool. Values are 0 or 1:

- ``any``: at least one debugging tool.
- ``fitting``: at least one of those that the bug's folder names as fitting.
"""

from __future__ import annotations

import ast
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from redgreenbench.evals.agents.actions import calls_of
from redgreenbench.evals.catalogue import HERE, read_yaml, validate
from redgreenbench.reference_bugs.submission import code_blocks
from redgreenbench.scorers.answer import Answer
from redgreenbench.scorers.scored import NotApplicable, ScorerResult, scored

__all__ = ["Tool", "load_tools", "tool_use", "tools_in"]

_DISPLAY_CALLS = ("print", "log", "append", "add_scalar", "info", "debug", "warning", "write", "plot")
_STATEMENTS = {"assert": ast.Assert, "raise": ast.Raise}


class Tool(BaseModel):
    """A debugging tool and how it shows in code.

    Attributes:
        says: What it is.
        calls: Dotted names of functions, or their ends.
        shown: Names among what is printed, logged or asserted.
        assigned: Functions whose result is kept.
        statements: Kinds of statements.
        environment: Variables that are set.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: str = Field(min_length=10)
    calls: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    statements: tuple[Literal["assert", "raise"], ...] = ()
    environment: tuple[str, ...] = ()


@cache
def load_tools() -> dict[str, Tool]:
    """The debugging tools by id, in the order of ``evals/tools.yaml``."""
    path = HERE / "tools.yaml"
    return validate(TypeAdapter(dict[str, Tool]), read_yaml(path), path)


def tools_in(code: Iterable[str], commands: Iterable[str] = (), given: Iterable[str] = ()) -> set[str]:
    """The tools that Python code and shell commands use; what does not parse uses none.

    Args:
        code: Pieces of Python.
        commands: Shell commands.
        given: The files that were given; only what a piece does more often than it counts.
    """
    before = sum(map(_feature_counts, given), Counter[tuple[str, str]]())
    used = {mark for text in code for mark in _feature_counts(text) - before}
    for command in commands:
        used |= {("environment", word.partition("=")[0]) for word in _words(command) if "=" in word}
    return {
        name
        for name, tool in load_tools().items()
        if any(_is_feature(tool, kind, what) for kind, what in used)
    }


def _feature_counts(code: str) -> Counter[tuple[str, str]]:
    try:
        return Counter(_code_features(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Counter()


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return []


def _is_feature(tool: Tool, kind: str, what: str) -> bool:
    wanted: tuple[str, ...] = getattr(tool, kind)
    return any(
        what == name or (kind in ("calls", "assigned") and what.endswith(f".{name}")) for name in wanted
    )


def _code_features(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Pairs of a field of `Tool` and what stands in it, for everything in a syntax tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _dotted(node.func)
            yield "calls", name
            if name.rpartition(".")[2] in _DISPLAY_CALLS:
                yield from (
                    ("shown", shown) for part in (*node.args, *node.keywords) for shown in _names(part)
                )
        elif isinstance(node, ast.Assert):
            yield "statements", "assert"
            yield from (("shown", shown) for shown in _names(node.test))
        elif isinstance(node, ast.Raise):
            yield "statements", "raise"
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            yield "assigned", _dotted(node.value.func)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield "environment", node.value


def _names(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.Name):
            yield part.id


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


@scored("tool_use", version=2, keys=("any", "fitting"))
def tool_use(answer: Answer) -> ScorerResult:
    """Finds the debugging tools that the code of each reply uses."""
    if answer.bug is None:
        raise NotApplicable("There is no program here.")
    code: list[str] = []
    commands: list[str] = []
    for turn in answer.turns:
        code += [
            block.text
            for block in code_blocks(turn.text)
            if block.language in ("", "python", "py", "python3")
        ]
    for call in calls_of(answer.state.messages):
        texts = [value for value in call.arguments.values() if isinstance(value, str)]
        (code if call.function == "python" else commands).extend(texts)
    if answer.history is not None:
        code += answer.history.texts.values()
    used = tools_in(code, commands, answer.bug.files.values())
    fits = set(answer.bug.about["tools"])
    fitting = sorted(used & fits)
    return ScorerResult(
        value={"any": bool(used), "fitting": bool(fitting) if fits else None},
        answer=", ".join(sorted(used)) or "(no debugging tool)",
        lines=[f"Used in code: {', '.join(sorted(used)) or 'none'}.", f"Fitting: {', '.join(sorted(fits))}."],
        about={"tools": sorted(used), "fitting": fitting},
    )
