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

from redgreenbench.reference_bugs.files import Files, as_files


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


def edit_size(before: str | Files, after: str | Files) -> EditSize:
    """Compares two programs.

    Args:
        before: The program as it was: its files, or the text of a single one.
        after: The program as it is.

    Returns:
        How much was added and removed.

    Raises:
        SyntaxError: If one of them does not parse.
    """
    first, second = as_files(before), as_files(after)
    changed = 0
    for path in {**first, **second}:
        old, new = _code_lines(first.get(path, "")), _code_lines(second.get(path, ""))
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        codes = matcher.get_opcodes()
        changed += sum((i2 - i1) + (j2 - j1) for tag, i1, i2, j1, j2 in codes if tag != "equal")
    had = sum(map(_labels, first.values()), Counter[str]())
    has = sum(map(_labels, second.values()), Counter[str]())
    return EditSize(changed, (had - has).total() + (has - had).total())


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
