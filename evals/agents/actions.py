"""What an agent's tool calls do: run the program, run something else, look, or none of these.

Decided from the arguments alone. Whether a call changed the program is not read from its arguments: the history knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from inspect_ai.model import ChatMessage, ChatMessageAssistant
from inspect_ai.tool import ToolCall

from redgreenbench.reference_bugs.files import PROGRAM

__all__ = ["SUBMIT", "calls_of", "runs_program"]

SUBMIT = "submit"
"""Name of the tool with which an agent ends its work."""

# Modules that only read a program that they are given.
_READERS = (
    r"(?:py_compile|compileall|ast|tokenize|dis|tabnanny|pyclbr|symtable|json\.tool|py?lint|pyflakes|flake8|ruff|black"
    r"|isort|autopep8|yapf|mypy|pyright|pycodestyle|vulture|bandit|difflib)\b"
)


@cache
def _patterns(names: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What runs modules of these names as scripts from a shell, and what imports or starts them from Python."""
    name = f"(?:{'|'.join(map(re.escape, names))})"
    # The interpreter, its options, then the program as its script: `cat program.py | python` and `python edit.py program.py`
    # run nothing of it. What `-m` starts may run the program, as a debugger or a profiler does.
    shell = re.compile(
        r"(?:^|[\s;&|(/]|-l?c\s[\"'])python[\d.]*\s+"
        rf"(?:-[WX]\s*\S+\s+|-m\s+(?!{_READERS})[^\n;|&]*?\s|-[bBdEiIOPqsSuvx]+\s+)*"
        rf"(?:(?:-m\s+{name}\b(?!\.py))|[\"']?(?:[^\s'\"();|&]*/)?{name}\.py\b)",
        re.M,
    )
    imports = re.compile(
        rf"^\s*(?:import\s+{name}\b|from\s+{name}\s+import\b)|\brun_(?:path|module)\(\s*[\"'](?:\S*/)?{name}|"
        rf"\bimport_module\(\s*[\"']{name}[\"']|\bexec\(.*\b{name}\.py\b|"
        rf"\[[^\]\n]*(?:python|sys\.executable)[^\]\n]*{name}\.py[^\]\n]*\]",
        re.M,
    )
    return shell, imports


_STARTS = re.compile(r"\bos\.system\(|\bsubprocess\b|\bPopen\(")


def calls_of(messages: Iterable[ChatMessage]) -> Iterator[ToolCall]:
    """Every tool call of the model, in order."""
    for message in messages:
        if isinstance(message, ChatMessageAssistant):
            yield from message.tool_calls or ()


def runs_program(call: ToolCall, paths: Iterable[str] = (PROGRAM,)) -> bool:
    """Whether a call runs the program, as a script or by importing it.

    Args:
        call: The call.
        paths: The program's files; of a project any counts.
    """
    if call.function == "text_editor":
        return False
    shell, imports = _patterns(tuple(path.removesuffix(".py") for path in paths))
    texts = [re.sub(r"^\s*#.*$", "", text, flags=re.M) for text in _argument_texts(call)]
    if call.function == "python":
        return any(
            imports.search(text) or (_STARTS.search(text) and shell.search(re.sub("[\"']", "\n", text)))
            for text in texts
        )
    # A shell may hold Python as a here-document or after -c.
    return any(shell.search(text) or ("python" in text and imports.search(_unquoted(text))) for text in texts)


def _argument_texts(call: ToolCall) -> Iterator[str]:
    """A call's arguments as text; some agents give a command as a list of words."""
    for value in call.arguments.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list) and all(isinstance(word, str) for word in value):
            yield "\n".join(value)


def _unquoted(text: str) -> str:
    """Python after ``-c`` on lines of its own."""
    return re.sub(r"-c\s+[\"']|;", "\n", text)
