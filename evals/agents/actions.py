"""What an agent's tool calls do: run the program, run something else, look, or none of these.

Decided from the arguments alone. Whether a call changed the program is not read from its arguments: the history knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from inspect_ai.model import ChatMessage, ChatMessageAssistant
from inspect_ai.tool import ToolCall

__all__ = ["calls_of", "runs_program"]

# The interpreter, then the program as its script or module, in one command: `cat program.py | python` runs nothing of it.
_SHELL = re.compile(
    r"(?:^|[\s;&|(/])python[\d.]*\s(?:[^\n;|&]*?\s)?(?:\S*/)?program\.py\b|(?:^|[\s;&|(/])python[\d.]*\s[^\n;|&]*?-m\s+program\b",
    re.M,
)
_IMPORTS = re.compile(
    r"^\s*(?:import\s+program\b|from\s+program\s+import\b)|\brun_(?:path|module)\(\s*[\"'](?:\S*/)?program|"
    r"\bimport_module\(\s*[\"']program[\"']|\bexec\(.*\bprogram\.py\b|\[[^\]\n]*python[^\]\n]*program\.py[^\]\n]*\]",
    re.M,
)


def calls_of(messages: Iterable[ChatMessage]) -> Iterator[ToolCall]:
    """Every tool call of the model, in order."""
    for message in messages:
        if isinstance(message, ChatMessageAssistant):
            yield from message.tool_calls or ()


def runs_program(call: ToolCall) -> bool:
    """Whether a call runs the program, as a script or by importing it."""
    texts = [value for value in call.arguments.values() if isinstance(value, str)]
    if call.function == "text_editor":
        return False
    if call.function == "python":
        return any(_IMPORTS.search(text) for text in texts)
    # A shell may hold Python as a here-document or after -c.
    return any(
        _SHELL.search(text) or ("python" in text and _IMPORTS.search(_unquoted(text))) for text in texts
    )


def _unquoted(text: str) -> str:
    """Python after ``-c`` on lines of its own."""
    return re.sub(r"-c\s+[\"']|;", "\n", text)
