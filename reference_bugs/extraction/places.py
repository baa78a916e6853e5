"""Finds the place of statements that nothing around them tells, by what the answer says where they go.

It refuses anything but three plain cases: a comment behind the statement quotes the code that it replaces
("# instead of F.softmax(x)"); a `return` that fits one function only, or the one that the words around the block
name, if that has a single `return`; and statements that fit in several places, of which the words name one.
"""

import ast
import re

from redgreenbench.reference_bugs.extraction.anchors import Anchors
from redgreenbench.reference_bugs.extraction.blocks import Block
from redgreenbench.reference_bugs.extraction.definitions import Definition, Function, definitions
from redgreenbench.reference_bugs.extraction.names import missing_names
from redgreenbench.reference_bugs.extraction.source import (
    Edit,
    Refused,
    Source,
    apply_edits,
    dump,
    indent_of,
    parse,
    span,
)
from redgreenbench.reference_bugs.extraction.statements import cut_run, must_be_alone, plan_statements, words

_OLD = re.compile(
    r"#\s*(?:(?:changed|switched|moved)\s+from|instead\s+of|in\s+place\s+of|replaces|previously|formerly|was|not"
    r"|before|old)\b[\s:]*`?(?P<code>[^#`]{3,200}?)`?\s*$",
    re.IGNORECASE,
)
_NAME = re.compile(r"`(?:[A-Za-z_]\w*\.)?([A-Za-z_]\w*)(?:\([^`]{0,80}\))?`|\b([A-Za-z_]\w*)\(\)")
_MOST = 60  # functions of a program to try a return in


def plan_by_words(new: list[ast.stmt], source: Source, block: Block, program: Source) -> list[Edit]:
    """Edits that put statements where the words around them say.

    Args:
        new: The statements.
        source: What they stand in.
        block: The block of the answer, with the words around it.
        program: The program.

    Returns:
        The edits.

    Raises:
        Refused: If the words do not say, or leave a choice.
    """
    if len(new) == 1 and (quoted := _quoted(new[0], source)):
        return _instead_of(quoted, new[0], source, program)
    if len(new) == 1 and isinstance(new[0], ast.Return):
        return [_return(new[0], source, block, program)]
    named = named_functions(block, program)
    if len(named) != 1:
        raise Refused("the words do not name one function")
    where, node = named[0]
    return plan_statements(new, source, program, Anchors(program, node.body, where))


def functions(program: Source) -> dict[str, Function]:
    """Functions and methods of a program by their dotted name."""
    found: dict[str, Function] = {}
    for name, node in definitions(program.tree.body).items():
        inner: dict[str, Definition] = definitions(node.body) if isinstance(node, ast.ClassDef) else {}
        for where, function in ((name, node), *((f"{name}.{key}", value) for key, value in inner.items())):
            if isinstance(function, Function):
                found[where] = function
    return found


def named_functions(block: Block, program: Source) -> list[tuple[str, Function]]:
    """Functions of the program that the words nearest to a block name."""
    known = functions(program)
    sentences = re.split(r"(?<=[.!?:])\s+", block.lead[-600:])
    for text in (block.comment[:300], *reversed(sentences), *block.headings[:1]):
        said = {match[1] or match[2] for match in _NAME.finditer(text)}
        if named := [(where, node) for where, node in known.items() if where.rpartition(".")[2] in said]:
            return named
    return []


def own_returns(function: ast.AST) -> list[ast.Return]:
    """The `return` statements of a function, without those of functions inside of it."""
    found, todo = [], list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Return):
            found.append(node)
        if not isinstance(node, Definition | ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))
    return found


def _quoted(node: ast.stmt, source: Source) -> str:
    """The old code that the comment behind a statement quotes, or nothing."""
    last = source.lines[span(node)[1] - 1].rstrip("\r\n")[:500]
    match = _OLD.search(last)
    tree = parse(match["code"].strip()) if match else None
    if match is None or tree is None or len(tree.body) != 1:
        return ""
    plain = isinstance(tree.body[0], ast.Expr) and isinstance(tree.body[0].value, ast.Name | ast.Constant)
    return "" if plain else match["code"].strip()


def _instead_of(quoted: str, new: ast.stmt, source: Source, program: Source) -> list[Edit]:
    tree = parse(quoted)
    assert tree is not None
    old = tree.body[0]
    wanted = dump(old.value) if isinstance(old, ast.Expr) else dump(old)
    found = [
        node
        for suite in Anchors(program).suites
        for node in suite.body
        if type(node) is type(new) and wanted in [dump(node), *map(dump, ast.iter_child_nodes(node))]
    ]
    if len(found) != 1:
        raise Refused(f"{words(new)}: the code that it replaces is not in the program exactly once")
    return [_swap(new, source, found[0], program, "")]


def _return(new: ast.Return, source: Source, block: Block, program: Source) -> Edit:
    fitting: dict[str, Edit] = {}
    for where, function in list(functions(program).items())[:_MOST]:
        old = own_returns(function)
        if len(old) == 1 and dump(old[0]) != dump(new) and _has_attributes(new, where, program):
            edit = _swap(new, source, old[0], program, f" in {where}")
            if not missing_names(program.text, apply_edits(program, [edit])):
                fitting[where] = edit
    named = [where for where, _ in named_functions(block, program) if where in fitting]
    chosen = named if len(named) == 1 else list(fitting)
    if len(chosen) != 1 or not _reads_a_name(new):
        raise Refused(f"{words(new)}: fits in {len(fitting)} functions of the program")
    return fitting[chosen[0]]


def _reads_a_name(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Name) for inner in ast.walk(node))


def _has_attributes(new: ast.AST, where: str, program: Source) -> bool:
    """Whether the class around a method knows every `self.x` that a statement reads."""
    wanted = {attribute for attribute in map(_own, ast.walk(new)) if attribute}
    home = definitions(program.tree.body)[where.partition(".")[0]]
    known = {_own(node) for node in ast.walk(home)} | set(definitions(home.body))
    return wanted <= known


def _own(node: ast.AST) -> str:
    own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    return node.attr if own and isinstance(node, ast.Attribute) else ""


def _swap(new: ast.stmt, source: Source, old: ast.stmt, program: Source, where: str) -> Edit:
    must_be_alone(program, old)
    lines = cut_run([new], source, indent_of(program, old))
    return Edit(*span(old), lines, f"replaced {words(old)}{where}")
