"""Says which statement of a program a statement of an answer stands for.

It refuses to take similarity for identity: a statement is the same one, the same assignment to a target that
is set only once, the only call of the same method that has something in common with it, the same compound
statement by its header, or the loop with the same role; anything else is new.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from redgreenbench.reference_bugs.extraction.source import Source, dump, has_placeholder


@dataclass(frozen=True)
class Suite:
    """A list of statements of the program and the dotted name of the definition around it."""

    body: tuple[ast.stmt, ...]
    where: str


def suites(body: list[ast.stmt], where: str = "") -> Iterator[Suite]:
    """All statement lists, outer ones first."""
    yield Suite(tuple(body), where)
    for node in body:
        name = getattr(node, "name", "")
        inside = f"{where}.{name}".strip(".") if name and isinstance(name, str) else where
        for inner in _lists(node):
            yield from suites(inner, inside)


def _lists(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        inner = getattr(node, field, None)
        if isinstance(inner, list) and inner:
            yield inner
    for handler in getattr(node, "handlers", []):
        yield handler.body


def target(node: ast.stmt) -> str:
    """What a plain assignment sets, in words; empty for anything else."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        return ast.unparse(node.targets[0])
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return ast.unparse(node.target)
    return ""


def header(node: ast.stmt) -> str:
    """A compound statement without its body; empty for anything else."""
    match node:
        case ast.For() | ast.AsyncFor():
            return f"for {dump(node.target)} in {dump(node.iter)}"
        case ast.While():
            return f"while {dump(node.test)}"
        case ast.If():
            return f"if {dump(node.test)}"
        case ast.With() | ast.AsyncWith():
            return f"with {dump(list(node.items))}"
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return f"def {node.name}"
        case _:
            return ""


def same_call(new: ast.stmt, old: ast.stmt, values: dict[str, ast.expr]) -> bool:
    """Whether two statements call one method of one thing, with something in common: `a.append(f(x).item())`.

    `values` are what the statements around the new one set names to.
    """
    mine, theirs = [
        node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        for node in (new, old)
    ]
    if mine is None or theirs is None or dump(mine.func) != dump(theirs.func):
        return False
    if isinstance(mine.func, ast.Name) and mine.func.id == "print":
        return False
    read = [
        {dump(n) for arg in (*c.args, *(k.value for k in c.keywords)) for n in ast.walk(arg) if _tells(n)}
        for c in (mine, theirs)
    ]
    for name in [n.id for n in ast.walk(mine) if isinstance(n, ast.Name) and n.id in values]:
        read[0] |= {dump(n) for n in ast.walk(values[name]) if _tells(n)}
    return not all(read) or bool(read[0] & read[1])


def _receiver(node: ast.stmt) -> str:
    return (
        ast.unparse(node.value.func)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        else ""
    )


def _tells(node: ast.AST) -> bool:
    return isinstance(node, ast.Name | ast.Attribute | ast.Constant)


def calls(node: ast.stmt) -> bool:
    """Whether a statement is nothing but a call."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def plain_form(node: ast.stmt) -> str:
    """`x *= m` and `x = x * m` alike: the second is how one writes the first out of place."""
    if isinstance(node, ast.AugAssign):
        name = ast.unparse(node.target)
        return f"{name} = {name} {type(node.op).__name__} {dump(node.value)}"
    if (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.BinOp)
        and target(node) == ast.unparse(node.value.left)
    ):
        return f"{target(node)} = {target(node)} {type(node.value.op).__name__} {dump(node.value.right)}"
    return ""


def is_loop(node: ast.stmt) -> bool:
    """Whether a statement is a loop."""
    return isinstance(node, ast.For | ast.AsyncFor | ast.While)


def trains(node: ast.AST) -> bool:
    """Whether something calls `.backward()` or `.step()`."""
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("backward", "step")
        for call in ast.walk(node)
    )


def _depth(node: ast.AST) -> int:
    inner = max((_depth(child) for child in ast.iter_child_nodes(node)), default=0)
    return inner + (isinstance(node, ast.stmt) and is_loop(node))


class Anchors:
    """Looks up what stands only once in a program, or in a part of it."""

    def __init__(self, program: Source, body: list[ast.stmt] | None = None, where: str = "") -> None:
        self.suites = list(suites(program.tree.body if body is None else body, where))
        self._once: dict[str, list[ast.stmt]] = {}
        self._loops: list[tuple[ast.stmt, bool]] = []
        for suite in self.suites:
            for node in suite.body:
                for word in [*self._words(node), *[f"call {_receiver(node)}"] * calls(node)]:
                    self._once.setdefault(word, []).append(node)
        self._find_loops(program.tree.body if body is None else body, True)

    def _find_loops(self, body: list[ast.stmt], outermost: bool) -> None:
        for node in body:
            loop = is_loop(node)
            if loop:
                self._loops.append((node, outermost))
            for inner in _lists(node):
                self._find_loops(inner, outermost and not loop)

    @staticmethod
    def _words(node: ast.stmt) -> list[str]:
        words = [
            f"target {target(node)}" if target(node) else "",
            f"header {header(node)}" if header(node) else "",
            f"form {plain_form(node)}" if plain_form(node) else "",
        ]
        return [word for word in words if word]

    def stands_for(self, node: ast.stmt, values: dict[str, ast.expr] | None = None) -> ast.stmt | None:
        """The one statement that a statement with other words replaces, or None."""
        for word in reversed(self._words(node)):
            found = self._once.get(word, [])
            if len(found) == 1 and not word.startswith("header def"):
                return found[0]
        if calls(node):
            alike = self._once.get(f"call {_receiver(node)}", [])
            return alike[0] if len(alike) == 1 and same_call(node, alike[0], values or {}) else None
        return self.role(node) if is_loop(node) else None

    def role(self, loop: ast.stmt) -> ast.stmt | None:
        """The one loop of the program with the role of another: the same names, or the training."""
        deep = [old for old, _ in self._loops if trains(old) == trains(loop)]
        if isinstance(loop, ast.For):
            alike = [
                old for old in deep if isinstance(old, ast.For) and dump(old.target) == dump(loop.target)
            ]
            if len(alike) == 1:
                return alike[0]
            if len(alike) > 1:
                return None
        outer = [old for old, outermost in self._loops if outermost and trains(old)]
        if trains(loop) and len(outer) == 1 and _depth(outer[0]) == _depth(loop):
            return outer[0]
        return None


def match(new: list[ast.stmt], suite: Suite, anchors: Anchors) -> list[int | None]:
    """For each new statement the index of the one it stands for in a suite, in rising order, or None."""
    dumps = [dump(node) for node in suite.body]
    values = {target(node): node.value for node in new if isinstance(node, ast.Assign) and target(node)}
    result: list[int | None] = []
    last = -1
    for node in new:
        place = None
        later = [i for i in range(last + 1, len(dumps)) if dumps[i] == dump(node)]
        if later and (len(later) == 1 or later[0] == last + 1):
            place = later[0]
        elif has_placeholder(node):
            heads = [i for i, old in enumerate(suite.body) if i > last and header(old) == header(node) != ""]
            place = heads[0] if len(heads) == 1 else None
        if place is None and not later:
            meant = anchors.stands_for(node, values)
            place = next((i for i, old in enumerate(suite.body) if old is meant and i > last), None)
        result.append(place)
        last = place if place is not None else last
    return result
