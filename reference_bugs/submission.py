"""Takes the program out of a reply: the last block that gives one, whole, as whole definitions, or as a strict diff.

A reply is asked for the complete program in one Python code block, so nothing is guessed: no prose, no loose statements,
no hunks that nearly fit. Markdown is read by markdown-it-py, Python by `ast`, diffs by whatthepatch.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import whatthepatch
from markdown_it import MarkdownIt
from whatthepatch.exceptions import WhatThePatchException

__all__ = [
    "MAX_BYTES",
    "PatchError",
    "Submission",
    "apply_patch",
    "code_blocks",
    "gone",
    "read_submission",
    "too_long",
    "without_reasoning",
]

MAX_BYTES = 1_000_000
"""A longer reply or program, in UTF-8, is not read."""
_PYTHON = ("", "python", "py", "python3", "py3")
_DIFF = ("diff", "patch", "udiff")
_LANGUAGE = re.compile(r"[\s{.]*(\w*)")
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


class PatchError(Exception):
    """A diff that does not apply as it stands; its text is the reason, in one line."""


@dataclass(frozen=True)
class Submission:
    """The program that a reply gives.

    Attributes:
        source: Its text; None where the reply gives none.
        how: ``whole``: a complete program; ``definitions``: whole functions and classes put in the place of those of the
            same name; ``diff``; empty where there is none.
        problem: Why there is none, in one line; empty where there is one.
        open: Whether the block that counts, or the last one, was never closed: a reply cut off there is not whole.
    """

    source: str | None = None
    how: Literal["", "whole", "definitions", "diff"] = ""
    problem: str = ""
    open: bool = False


@dataclass(frozen=True)
class _Block:
    language: str
    text: str
    closed: bool


def too_long(text: str) -> bool:
    """Whether a text is longer than `MAX_BYTES`."""
    return len(text) > MAX_BYTES or len(text.encode(errors="surrogatepass")) > MAX_BYTES


def without_reasoning(reply: str) -> str:
    """A reply without its reasoning: what stands in ``<think>`` tags that open a line; an unclosed one hides the rest."""
    before, closing, after = reply.partition("</think>")
    # Some models' templates open the reasoning themselves, so that only its end stands in the reply.
    rest = after if closing and "<think>" not in before else reply
    kept = ""
    while "<think>" in rest:
        before, opening, inside = rest.partition("<think>")
        if before.rpartition("\n")[2].strip():
            kept, rest = kept + before + opening, inside
        else:
            kept, rest = kept + before, inside.partition("</think>")[2]
    return kept + rest


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark").disable("inline")


def code_blocks(reply: str) -> list[_Block]:
    """The fenced code blocks of a reply, in order, with the first word of their info string in lower case."""
    text = without_reasoning(reply.removeprefix("\ufeff")).replace("\x00", "\ufffd")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = []
    for token in _markdown().parse(text):
        if token.type == "fence" and token.map is not None:
            language = _LANGUAGE.match(token.info.lower())[1]  # type: ignore[index]
            last = lines[token.map[1] - 1] if token.map[1] <= len(lines) else ""
            closed = token.map[1] - token.map[0] > 1 and last.lstrip(" \t>").startswith(token.markup)
            found.append(_Block(language, token.content, closed))
    return found


def read_submission(reply: str, original: str, kept: Sequence[str] = ()) -> Submission:
    """The program that a reply gives.

    Args:
        reply: The reply, in Markdown.
        original: The program that it was asked about.
        kept: Names that a whole program has to keep; none: those of all functions and classes.
    """
    if too_long(reply):
        return Submission(problem=f"the reply is longer than {MAX_BYTES:,} bytes")
    blocks = code_blocks(reply)
    if not blocks:
        return Submission(problem="the reply has no code block")
    known = {node.name for node in _definitions(ast.parse(original))}
    kept = kept or sorted(known)
    read = [_read(block, original, known, kept) for block in blocks]
    wholes = [found for found, _ in read if found.how in ("whole", "diff")]
    parts = [
        (found, names) for found, names in read if found.how == "definitions" or (names and not found.source)
    ]
    given = _syntax(original)
    changed = [found for found in wholes if _syntax(found.source or "") != given]
    changed_parts = [
        (found, names) for found, names in parts if not found.source or _syntax(found.source) != given
    ]
    if changed:
        # A whole program is what was asked for: excerpts of it or of the old one beside it change nothing.
        return changed[-1]
    if changed_parts:
        last, names = changed_parts[-1]
        if last.source is None or any(not others <= names for _, others in changed_parts):
            problem = (
                last.problem or "several code blocks hold different parts of the program, none the whole"
            )
            return Submission(problem=problem, open=not blocks[-1].closed)
        return last
    if wholes:
        return wholes[-1]
    problem = next((found.problem for found, _ in reversed(read) if found.problem), "")
    if parts:
        problem = "the code blocks repeat parts of the program and change nothing"
    return Submission(problem=problem or "no code block holds a program", open=not blocks[-1].closed)


def _read(
    block: _Block, original: str, known: set[str], kept: Sequence[str]
) -> tuple[Submission, frozenset[str]]:
    """What one block gives, and the names of the original that it defines."""
    if block.language in _DIFF or _looks_like_diff(block.text):
        try:
            patched = apply_patch(original, block.text)
            ast.parse(patched)
        except PatchError as error:
            return Submission(problem=f"the diff does not apply: {error}"), frozenset()
        except _UNPARSABLE as error:
            return Submission(problem=f"the diff makes a program that does not parse: {error}"), frozenset()
        return Submission(patched, "diff", open=not block.closed), frozenset()
    if block.language not in _PYTHON:
        return Submission(), frozenset()
    try:
        tree = ast.parse(block.text)
    except _UNPARSABLE as error:
        return Submission(problem=f"a code block is no Python: {_one_line(error)}"), frozenset()
    defined = {node.name for node in _definitions(tree)}
    shared = frozenset(defined & known)
    if not shared:
        return Submission(problem="a code block defines nothing of the program"), shared
    imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)
    parts = all(isinstance(node, ast.Import | ast.ImportFrom) or _named(node) for node in tree.body)
    if parts and not (imports and known <= defined):
        return Submission(_replaced(original, block.text, tree), "definitions", open=not block.closed), shared
    lost = gone(block.text, kept)
    if not lost:
        return Submission(block.text.rstrip("\n"), "whole", open=not block.closed), shared
    missing = ", ".join(f"`{name}`" for name in lost)
    return Submission(problem=f"the program in the code block does not define {missing}"), shared


def _syntax(source: str) -> str:
    """A program without comments and layout."""
    try:
        return ast.dump(ast.parse(source))
    except _UNPARSABLE:
        return source


def _looks_like_diff(text: str) -> bool:
    return text.startswith(("--- ", "diff --git ", "@@ -")) and "\n@@ -" in f"\n{text}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _definitions(tree: ast.Module) -> list[_Definition]:
    return [node for node in tree.body if isinstance(node, _Definition)]


def _named(node: ast.stmt) -> bool:
    """Whether a statement is a docstring, dots, or gives a name a value."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return bool(_target(node))


def _target(node: ast.stmt) -> str:
    """The one name that a definition or an assignment gives a value; else empty."""
    if isinstance(node, _Definition):
        return node.name
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    target = node.target if isinstance(node, ast.AnnAssign) else target
    return target.id if isinstance(target, ast.Name) else ""


def _span(node: ast.stmt) -> tuple[int, int]:
    """First line, decorators included, and last line of a statement, from 1."""
    above = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in above)]), node.end_lineno or node.lineno


def _replaced(original: str, block: str, tree: ast.Module) -> str:
    """The original with the block's definitions in the place of those of the same name; what is new stands before them."""
    old, new = original.split("\n"), block.split("\n")
    places = {_target(node): _span(node) for node in ast.parse(original).body if _target(node)}
    starts = [_span(node)[0] for node in _definitions(ast.parse(original))]

    def text(node: ast.stmt) -> list[str]:
        first, last = _span(node)
        return new[first - 1 : last]

    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    future = [node for node in imports if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    # What is new stands where it stands in the block: before or behind what it stands beside there.
    lines_of: dict[str, list[str]] = {}
    waiting: list[str] = []
    last = ""
    for node in tree.body:
        if node in imports or isinstance(node, ast.Expr):
            continue
        if _target(node) in places:
            last = _target(node)
            lines_of[last] = [*waiting, *text(node)]
            waiting = []
        elif last:
            lines_of[last] += ["", "", *text(node)]
        else:
            waiting += [*text(node), "", ""]
    lines = list(old)
    for name in sorted(lines_of, key=lambda name: -places[name][0]):
        first, end = places[name]
        lines[first - 1 : end] = lines_of[name]
    start = min(starts) - 1
    brought = [line for node in imports if node not in future for line in text(node)]
    head = [line for node in future for line in text(node)]
    return "\n".join([*head, *lines[:start], *brought, *(["", ""] if brought else []), *lines[start:]])


def gone(source: str, names: Sequence[str]) -> list[str]:
    """Those of the names that a program no longer binds; none where it cannot be parsed."""
    try:
        tree = ast.parse(source)
    except _UNPARSABLE:
        return []
    bound = {
        part.id for part in ast.walk(tree) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
    bound |= {part.name for part in ast.walk(tree) if isinstance(part, _Definition)}
    bound |= {
        (alias.asname or alias.name).split(".")[0]
        for part in ast.walk(tree)
        if isinstance(part, ast.Import | ast.ImportFrom)
        for alias in part.names
    }
    return [name for name in names if name not in bound]


def apply_patch(program: str, patch: str) -> str:
    """Applies a unified diff exactly as it stands: every line of context at the line that it names.

    Args:
        program: What the patch is for.
        patch: A diff of one file.

    Returns:
        The program after all hunks.

    Raises:
        PatchError: It is no unified diff of one file, or does not fit.
    """
    _check_counts(patch)
    try:
        diffs = [diff for diff in whatthepatch.parse_patch(patch) if diff.changes]
        if len(diffs) != 1:
            raise PatchError("it is no diff of one file")
        lines = whatthepatch.apply_diff(diffs[0], program)
    except WhatThePatchException as error:
        raise PatchError(_one_line(error)) from error
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise PatchError(f"it is malformed ({type(error).__name__})") from error
    return "\n".join(lines)


def _check_counts(patch: str) -> None:
    """Refuses a diff whose hunks are shorter or longer than their headers say, which whatthepatch lets pass.

    Raises:
        PatchError: It is one, or there is no hunk at all.
    """
    lines = patch.splitlines()
    heads = [number for number, line in enumerate(lines) if _HUNK.match(line)]
    if not heads:
        raise PatchError("it has no hunk of a unified diff")
    for start, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        head = _HUNK.match(lines[start])
        assert head is not None
        old, new = (int(count) if count else 1 for count in head.groups())
        for line in lines[start + 1 : end]:
            if old <= 0 and new <= 0:
                break
            old -= line[:1] in ("", " ", "-")
            new -= line[:1] in ("", " ", "+")
        if old or new:
            raise PatchError(f"the hunk `{lines[start]}` has other lines than it says")
