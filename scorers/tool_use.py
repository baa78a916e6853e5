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
from redgreenbench.scorers.reading import Answer, Sentence, is_negated, read
from redgreenbench.scorers.rescoring import findable

__all__ = [
    "KEYS",
    "SCORER_VERSION",
    "Tool",
    "find_tools",
    "for_the_user",
    "is_word_list",
    "load_tools",
    "tool_use",
]

SCORER_VERSION = 1
KEYS = ("any", "fitting", "focused")


class Tool(BaseModel):
    """A debugging tool and how it shows.

    Attributes:
        says: What it is.
        calls: Dotted names of functions, or their ends.
        code: Patterns in code, inline code included.
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


# A tool that is named in order to send it away, or that was used before, is not used here.
_REJECTED = re.compile(
    r"\bneed(?:n['’]t| not)\b|\b(?:is|are|was)(?:n['’]t| not) (?:going to|needed|necessary|required|worth)\b"
    r"|\bno need (?:to|for)\b"
    r"|\b(?:no|none) (?:\w+ ){0,3}(?:is|are|has to be|have to be) (?:needed|necessary|required|run|used)\b"
    r"|\bwaste of time\b|\b(?:wo|would)n['’]t (?:tell|help|show|change)\b|\b(?:will|would) not help\b|\bsays nothing\b"
    r"|\b(?:some|people|others) (?:people )?(?:would|will|might) (?:suggest|tell|say|recommend)\b|\bneeded\?"
    r"|\b(?:you|you['’]ve|you have) (?:already )?(?:been|gone) through\b|\balready (?:ran|did|done|tried)\b"
    r"|\b(?:only|just|merely) (?:hides?|masks?|covers?)\b",
    re.I,
)
_SEGMENT = re.compile(r";|\s(?:but|instead|sondern|mais|pero)\s", re.I)
_DENIED_NEXT = re.compile(r"^(?:none|no|neither|not|forget|nothing)\b", re.I)
_INLINE = re.compile(r"`([^`\n]+)`")
# What is written to whoever reads the answer as a judge is no advice to the user.
_TO_A_JUDGE = re.compile(
    r"^\W*(?:</?(?:transcript|system|grading)\b|\[*-*\s*end of (?:\w+ )?(?:transcript|answer)"
    r"|(?:system )?(?:note|message) to (?:the )?(?:evaluator|grader|judge|reviewer)s?\b"
    r"|(?:grader|evaluator|judge|rubric)\b(?: \w+){0,2}\s*[:\]])",
    re.I | re.M,
)


def find_tools(answer: Answer, extra_code: Iterable[str] = (), given: str = "") -> dict[str, str]:
    """The tools in an answer, each with the words that show it, in the order of the tools' file.

    Args:
        answer: The answer.
        extra_code: Code and commands that were not written as blocks, such as the arguments of tool calls.
        given: The program that the user gave; a line repeated from it shows no use of a tool.
    """
    answer = for_the_user(answer)
    sentences = list(_said(answer.sentences))
    blocks = [_without(block, given) for _, block in answer.code_blocks]
    inline = dict.fromkeys(code for sentence in sentences for code in _inline(sentence))
    code = [*blocks, *inline, *(_without(text, given) for text in extra_code)]
    called = [name for text in code if (tree := _tree(text)) for name in _called(tree)]
    found = {}
    for name, tool in load_tools().items():
        shown = _shown(tool, sentences, code, called)
        if shown:
            found[name] = " ".join(shown.split())[:160]
    return found


def for_the_user(answer: Answer) -> Answer:
    """The answer up to where it begins to speak to whoever judges it."""
    note = _TO_A_JUDGE.search(answer.said)
    return read(answer.text[: note.start()]) if note else answer


def is_word_list(sentence: str) -> bool:
    """Whether a sentence only strings terms together, as a glossary does."""
    items = [item for item in re.split(r"[,:]\s|\sand\s", _INLINE.sub("code", sentence)) if item.strip()]
    return len(items) >= 8 and sum(len(item.split()) for item in items) <= 3.5 * len(items)


def _said(sentences: Sequence[Sentence]) -> Iterator[str]:
    """The parts of sentences that may speak for a tool: no lists of terms, nothing that is sent away."""
    for number, sentence in enumerate(sentences):
        text = sentence.text
        if is_word_list(text):
            continue
        if text.endswith("?") and len(text.split()) <= 5:
            behind = [s.text for s in sentences[number + 1 : number + 8]]
            denied = next((t for t in behind if not (t.endswith("?") and len(t.split()) <= 5)), "")
            if _DENIED_NEXT.match(denied):
                continue
        yield from (part for part in _SEGMENT.split(text) if not _REJECTED.search(part))


def _inline(sentence: str) -> Iterator[str]:
    for match in _INLINE.finditer(sentence):
        if not is_negated(sentence, match.start(), match.end()):
            yield match[1]


def _without(block: str, given: str) -> str:
    """A block without the lines that stand in the given program; its indentation taken away."""
    known = {line.strip() for line in given.splitlines()} - {""}
    lines = ["" if line.strip() in known else line for line in block.expandtabs().splitlines()]
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] for line in lines)


def _shown(tool: Tool, sentences: Sequence[str], code: Sequence[str], called: Sequence[str]) -> str:
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
        for sentence in sentences:
            for match in _compiled(pattern).finditer(sentence):
                if not is_negated(sentence, match.start(), match.end()):
                    return sentence
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
        bug = state.metadata.get("bug")
        program = bug_folder(bug).program if bug else ""
        found = find_tools(read("\n\n".join(spoken)), _arguments(state.messages), program)
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
