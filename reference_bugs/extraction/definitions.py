"""Puts classes, functions and methods of an answer in place of those of the same name.

It refuses to rename, and to fill in code that an answer leaves out unless its neighbours tell what stands
there.
"""

import ast
import itertools
import re
from collections.abc import Sequence

from redgreenbench.reference_bugs.extraction.anchors import Anchors
from redgreenbench.reference_bugs.extraction.source import (
    Edit,
    Refused,
    Source,
    alone,
    cut,
    dump,
    has_placeholder,
    indent_of,
    is_placeholder,
    same,
    span,
    with_comments,
)
from redgreenbench.reference_bugs.extraction.statements import plan_statements, weave, words

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions(body: list[ast.stmt]) -> dict[str, Definition]:
    """Classes and functions of a list of statements by name; of two with one name the last, as in Python."""
    return {node.name: node for node in body if isinstance(node, Definition)}


def is_method(node: ast.stmt) -> bool:
    """Whether a function takes `self`."""
    return isinstance(node, Function) and bool(node.args.args) and node.args.args[0].arg in ("self", "cls")


def is_guard(node: ast.stmt) -> bool:
    """Whether a statement is `if __name__ == "__main__":`."""
    return isinstance(node, ast.If) and "__name__" in dump(node.test) and "__main__" in dump(node.test)


def says_nothing(node: Definition) -> bool:
    """Whether the body of a definition is left out whole."""
    body = _after_docstring(node.body)
    return all(is_placeholder(inner) for inner in body) and bool(body)


def _after_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    docstring = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return body[1:] if docstring else body


def replace_definition(
    new: Definition, block: Source, old: Definition, program: Source, where: str
) -> list[Edit]:
    """Edits that bring one definition of the program to what the answer has.

    Args:
        new: The definition in the answer.
        block: The block it stands in.
        old: The definition in the program.
        program: The program.
        where: Its dotted name.

    Returns:
        The edits; none if it is the same or left out.

    Raises:
        Refused: If it leaves something out that cannot be told.
    """
    if isinstance(new, ast.ClassDef) and isinstance(old, ast.ClassDef):
        return _merge_class(new, block, old, program, where)
    only_pass = isinstance(new.body[-1], ast.Pass) and len(_after_docstring(new.body)) == 1
    if only_pass or same(new, old):
        return []
    if says_nothing(new):
        return [_new_header(new, block, old, program, where)] if _takes_more(new, old) else []
    if not has_placeholder(new):
        return [_swap(new, block, old, program, where)]
    edits = []
    try:
        stale = _after_docstring(old.body)
        fresh = _after_docstring(new.body)
        if not stale or isinstance(new, ast.ClassDef) or isinstance(old, ast.ClassDef):
            raise Refused("has no body")
        if not same(_signature(new), _signature(old)):
            edits.append(_new_header(new, block, old, program, where))
        edits += _weave_or_scatter(fresh, block, stale, program, where)
    except Refused as problem:
        raise Refused(f"{where} leaves code out that cannot be told: {problem}") from None
    return edits


def _weave_or_scatter(
    fresh: list[ast.stmt], block: Source, stale: list[ast.stmt], program: Source, where: str
) -> list[Edit]:
    """The body of a definition from its beginning to its end, or pieces of it from any depth."""
    anchors = Anchors(program, stale, where)
    try:
        return weave(fresh, block, stale, program, anchors, where, whole=True)
    except Refused:
        runs = [list(run) for left_out, run in itertools.groupby(fresh, is_placeholder) if not left_out]
        if not is_placeholder(fresh[0]):
            raise
        return [edit for run in runs for edit in plan_statements(run, block, program, anchors)]


def _takes_more(new: ast.AST, old: ast.AST) -> bool:
    """Whether a head differs and still takes all that the old one took; one abridged for show does not."""
    if (
        not isinstance(new, Function)
        or not isinstance(old, Function)
        or same(_signature(new), _signature(old))
    ):
        return False
    mine, theirs = (
        [arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)] for node in (new, old)
    )
    return set(theirs) <= set(mine)


def _signature(node: ast.AST) -> list[ast.AST]:
    assert isinstance(node, Function)
    return [node.args, *node.decorator_list, *([node.returns] if node.returns else [])]


def _swap(new: ast.stmt, block: Source, old: ast.stmt, program: Source, where: str) -> Edit:
    if not (alone(program, old) and alone(block, new)):
        raise Refused(f"{where} shares its line with another statement")
    base, indent = indent_of(block, new), indent_of(program, old)
    return Edit(*span(old), cut(block, *span(new), base, indent), f"replaced {where}")


def _new_header(new: Definition, block: Source, old: Definition, program: Source, where: str) -> Edit:
    """The lines of a definition before its body."""
    lines = []
    for source, node in ((block, new), (program, old)):
        start, end = span(node)[0], span(node.body[0])[0]
        if end <= node.lineno - 1:
            raise Refused("its body stands on the line of its name")
        lines.append((source, start, with_comments(source, end, start + 1)))
    (source, start, end), (_, first, last) = lines
    moved = cut(source, start, end, indent_of(block, new), indent_of(program, old))
    while moved and not moved[-1].strip():
        moved = moved[:-1]
    return Edit(first, last, moved, f"replaced the head of {where}")


def _merge_class(
    new: ast.ClassDef, block: Source, old: ast.ClassDef, program: Source, where: str
) -> list[Edit]:
    """Methods of the answer replace or join those of the program; methods it does not show stay."""
    if same(new, old):
        return []
    if span(old.body[0])[0] <= old.lineno - 1 or not alone(program, old):
        return [_swap(new, block, old, program, where)]
    edits: list[Edit] = []
    heads = [[*node.bases, *node.keywords, *node.decorator_list] for node in (new, old)]
    if not same(heads[0], heads[1]) and span(new.body[0])[0] > new.lineno - 1:
        edits.append(_new_header(new, block, old, program, where))
    known = definitions(old.body)
    attributes = {dump(t): node for node in old.body for t in _targets(node)}
    neighbour: ast.stmt | None = None
    indent = indent_of(program, old.body[0])
    for node in _after_docstring(new.body):
        if is_placeholder(node) or isinstance(node, ast.Pass):
            continue
        if isinstance(node, Definition):
            name = f"{where}.{node.name}"
            if node.name in known:
                neighbour = known[node.name]
                edits += replace_definition(node, block, known[node.name], program, name)
                continue
            if has_placeholder(node):
                raise Refused(f"{name} leaves code out that the program does not have either")
            text = ("", *_with_head(node, block, indent))
            at = span(neighbour or old.body[-1])[1]
            edits.append(Edit(at, at, text, f"added {name}", adds=name))
        else:
            match = next((attributes[dump(t)] for t in _targets(node) if dump(t) in attributes), None)
            if match is not None and not same(match, node):
                edits.append(_swap(node, block, match, program, f"{words(node)} in {where}"))
            elif match is None and not any(same(node, there) for there in old.body):
                at = span(old.body[0])[0] if _after_docstring(old.body) == old.body else span(old.body[0])[1]
                text = cut(block, *span(node), indent_of(block, node), indent)
                edits.append(
                    Edit(at, at, text, f"added {words(node)} to {where}", adds=f"{where} {words(node)}")
                )
    if len(_after_docstring(new.body)) < len(new.body):
        edits += _new_docstring(new, block, old, program, where)
    return edits


def _new_docstring(
    new: ast.ClassDef, block: Source, old: ast.ClassDef, program: Source, where: str
) -> list[Edit]:
    had = len(_after_docstring(old.body)) < len(old.body)
    # Words about the code are no change of it: a docstring alone is worth no edit.
    return (
        [_swap(new.body[0], block, old.body[0], program, f"the docstring of {where}")]
        if had and not same(new.body[0], old.body[0])
        else []
    )


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def _with_head(node: ast.stmt, block: Source, indent: str) -> tuple[str, ...]:
    """A definition with the comments right above it."""
    start, end = span(node)
    return cut(block, with_comments(block, start, 0), end, indent_of(block, node), indent)


def add_imports(new: Sequence[ast.stmt], block: Source, program: Source) -> list[Edit]:
    """Edits that add the imports which the program does not have."""
    present = {line for node in program.tree.body for line in _imported(node)}
    at, seen = 0, False
    for node in _after_docstring(program.tree.body) if program.tree.body else []:
        if isinstance(node, ast.Import | ast.ImportFrom):
            at, seen = span(node)[1], True
    if not seen and len(_after_docstring(program.tree.body)) < len(program.tree.body):
        at = span(program.tree.body[0])[1]
    edits = []
    for node in new:
        if all(line in present for line in _imported(node)):
            continue
        text = cut(block, *span(node), indent_of(block, node), "")
        where = 0 if isinstance(node, ast.ImportFrom) and node.module == "__future__" else at
        edits.append(Edit(where, where, text, f"added {words(node)}", adds=words(node)))
    return edits


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [f"{alias.name} as {alias.asname or alias.name}" for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [
            f"{node.level}{node.module}.{alias.name} as {alias.asname or alias.name}" for alias in node.names
        ]
    return []


def add_helper(node: ast.stmt, block: Source, at: int) -> Edit:
    """The edit that adds a function, class or constant which the program does not have."""
    name = getattr(node, "name", "") or words(node)
    lines = _with_head(node, block, "")
    blank = ("", "") if isinstance(node, Definition) else ("",)
    return Edit(at, at, (*lines, *blank), f"added {name}", adds=name)


def is_constant(node: ast.stmt) -> bool:
    """Whether a statement sets a name in capitals."""
    targets = _targets(node)
    return (
        len(targets) == 1
        and isinstance(targets[0], ast.Name)
        and bool(re.fullmatch(r"_?[A-Z][A-Z0-9_]*", targets[0].id))
    )
