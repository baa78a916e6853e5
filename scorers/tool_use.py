"""Which debugging tools an answer uses or recommends, in code, tool calls or prose, and whether they fit.

Deterministic. Values are 0 or 1; a key that does not apply is NaN:

- ``any``: at least one debugging tool.
- ``fitting``: at least one of those that the bug's folder names as fitting (only for scenarios with a bug).
- ``focused``: no more than half of all known tools, which nobody needs at once.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from inspect_ai.model import ChatMessage, ChatMessageAssistant
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from redgreenbench.evals.catalogue import HERE, read_yaml, validate
from redgreenbench.evals.schema import Pattern
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.scorers.means import means
from redgreenbench.scorers.reading import Answer, is_negated, read
from redgreenbench.scorers.rescoring import findable

__all__ = ["KEYS", "SCORER_VERSION", "Tool", "find_tools", "load_tools", "tool_use"]

SCORER_VERSION = 1
KEYS = ("any", "fitting", "focused")


class Tool(BaseModel):
    """A debugging tool and how it shows.

    Attributes:
        says: What it is.
        calls: Dotted names of functions, or their ends.
        code: Patterns in code.
        mentions: Patterns in sentences that do not speak against it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: str = Field(min_length=10)
    calls: tuple[str, ...] = ()
    code: tuple[Pattern, ...] = ()
    mentions: tuple[Pattern, ...] = ()


@cache
def load_tools() -> dict[str, Tool]:
    """The debugging tools by id, in the order of ``evals/tools.yaml``."""
    path = HERE / "tools.yaml"
    return validate(TypeAdapter(dict[str, Tool]), read_yaml(path), path)


def find_tools(answer: Answer, extra_code: Iterable[str] = ()) -> dict[str, str]:
    """The tools in an answer, each with the words that show it, in the order of the tools' file.

    Args:
        answer: The answer.
        extra_code: Code and commands that were not written as blocks, such as the arguments of tool calls.
    """
    code = [*(block for _, block in answer.code_blocks), *extra_code]
    trees = [*answer.trees, *(tree for text in extra_code if (tree := _tree(text)))]
    called = [name for tree in trees for name in _called(tree)]
    found = {}
    for name, tool in load_tools().items():
        shown = _shown(tool, answer, code, called)
        if shown:
            found[name] = " ".join(shown.split())[:160]
    return found


def _shown(tool: Tool, answer: Answer, code: Sequence[str], called: Sequence[str]) -> str:
    for wanted in tool.calls:
        for call in called:
            if call == wanted or call.endswith(f".{wanted}"):
                return call
    for pattern in tool.code:
        for block in code:
            if match := _compiled(pattern).search(block):
                return match[0]
    # Diffs and shell lines do not parse; there a name with a bracket is a call as well.
    for wanted in tool.calls:
        for block in code:
            if match := re.search(rf"\b{re.escape(wanted)}\(", block):
                return match[0]
    for pattern in tool.mentions:
        for sentence in answer.sentences:
            for match in _compiled(pattern).finditer(sentence.text):
                if not is_negated(sentence.text, match.start(), match.end()):
                    return sentence.text
    return ""


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.I | re.M)


def _tree(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _called(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            try:
                yield ast.unparse(node.func)
            except RecursionError:
                continue


def _arguments(messages: Sequence[ChatMessage]) -> list[str]:
    """What an agent ran: every text among the arguments of its tool calls."""
    found: list[str] = []
    for message in messages:
        for call in (message.tool_calls or ()) if isinstance(message, ChatMessageAssistant) else ():
            found += [v if isinstance(v, str) else json.dumps(v) for v in call.arguments.values()]
    return found


@scorer(metrics=[means()])
def tool_use() -> Scorer:
    """Finds the debugging tools that each answer uses or recommends."""

    async def score(state: TaskState, target: Target) -> Score:
        spoken = [m.text for m in state.messages if isinstance(m, ChatMessageAssistant)]
        found = find_tools(read("\n\n".join(spoken)), _arguments(state.messages))
        bug = state.metadata.get("bug")
        fits = set(bug_folder(bug).about["tools"]) if bug else set()
        fitting = [name for name in found if name in fits]
        value = {
            "any": float(bool(found)),
            "fitting": float(bool(fitting)) if fits else math.nan,
            "focused": float(2 * len(found) <= len(load_tools())),
        }
        lines = [
            f"{name}{' (fits)' if name in fitting else ' (of no use here)' if fits else ''}: “{shown}”"
            for name, shown in found.items()
        ]
        if fits:
            lines.append(f"Fitting tools: {', '.join(sorted(fits))}.")
        return Score(
            value={key: value[key] for key in KEYS},
            answer=", ".join(found) or "(no debugging tool)",
            explanation="\n".join(lines) or "No debugging tool is used or recommended.",
            metadata={"scorer_version": SCORER_VERSION, "tools": list(found), "fitting": fitting},
        )

    return score


findable(tool_use)
