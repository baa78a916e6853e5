"""Takes the program out of a reply: the last block that gives a file, whole, as whole definitions, or as a strict diff.

A reply is asked for the complete program in one Python code block, or for the changed files of a project in one each, so
nothing is guessed: no prose, no loose statements, no hunks that nearly fit, no file without its name. Markdown is read by
markdown-it-py, Python by `ast`, diffs by whatthepatch.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import whatthepatch
from markdown_it import MarkdownIt
from whatthepatch.exceptions import WhatThePatchException

from redgreenbench.reference_bugs.files import (
    MAX_BYTES,
    PROGRAM,
    UNPARSABLE,
    Files,
    as_files,
    normalized_file,
    problem_of,
    program_text,
    split_name,
    too_long,
)

__all__ = [
    "MAX_BYTES",
    "PatchError",
    "Submission",
    "apply_patch",
    "code_blocks",
    "missing_names",
    "patched",
    "read_submission",
    "without_reasoning",
]

_PYTHON = ("", "python", "py", "python3", "py3")
_DIFF = ("diff", "patch", "udiff")
_LANGUAGE = re.compile(r"[\s{.]*(\w*)")
_INFO_PATH = re.compile(r"[^\s:=\"'`{}()\[\],]+\.py(?![\w./])")
_COMMENT_PATH = re.compile(r"#\s*(\S+\.py)\s*(?:\n|$)")
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
How = Literal["", "whole", "definitions", "diff"]
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class PatchError(Exception):
    """A diff that does not apply as it stands; its text is the reason, in one line."""


@dataclass(frozen=True)
class Submission:
    """The program that a reply gives.

    Attributes:
        files: Its files; None where the reply gives none.
        how: ``whole``: complete files; ``definitions``: whole functions and classes put in the place of those of the
            same name, in one file at least; ``diff``: the same of a diff; empty where there is none.
        problem: Why there is none, in one line; empty where there is one.
        open: Whether the block that counts, or the last one, was never closed: a reply cut off there is not whole.
    """

    files: Files | None = None
    how: How = ""
    problem: str = ""
    open: bool = False

    @property
    def source(self) -> str | None:
        """The program as one text; None where the reply gives none."""
        return None if self.files is None else program_text(self.files)


@dataclass(frozen=True)
class _Block:
    language: str
    text: str
    closed: bool
    path: str = ""


@dataclass(frozen=True)
class _FilePiece:
    """What one block gives of one file.

    Attributes:
        text: The file's text; None where the block gives none.
        names: What of the given file it defines; where there is no text, something was meant to be changed by it.
        idle: Whether it repeats parts of the file and changes nothing.
    """

    text: str | None = None
    how: How = ""
    problem: str = ""
    open: bool = False
    names: frozenset[str] = frozenset()
    idle: bool = False


def without_reasoning(reply: str) -> str:
    """A reply without its reasoning: the text in ``<think>`` tags that open a line. An unclosed tag hides the rest."""
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
    """The fenced code blocks of a reply, in order, with the language and the path that their info strings give."""
    text = without_reasoning(reply.removeprefix("\ufeff")).replace("\x00", "\ufffd")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks = []
    for token in _markdown().parse(text):
        if token.type == "fence" and token.map is not None:
            language = _LANGUAGE.match(token.info.lower())[1]  # type: ignore[index]
            last = lines[token.map[1] - 1] if token.map[1] <= len(lines) else ""
            closed = token.map[1] - token.map[0] > 1 and last.lstrip(" \t>").startswith(token.markup)
            path = _INFO_PATH.search(token.info)
            blocks.append(_Block(language, token.content, closed, path[0].removeprefix("./") if path else ""))
    return blocks


def read_submission(reply: str, original: str | Files, kept: Sequence[str] = ()) -> Submission:
    """The program that a reply gives.

    Args:
        reply: The reply, in Markdown.
        original: The program that it was asked about: its files, or the text of a single one.
        kept: Names that have to be kept, in a project with their module; none: for a single program those of all functions
            and classes.
    """
    if too_long(reply):
        return Submission(problem=f"the reply is longer than {MAX_BYTES:,} bytes")
    blocks = code_blocks(reply)
    if not blocks:
        return Submission(problem="the reply has no code block")
    files = as_files(original)
    by_path: dict[str, list[_FilePiece]] = {}
    for block in blocks:
        for path, piece in _pieces_by_path(block, files, kept).items():
            by_path.setdefault(path, []).append(piece)
    chosen = {path: _chosen_piece(pieces, files.get(path, "")) for path, pieces in by_path.items()}
    given = {path: piece for path, piece in chosen.items() if piece.text is not None}
    # What stands under no file's path (the empty one) and defines nothing of the program is an excerpt or an example.
    bad = [
        f for path, f in chosen.items() if f.text is None and not f.idle and (path or f.names or not given)
    ]
    if bad or not given:
        problem = next(
            (f.problem for f in (*bad, *chosen.values()) if f.problem), "no code block holds a program"
        )
        return Submission(problem=problem, open=not blocks[-1].closed)
    new = files | {path: str(piece.text) for path, piece in given.items()}
    if len(new) > 1 and (problem := problem_of(new)):
        return Submission(problem=problem)
    hows = {piece.how for piece in given.values()}
    how: How = "diff" if "diff" in hows else "definitions" if "definitions" in hows else "whole"
    return Submission(new, how, open=any(piece.open for piece in given.values()))


def _pieces_by_path(block: _Block, files: Files, kept: Sequence[str]) -> dict[str, _FilePiece]:
    """What one block gives, by the path of the file; under an empty path what belongs to no file."""
    placed = [split_name(name, files) for name in kept]
    if len(files) == 1:
        return {path: _read_block(block, text, [name for _, name in placed]) for path, text in files.items()}
    if _is_diff(block):
        try:
            return {
                path: _FilePiece(text, "diff", open=not block.closed)
                for path, text in _patched_files(files, block.text).items()
            }
        except PatchError as error:
            return {"": _FilePiece(problem=f"the diff does not apply: {error}", names=frozenset({"a diff"}))}
    comment = _COMMENT_PATH.match(block.text)
    path = block.path or (comment[1] if comment and comment[1] in files else "")
    if block.language not in _PYTHON and block.language != _LANGUAGE.match(path.lower())[1]:  # type: ignore[index]
        return {"": _FilePiece()}
    if path in files:
        return {
            path: _read_block(
                block, files[path], [name for place, name in placed if place == path], named=True
            )
        }
    if path:
        alike = next((known for known in files if known.rpartition("/")[2] == path.rpartition("/")[2]), "")
        problem = f"the project has no `{path}`; it has `{alike}`" if alike else problem_of({path: ""})
        problem = (
            f"the project has no `{path}`; give each changed file by its path" if path == PROGRAM else problem
        )
        if problem:
            return {"": _FilePiece(problem=problem, names=frozenset({path}))}
        return {path: _read_block(block, "", (), named=True)}
    try:
        tree = ast.parse(block.text)
    except UNPARSABLE as error:
        return {"": _FilePiece(problem=f"a code block is no Python: {_one_line(error)}")}
    defined = {node.name: ast.dump(node) for node in _definitions(tree)}
    homes: dict[str, dict[str, str]] = {}
    for place, text in files.items():
        own = {node.name: ast.dump(node) for node in _definitions(ast.parse(text)) if node.name in defined}
        homes |= {place: own} if own else {}
    shared = [name for own in homes.values() for name in own]
    if len(homes) == 1:
        (place,) = homes
        return {place: _read_block(block, files[place], sorted(_known_names(files[place])))}
    same = all(defined[name] == dump for own in homes.values() for name, dump in own.items())
    words = "a code block defines nothing of the program"
    if homes and not same:
        words = "a code block changes several files and does not say which; give each changed file a block with its path"
    return {"": _FilePiece(problem=words, names=frozenset() if same else frozenset(shared))}


def _chosen_piece(read: Sequence[_FilePiece], given: str) -> _FilePiece:
    """Which of the blocks of one file counts."""
    wholes = [piece for piece in read if piece.how in ("whole", "diff")]
    parts = [piece for piece in read if piece.how == "definitions" or (piece.names and piece.text is None)]
    if len(wholes) == 1 and not parts:
        return wholes[0]
    before = normalized_file(given)
    changed = [piece for piece in wholes if normalized_file(piece.text or "") != before]
    changed_parts = [piece for piece in parts if piece.text is None or normalized_file(piece.text) != before]
    if changed:
        # A whole program is what was asked for: excerpts of it or of the old one beside it change nothing.
        return changed[-1]
    if changed_parts:
        last = changed_parts[-1]
        if last.text is None or any(not piece.names <= last.names for piece in changed_parts):
            several = "several code blocks hold different parts of the program, none the whole"
            return _FilePiece(problem=last.problem or several, names=last.names)
        return last
    if wholes:
        return wholes[-1]
    if parts:
        return _FilePiece(problem="the code blocks repeat parts of the program and change nothing", idle=True)
    return _FilePiece(problem=next((piece.problem for piece in reversed(read) if piece.problem), ""))


def _known_names(text: str) -> set[str]:
    """Names of a file's functions and classes; of its values where it has none."""
    body = ast.parse(text).body
    return {node.name for node in body if isinstance(node, _Definition)} or {*map(_bound_name, body)} - {""}


def _read_block(block: _Block, original: str, kept: Sequence[str], named: bool = False) -> _FilePiece:
    """What a block gives of a file.

    Args:
        block: The block.
        original: The file's text; empty for a new one.
        kept: Names that a whole file has to keep; none: those of all functions and classes, unless the file is named.
        named: Whether the block names the file, so that it can be another file altogether.
    """
    known = _known_names(original)
    if _is_diff(block):
        try:
            return _FilePiece(apply_patch(original, block.text), "diff", open=not block.closed)
        except PatchError as error:
            return _FilePiece(problem=f"the diff does not apply: {error}")
    if block.language not in _PYTHON and not named:
        return _FilePiece()
    try:
        tree = ast.parse(block.text)
    except UNPARSABLE as error:
        return _FilePiece(problem=f"a code block is no Python: {_one_line(error)}")
    bound = {node.name for node in _definitions(tree)}
    defined = bound | ({*map(_bound_name, tree.body)} - {""} if named else set())
    shared = frozenset(defined & known)
    if not shared and not (named and (defined or not known)):
        return _FilePiece(problem="a code block defines nothing of the program")
    imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)
    parts = all(isinstance(node, ast.Import | ast.ImportFrom) or _is_definition(node) for node in tree.body)
    if shared and parts and not (imports and known <= defined):
        return _FilePiece(
            _with_definitions(original, block.text, tree), "definitions", open=not block.closed, names=shared
        )
    lost = missing_names(block.text, kept or ([] if named else sorted(known)))
    if not lost:
        return _FilePiece(block.text.rstrip("\n"), "whole", open=not block.closed, names=shared)
    missing = ", ".join(f"`{name}`" for name in lost)
    return _FilePiece(problem=f"the program in the code block does not define {missing}", names=shared)


def _is_diff(block: _Block) -> bool:
    text = block.text
    looks = text.startswith(("--- ", "diff --git ", "@@ -")) and "\n@@ -" in f"\n{text}"
    return looks or block.language in _DIFF


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _definitions(tree: ast.Module) -> list[_Definition]:
    return [node for node in tree.body if isinstance(node, _Definition)]


def _is_definition(node: ast.stmt) -> bool:
    """Whether a statement is a docstring, dots, or gives a name a value."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return bool(_bound_name(node))


def _bound_name(node: ast.stmt) -> str:
    """The one name that a definition or an assignment gives a value; else empty."""
    if isinstance(node, _Definition):
        return node.name
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    target = node.target if isinstance(node, ast.AnnAssign) else target
    return target.id if isinstance(target, ast.Name) else ""


def _line_range(node: ast.stmt) -> tuple[int, int]:
    """First line, decorators included, and last line of a statement, from 1."""
    above = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in above)]), node.end_lineno or node.lineno


def _with_definitions(original: str, block: str, tree: ast.Module) -> str:
    """The original with the block's definitions in the place of those of the same name; what is new stands before them."""
    old, new = original.split("\n"), block.split("\n")
    places = {_bound_name(node): _line_range(node) for node in ast.parse(original).body if _bound_name(node)}
    starts = [_line_range(node)[0] for node in _definitions(ast.parse(original))]

    def text(node: ast.stmt) -> list[str]:
        first, last = _line_range(node)
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
        if _bound_name(node) in places:
            last = _bound_name(node)
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
    start = min(starts or [first for first, _ in places.values()]) - 1
    brought = [line for node in imports if node not in future for line in text(node)]
    head = [line for node in future for line in text(node)]
    return "\n".join([*head, *lines[:start], *brought, *(["", ""] if brought else []), *lines[start:]])


def missing_names(source: str | Files, names: Sequence[str]) -> list[str]:
    """Names that a program no longer binds; empty if it cannot be parsed.

    Args:
        source: The program: its files, or the text of a single one.
        names: The names, in a project with their module.
    """
    files = as_files(source)
    # A file that is gone is looked for all the same.
    there = {*files, *(f"{name.rpartition('.')[0].replace('.', '/')}.py" for name in names if "." in name)}
    places = [(name, *split_name(name, there)) for name in names]
    bound = {path: _all_bound_names(files.get(path, "")) for path in {path for _, path, _ in places}}
    return [name for name, path, bare in places if bare not in (bound[path] or [bare])]


def _all_bound_names(text: str) -> set[str]:
    """All names that a file binds, anywhere; none where it cannot be parsed."""
    try:
        tree = ast.parse(text)
    except UNPARSABLE:
        return set()
    bound = {"__name__"}
    for part in ast.walk(tree):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            bound.add(part.id)
        elif isinstance(part, _Definition):
            bound.add(part.name)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in part.names}
    return bound


def apply_patch(program: str, patch: str) -> str:
    """A single program, or one file, after a unified diff; see `patched`.

    Raises:
        PatchError: It is no unified diff of one file, or does not fit.
    """
    return patched({PROGRAM: program}, patch)[PROGRAM]


def patched(files: Files, patch: str) -> Files:
    """A program after a unified diff. Every line of context has to match at the line that the diff names.

    Args:
        files: What the patch is for.
        patch: A diff; one of several files names them.

    Raises:
        PatchError: It is no unified diff of these files, or does not fit.
    """
    return files | _patched_files(files, patch)


def _patched_files(files: Files, patch: str) -> Files:
    """The files that a diff changes or adds, after it."""
    _check_counts(patch)
    changed: Files = {}
    try:
        parts = [patch] if len(files) == 1 else _split_by_file(patch)
        diffs = [diff for part in parts for diff in whatthepatch.parse_patch(part) if diff.changes]
        if not diffs or (len(files) == 1 and len(diffs) != 1):
            raise PatchError("it is no diff of one file")
        for diff in diffs:
            path = next(iter(files)) if len(files) == 1 else _path_of(diff, files)
            if path in changed:
                raise PatchError(f"it changes {path} twice")
            changed[path] = "\n".join(whatthepatch.apply_diff(diff, files.get(path, "")))
    except WhatThePatchException as error:
        raise PatchError(_one_line(error)) from error
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise PatchError(f"it is malformed ({type(error).__name__})") from error
    try:
        for text in changed.values():
            ast.parse(text)
    except UNPARSABLE as error:
        raise PatchError(f"it makes a program that does not parse: {_one_line(error)}") from error
    return changed


def _path_of(diff: Any, files: Files) -> str:
    """The file of a project that a part of a diff changes or adds.

    Raises:
        PatchError: It names none.
    """
    names = [
        str(name or "") for name in ((diff.header.old_path, diff.header.new_path) if diff.header else ())
    ]
    old, new = (name if name in files else re.sub(r"^(?:[ab]|\.)/", "", name) for name in names or ("", ""))
    if old in files and new == old:
        return old
    if old in ("/dev/null", "dev/null") and new not in files and not problem_of({new: ""}):
        return new
    raise PatchError(f"it names no file of the project ({old or 'no name'}, {new or 'no name'})")


def _split_by_file(patch: str) -> list[str]:
    """The parts of a diff of several files, which whatthepatch tells apart only with lines of git between them."""
    lines = patch.splitlines(keepends=True)
    parts: list[str] = [""]
    old = new = 0
    for number, line in enumerate(lines):
        if old <= 0 and new <= 0:
            if head := _HUNK.match(line):
                old, new = (int(count) if count else 1 for count in head.groups())
            elif line.startswith("--- ") and "".join(lines[number + 1 : number + 2]).startswith("+++ "):
                parts.append("")
        else:
            old -= line[:1] in ("", "\n", "\r", " ", "-")
            new -= line[:1] in ("", "\n", "\r", " ", "+")
        parts[-1] += line
    return parts


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
