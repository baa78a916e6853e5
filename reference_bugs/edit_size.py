"""Measures how much of a program an edit touches, in lines and in syntax.

It refuses to judge: a small edit may be wrong and a large one right. Comments, blank lines and formatting
count for nothing.
"""

import ast
import difflib
import io
import tokenize
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class EditSize:
    """The size of an edit.

    Attributes:
        lines: Lines added plus lines removed, comments and blank lines aside.
        nodes: Nodes of the syntax tree added plus removed: the difference of two multisets of labels. A label
            is a node's type with its names, constants and operators, so moving code counts only in lines.
    """

    lines: int
    nodes: int


def edit_size(before: str, after: str) -> EditSize:
    """Compares two programs.

    Args:
        before: The program as it was.
        after: The program as it is.

    Returns:
        How much was added and removed.

    Raises:
        SyntaxError: If one of them does not parse.
    """
    old, new = _code_lines(before), _code_lines(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changed = sum((i2 - i1) + (j2 - j1) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal")
    first, second = _labels(before), _labels(after)
    return EditSize(changed, (first - second).total() + (second - first).total())


def _code_lines(text: str) -> list[str]:
    """Lines with code on them, without comments; comparing by tokens keeps a `#` inside of a string."""
    text = text.lstrip("\ufeff")
    ast.parse(text)
    comments: dict[int, int] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = token.start[1]
    except tokenize.TokenError:
        comments = {}
    lines = [line[: comments.get(number)] for number, line in enumerate(io.StringIO(text), start=1)]
    return [line.rstrip() for line in lines if line.strip()]


def _labels(text: str) -> Counter[str]:
    return Counter(map(_label, ast.walk(ast.parse(text.lstrip("\ufeff")))))


def _label(node: ast.AST) -> str:
    values = [
        f"{name}={value!r}"
        for name, value in ast.iter_fields(node)
        if not isinstance(value, ast.AST | list) and value is not None
    ]
    return f"{type(node).__name__}({', '.join(values)})"
