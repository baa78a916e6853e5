"""Carries out what sentences say about single statements.

It refuses an order that could be carried out in two ways or in none: the code that it names has to stand in the
program exactly once, in the function that it names if it names one.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass

from redgreenbench.reference_bugs.extraction.anchors import Suite, header, is_loop, suites, target, trains
from redgreenbench.reference_bugs.extraction.definitions import Definition, Function, add_imports
from redgreenbench.reference_bugs.extraction.library import library_imports
from redgreenbench.reference_bugs.extraction.names import missing_names
from redgreenbench.reference_bugs.extraction.places import functions, own_returns
from redgreenbench.reference_bugs.extraction.replacing import remove_keyword, replace_code, set_value
from redgreenbench.reference_bugs.extraction.sentences import Order, read_orders
from redgreenbench.reference_bugs.extraction.source import (
    Edit,
    Refused,
    Source,
    apply_edits,
    dump,
    indent_of,
    parse,
    parse_problem,
    read,
    span,
    with_comments,
)
from redgreenbench.reference_bugs.extraction.statements import must_be_alone, words

_CHECKS = ("print", "breakpoint", "display")


@dataclass(frozen=True)
class Followed:
    """A program after what the sentences of an answer say.

    Attributes:
        source: The program; the one before if nothing was done.
        how: What was done, in the words of the answer.
        problem: Why an order could not be carried out, or empty.
    """

    source: str
    how: tuple[str, ...] = ()
    problem: str = ""


def follow(answer: str, program: str) -> Followed:
    """Carries out what the sentences of an answer say.

    Args:
        answer: What was answered.
        program: The program, or what the blocks of the answer have made of it.

    Returns:
        The program afterwards. The orders of one sentence are carried out together or not at all.
    """
    text, how, problem = program, [], ""
    for orders in read_orders(answer):
        try:
            after = _carry_out(orders, text)
        except Refused as refusal:
            problem = problem or str(refusal)
            continue
        if after != text:
            how += [f"as a sentence says: {order.text}" for order in orders]
        text = after
    return Followed(text, tuple(dict.fromkeys(how)), problem)


def _carry_out(orders: list[Order], text: str) -> str:
    before, place = text, ""
    for order in orders:
        current = read(text)
        if current is None:
            raise Refused("the program does not parse")
        worker = _Worker(order, current, place)
        text = apply_edits(current, worker.edits())
        place = worker.place or place
    if problem := parse_problem(text):
        raise Refused(f"the program would not parse: {problem}")
    missing = missing_names(before, text)
    imports = library_imports(missing, text) if missing else None
    current = read(text)
    if imports is not None and current is not None:
        text = apply_edits(current, add_imports(imports.tree.body, imports, current))
        missing = missing_names(before, text)
    if missing:
        raise Refused(f"uses `{missing[0]}`, which the program does not have there")
    return text


class _Worker:
    """Carries out one order on one program; `place` is the function that it was about."""

    def __init__(self, order: Order, program: Source, before: str) -> None:
        self.order, self.program, self.place, self.before = order, program, "", before
        self.suites = list(suites(program.tree.body))
        self.functions = functions(program)

    def edits(self) -> list[Edit]:
        """The edits; none if the program is so already."""
        kind, codes = self.order.kind, self.order.codes
        ways: dict[str, Callable[[], list[Edit]]] = {
            "between": lambda: self._between(codes[1], codes[2], codes[3]),
            "between-back": lambda: self._between(codes[2], codes[1], codes[3]),
            "after": lambda: self._insert_by(codes[1], codes[2], behind=True),
            "before": lambda: self._insert_by(codes[1], codes[2], behind=False),
            "return": lambda: self._before_return(codes[0], codes[1]),
            "return-colon": lambda: self._before_return(codes[0], None),
            "epoch-start": lambda: self._insert(self._epochs(codes[1]), 0, behind=False),
            "epoch-end": lambda: self._insert(self._epochs(codes[1]), -1, behind=True),
            "batches-end": lambda: self._after_batches(codes[1]),
            "start": lambda: self._start(codes[0], codes[1]),
            "start-colon": lambda: self._start(codes[1], codes[0]),
            "end": lambda: self._end(codes[1]),
            "decorate": lambda: self._decorate(codes[1], codes[0]),
            "decorator": lambda: self._decorate(codes[0], codes[1]),
            "out": self._out,
            "move-after": lambda: self._move(codes[1], codes[2], behind=True),
            "move-before": lambda: self._move(codes[1], codes[2], behind=False),
            "delete": lambda: self._delete(codes[0], codes[1]),
            "replace": lambda: self._replace(codes[0], codes[2], codes[1]),
            "replace-in": lambda: self._replace(codes[1], codes[2], codes[0]),
            "from": lambda: self._replace(f"{codes[0]}={codes[2]}", f"{codes[0]}={codes[3]}", codes[1]),
            "arrow": lambda: self._replace(codes[0], codes[1], None),
            "instead": lambda: self._replace(codes[1], codes[0], codes[2]),
            "value": lambda: set_value(f"{codes[0]}={codes[2]}", self.program, self._within(codes[1])),
            "set": lambda: set_value(str(codes[0]), self.program, self._within(codes[1])),
        }
        return ways[kind]()

    # --- what an order names -------------------------------------------------------------------------

    def _function(self, code: str | None) -> tuple[str, Function]:
        name = (code or "").partition("(")[0].removeprefix("self.").removeprefix("def ").strip(" :")
        found = [key for key in self.functions if name in (key, key.rpartition(".")[2])]
        if len(found) != 1:
            raise Refused(f"{name}: not one function of the program")
        self.place = found[0]
        return found[0], self.functions[found[0]]

    def _within(self, code: str | None) -> ast.AST:
        """The part of the program that an order is about; all of it if it does not say."""
        if code is None or code.endswith(".py"):
            return self.program.tree
        for node in self.program.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == code:
                return node
        calls = [
            node
            for node in ast.walk(self.program.tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func).rpartition(".")[2] == code.rpartition(".")[2]
        ]
        known = {part for name in self.functions for part in (name, name.rpartition(".")[2])}
        if len(calls) == 1 and code.partition("(")[0] not in known:
            return calls[0]
        return self._function(code)[1]

    def _find(self, code: str | None, scope: str | None = None) -> tuple[Suite, int]:
        """The one place where a statement stands."""
        wanted = _statement(code)
        inside = {id(node) for node in ast.walk(self._within(scope))}
        found = [
            (suite, at)
            for suite in self.suites
            for at, node in enumerate(suite.body)
            if id(node) in inside and _is_meant(node, wanted)
        ]
        if len(found) != 1:
            raise Refused(f"`{code}` stands {len(found)} times in the program, not once")
        return found[0]

    def _new(self) -> str:
        """The statement that an order adds."""
        code = self.order.codes[0]
        if self.order.kind == "start-colon":
            code = self.order.codes[1]
        meant = [code] if code is not None else list(dict.fromkeys(filter(_may_be_added, self.order.meant)))
        if len(meant) != 1 or not _may_be_added(str(meant[0])):
            raise Refused("the sentence does not name one statement to add")
        return str(meant[0])

    def _old(self) -> tuple[Suite, int]:
        """The statement that an order moves."""
        codes = (
            [self.order.codes[0]]
            if self.order.codes[0] is not None
            else list(dict.fromkeys(self.order.meant))
        )
        found = []
        for code in codes:
            try:
                found.append(self._find(code))
            except Refused:
                continue
        if len(found) != 1:
            raise Refused("the sentence does not name one statement of the program to move")
        return found[0]

    def _epochs(self, scope: str | None) -> Suite:
        """The body of the one loop over epochs, which has the loop over batches in it."""
        return Suite(tuple(self._loops(scope)[0].body), "")

    def _loops(self, scope: str | None) -> tuple[ast.For, ast.For]:
        found = [
            (outer, inner)
            for outer in ast.walk(self._within(scope))
            if isinstance(outer, ast.For) and trains(outer)
            for inner in outer.body
            if isinstance(inner, ast.For)
        ]
        if len(found) != 1 or not trains(found[0][1]):
            raise Refused("the program has not exactly one loop over epochs with one over batches in it")
        return found[0]

    # --- what it says to do --------------------------------------------------------------------------

    def _insert(self, suite: Suite, at: int, behind: bool, code: str | None = None) -> list[Edit]:
        code = code or self._new()
        if isinstance(_statement(code), ast.Expr) and code.startswith(_CHECKS):
            return []
        neighbour = suite.body[at]
        home = next(
            (f for f in self.functions.values() if any(node is neighbour for node in ast.walk(f))),
            self.program.tree,
        )
        wanted = dump(_statement(code))
        if any(isinstance(node, ast.stmt) and dump(node) == wanted for node in ast.walk(home)):
            index = (at if at >= 0 else len(suite.body) - 1) + (1 if behind else -1)
            next_to = suite.body[index] if 0 <= index < len(suite.body) else neighbour
            if wanted in (dump(next_to), dump(neighbour)):
                return []
            raise Refused(f"`{code}` stands there already, in another place")
        must_be_alone(self.program, neighbour)
        line = span(neighbour)[1] if behind else with_comments(self.program, span(neighbour)[0], 0)
        return [Edit(line, line, (indent_of(self.program, neighbour) + code,), f"inserted {code}")]

    def _insert_by(self, anchor: str | None, scope: str | None, behind: bool) -> list[Edit]:
        suite, at = self._find(anchor, scope)
        if behind and header(suite.body[at]):
            raise Refused(f"`{anchor}`: after its first line, or after all of it")
        return self._insert(suite, at, behind)

    def _between(self, first: str | None, second: str | None, scope: str | None) -> list[Edit]:
        suite, at = self._find(first, scope)
        other, to = self._find(second, scope)
        if suite is not other or to <= at:
            raise Refused(f"`{first}` and `{second}` do not follow each other")
        if to > at + 1 and dump(suite.body[at + 1]) != dump(_statement(self._new())):
            raise Refused(f"there is more than one place between `{first}` and `{second}`")
        return self._insert(suite, at, behind=True)

    def _before_return(self, code: str | None, scope: str | None) -> list[Edit]:
        _, function = self._function(scope or self.before)
        returns = own_returns(function)
        if len(returns) != 1 or function.body[-1] is not returns[0]:
            raise Refused("the function has not exactly one return, at its end")
        return self._insert(Suite(tuple(function.body), ""), -1, behind=False, code=code)

    def _after_batches(self, scope: str | None) -> list[Edit]:
        outer, inner = self._loops(scope)
        return self._insert(Suite(tuple(outer.body), ""), outer.body.index(inner), behind=True)

    def _start(self, code: str | None, function: str | None) -> list[Edit]:
        _, node = self._function(function)
        told = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
        if told and len(node.body) > 1:
            return self._insert(Suite(tuple(node.body[1:]), ""), 0, behind=False, code=code or self._new())
        return self._insert(Suite(tuple(node.body), ""), 0, behind=False, code=code or self._new())

    def _end(self, function: str | None) -> list[Edit]:
        _, node = self._function(function)
        if isinstance(node.body[-1], ast.Return | ast.Raise):
            raise Refused("the function ends with a return")
        return self._insert(Suite(tuple(node.body), ""), -1, behind=True)

    def _decorate(self, code: str | None, function: str | None) -> list[Edit]:
        _, node = self._function(function)
        line = f"@{(code or '').removeprefix('@').strip()}"
        tree = parse(f"{line}\ndef f():\n    pass\n")
        if tree is None or not isinstance(tree.body[0], ast.FunctionDef):
            raise Refused(f"`{code}` is no decorator")
        if any(dump(old) == dump(tree.body[0].decorator_list[0]) for old in node.decorator_list):
            return []
        at = node.lineno - 1
        return [Edit(at, at, (indent_of(self.program, node) + line,), f"decorated {function}")]

    def _delete(self, code: str | None, scope: str | None) -> list[Edit]:
        try:
            suite, at = self._find(code, scope)
        except Refused:
            return remove_keyword(str(code), self.program, self._within(scope))
        return [self._gone(suite, at)]

    def _gone(self, suite: Suite, at: int) -> Edit:
        node = suite.body[at]
        must_be_alone(self.program, node)
        if len(suite.body) == 1:
            raise Refused(f"{words(node)}: nothing would be left around it")
        return Edit(*span(node), (), f"removed {words(node)}")

    def _out(self) -> list[Edit]:
        """Moves a statement behind the loop that it stands in."""
        suite, at = self._old()
        loops = [n for n in ast.walk(self.program.tree) if isinstance(n, ast.stmt) and is_loop(n)]
        loop = next((n for n in loops if suite.body[at] in getattr(n, "body", [])), None)
        if loop is None:
            raise Refused(f"{words(suite.body[at])}: does not stand in a loop")
        return self._moved(suite, at, span(loop)[1], indent_of(self.program, loop))

    def _move(self, anchor: str | None, scope: str | None, behind: bool) -> list[Edit]:
        suite, at = self._old()
        other, to = self._find(anchor, scope)
        if header(other.body[to]) and behind and not is_loop(other.body[to]):
            raise Refused(f"`{anchor}`: after its first line, or after all of it")
        must_be_alone(self.program, other.body[to])
        if other is suite and to == at + (-1 if behind else 1):
            return []
        line = span(other.body[to])[1 if behind else 0]
        return self._moved(suite, at, line, indent_of(self.program, other.body[to]))

    def _moved(self, suite: Suite, at: int, line: int, indent: str) -> list[Edit]:
        start, end = span(suite.body[at])
        gone = self._gone(suite, at)
        if end != start + 1:
            raise Refused(f"{words(suite.body[at])}: has more than one line")
        text = self.program.lines[start].strip()
        return [gone, Edit(line, line, (indent + text,), f"moved {words(suite.body[at])}")]

    def _replace(self, old: str | None, new: str | None, scope: str | None) -> list[Edit]:
        wanted, fresh = parse(_whole(str(old))), parse(str(new))
        statement = wanted is not None and not (
            len(wanted.body) == 1 and isinstance(wanted.body[0], ast.Expr)
        )
        if statement or str(old).rstrip().endswith(":"):
            try:
                suite, at = self._find(old, scope)
            except Refused:
                return replace_code(str(old), str(new), self.program, self._within(scope))
            if fresh is None or len(fresh.body) != 1 or isinstance(fresh.body[0], Definition):
                raise Refused(f"`{new}` is no statement")
            node = suite.body[at]
            must_be_alone(self.program, node)
            text = indent_of(self.program, node) + str(new)
            return [Edit(*span(node), (text,), f"replaced {words(node)}")]
        return replace_code(str(old), str(new), self.program, self._within(scope))


def _whole(code: str) -> str:
    """The head of a compound statement as a statement that parses."""
    return f"{code} pass" if code.rstrip().endswith(":") else code


def _statement(code: str | None) -> ast.stmt:
    tree = parse(_whole(str(code)))
    if tree is None or len(tree.body) != 1:
        raise Refused(f"`{code}` is not one statement")
    return tree.body[0]


def _may_be_added(code: str) -> bool:
    tree = parse(code)
    node = tree.body[0] if tree and len(tree.body) == 1 else None
    call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return call or isinstance(node, ast.Assign | ast.AugAssign)


def _is_meant(node: ast.stmt, wanted: ast.stmt) -> bool:
    """Whether a statement is the one that is quoted, `print(...)` and `for x in loader:` included."""
    if header(wanted):
        return header(node) == header(wanted)
    if dump(node) == dump(wanted):
        return True
    if target(wanted) and isinstance(wanted, ast.Assign) and _left_out(wanted.value):
        return target(node) == target(wanted)
    if not (isinstance(node, ast.Expr) and isinstance(wanted, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    said = wanted.value
    if isinstance(said, ast.Call):
        return any(map(_left_out, said.args)) and dump(said.func) == dump(node.value.func)
    return isinstance(said, ast.Attribute) and dump(said) == dump(node.value.func)


def _left_out(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...
