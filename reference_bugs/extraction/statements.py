"""Puts statements of an answer in place of those they stand for, or next to their neighbours.

It refuses to place a statement that has no neighbour in the program, and to choose between two places.
"""

import ast
import itertools

from redgreenbench.reference_bugs.extraction.anchors import (
    Anchors,
    Suite,
    calls,
    header,
    is_loop,
    match,
    target,
    trains,
)
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
    span,
    with_comments,
)


def plan_statements(
    new: list[ast.stmt], block: Source, program: Source, within: Anchors | None = None
) -> list[Edit]:
    """Edits that bring a run of statements into a program.

    Args:
        new: The statements, all from one list of the block.
        block: The block they stand in.
        program: What they go into.
        within: The part of the program that they have to stand in; all of it if None.

    Returns:
        The edits; none if the program has it all already.

    Raises:
        Refused: If there is no place, or more than one.
    """
    anchors = within or Anchors(program)
    try:
        return _plan_one_run(new, block, program, anchors)
    except Refused:
        runs = [list(run) for left_out, run in itertools.groupby(new, is_placeholder) if not left_out]
        if len(runs) < 2:
            raise
        # Pieces from several depths with dots between them: each has to find its own place.
        edits = [edit for run in runs for edit in _plan_one_run(run, block, program, anchors)]
        if any(one.clashes(other) for one, other in itertools.combinations(edits[:100], 2)):
            raise
        return edits


def _plan_one_run(new: list[ast.stmt], block: Source, program: Source, anchors: Anchors) -> list[Edit]:
    real = [node for node in new if not is_placeholder(node)]
    if not real:
        raise Refused("leaves everything out")
    ranked: list[tuple[tuple[int, int], Suite]] = []
    for suite in anchors.suites:
        places = match(real, suite, anchors)
        if all(place is None for place in places):
            continue
        strangers = [
            node for node, place in zip(real, places, strict=True) if place is None and is_loop(node)
        ]
        if any(anchors.stands_for(node) is not None for node in strangers):
            continue  # a loop that the program has is not new in another place
        equal = sum(
            place is not None and dump(suite.body[place]) == dump(node)
            for node, place in zip(real, places, strict=True)
        )
        ranked.append(((sum(place is not None for place in places), equal), suite))
    if not ranked:
        raise Refused(f"{words(real[0])}: nothing in the program tells where it belongs")
    ranked.sort(key=lambda pair: pair[0], reverse=True)
    best = [suite for score, suite in ranked if score == ranked[0][0]]
    if len(best) > 1:
        raise Refused(f"{words(real[0])}: fits in {len(best)} places of the program")
    suite = best[0]
    _refuse_scattered(real, suite, anchors)
    return weave(new, block, list(suite.body), program, anchors, suite.where, whole=False)


def _refuse_scattered(real: list[ast.stmt], suite: Suite, anchors: Anchors) -> None:
    """Refuses a run that only happens to share a name with the program."""
    places = match(real, suite, anchors)
    strong = [
        place is not None and (dump(suite.body[place]) == dump(node) or not (target(node) or calls(node)))
        for node, place in zip(real, places, strict=True)
    ]
    new = [node for node, place in zip(real, places, strict=True) if place is None]
    if any(strong):
        if places[0] is None and places[-1] is None and not any(is_loop(n) for n in real):
            raise Refused(f"{words(new[0])}: neither the first nor the last statement is one of the program")
        return
    for node in new:
        call = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        if isinstance(node, ast.Assert) or (isinstance(call, ast.Name) and call.id == "print"):
            raise Refused("looks at values and replaces nothing")


def weave(
    new: list[ast.stmt],
    block: Source,
    old: list[ast.stmt],
    program: Source,
    anchors: Anchors,
    where: str,
    whole: bool,
    shown: frozenset[str] = frozenset(),
) -> list[Edit]:
    """Edits that turn one list of statements into another in which parts may be left out.

    Args:
        new: The statements of the answer; a `...` among them keeps what the program has there.
        block: The block they stand in.
        old: The statements of the program.
        program: The program.
        anchors: What tells which statement stands for which.
        where: The definition around `old`, for people.
        whole: Whether `new` shows the list from its beginning to its end.
        shown: All statements of a loop that is only sketched, in which dots stand for some of the code. What it
            does not show at the edges of a list stays then, except for what it shows in another place.

    Returns:
        The edits.

    Raises:
        Refused: If a new statement has no neighbour that tells its place.
    """
    keep = Suite(tuple(old), where)
    real = [node for node in new if not is_placeholder(node)]
    places = dict(zip(map(id, real), match(real, keep, anchors), strict=True))
    edits: list[Edit] = []
    gap: list[ast.stmt | None] = (
        [] if whole else [None]
    )  # new statements since the last anchor; None is left out
    last = -1
    for node in [*new, None]:
        place = places.get(id(node)) if node is not None else len(old)
        if node is not None and place is None:
            gap.append(None if is_placeholder(node) else node)
            continue
        if node is None and not whole:
            gap.append(None)
        assert place is not None
        between = old[last + 1 : place]
        if shown and between and None not in gap and (last < 0) != (place == len(old)):
            fresh = [inner for inner in gap if inner is not None]
            edits += _insert(fresh, block, old, last, place, program, where) if fresh else []
            edits += [_moved_away(inner, program, where) for inner in between if dump(inner) in shown]
        else:
            edits += _fill(gap, block, between, old, last, place, program, where)
        if node is not None and dump(node) != dump(old[place]):
            edits += _instead(node, block, old[place], program, anchors, where, shown)
        gap, last = [], place
    return edits


def _moved_away(node: ast.stmt, program: Source, where: str) -> Edit:
    must_be_alone(program, node)
    return Edit(*span(node), (), f"removed {words(node)}{_in(where)}")


def _fill(
    gap: list[ast.stmt | None],
    block: Source,
    between: list[ast.stmt],
    old: list[ast.stmt],
    last: int,
    place: int,
    program: Source,
    where: str,
) -> list[Edit]:
    """What comes between two anchors."""
    nodes = [node for node in gap if node is not None]
    if None not in gap:
        if not between:
            return _insert(nodes, block, old, last, place, program, where) if nodes else []
        indent = _indent(old, program)
        for node in between:
            must_be_alone(program, node)
        start, end = span(between[0])[0], span(between[-1])[1]
        what = f"replaced {words(between[0])}" if nodes else f"removed {words(between[0])}"
        return [Edit(start, end, cut_run(nodes, block, indent), what + _in(where))]
    first, final = gap.index(None), len(gap) - 1 - gap[::-1].index(None)
    after, before = [n for n in gap[:first] if n is not None], [n for n in gap[final + 1 :] if n is not None]
    middle = [node for node in gap[first:final] if node is not None]
    if (
        middle
        or (after and last < 0)
        or (before and place == len(old) and isinstance(old[-1], ast.Return | ast.Raise))
    ):
        node = (middle or after or before)[0]
        raise Refused(f"{words(node)}: nothing next to it tells where it belongs")
    edits = []
    if after:
        edits += _insert(after, block, old, last, last + 1, program, where)
    if before:
        edits += _insert(before, block, old, place - 1, place, program, where)
    return edits


def _insert(
    nodes: list[ast.stmt],
    block: Source,
    old: list[ast.stmt],
    last: int,
    place: int,
    program: Source,
    where: str,
) -> list[Edit]:
    """New statements right after the one at `last`, or right before the one at `place`."""
    neighbour = old[last] if last >= 0 else old[place]
    must_be_alone(program, neighbour)
    at = span(neighbour)[1]
    if last < 0:
        at = with_comments(program, span(neighbour)[0], 0)
    indent = _indent(old, program)
    return [Edit(at, at, cut_run(nodes, block, indent), f"inserted {words(nodes[0])}{_in(where)}")]


def _instead(
    node: ast.stmt,
    block: Source,
    old: ast.stmt,
    program: Source,
    anchors: Anchors,
    where: str,
    shown: frozenset[str],
) -> list[Edit]:
    """One statement in place of the one that it stands for."""
    if has_placeholder(node):
        if not header(node) or header(node) != header(old):
            raise Refused(f"{words(node)}: leaves code out, and the program has no such statement")
        edits: list[Edit] = []
        sketch = (
            frozenset(dump(n) for n in ast.walk(node) if isinstance(n, ast.stmt))
            if is_loop(node)
            else frozenset()
        )
        inside = f"{where}.{node.name}".strip(".") if isinstance(node, ast.FunctionDef) else where
        for field in ("body", "orelse"):
            fresh, stale = getattr(node, field, []), getattr(old, field, [])
            if fresh and stale:
                edits += weave(
                    fresh, block, stale, program, anchors, inside, whole=True, shown=shown | sketch
                )
            elif fresh or (stale and not any(map(is_placeholder, getattr(node, "body", [])))):
                raise Refused(f"{words(node)}: leaves code out that cannot be told")
        return edits
    must_be_alone(program, old)
    start, end = span(old)
    kind = words(old)
    if is_loop(old):
        kind = "the training loop" if trains(old) else "a loop"
    lines = cut_run([node], block, indent_of(program, old))
    return [
        Edit(start, end, lines, f"replaced {kind}{' of' if is_loop(old) and where else ''}" + _of(old, where))
    ]


def _of(old: ast.stmt, where: str) -> str:
    return f" {where}" if is_loop(old) and where else _in(where)


def _in(where: str) -> str:
    return f" in {where}" if where else ""


def _indent(old: list[ast.stmt], program: Source) -> str:
    return next(
        (indent_of(program, node) for node in old if alone(program, node)), indent_of(program, old[0])
    )


def must_be_alone(program: Source, node: ast.stmt) -> None:
    """Raises Refused if a statement shares its lines with another one."""
    if not alone(program, node):
        raise Refused(f"{words(node)} shares its line with another statement")


def cut_run(nodes: list[ast.stmt], block: Source, indent: str) -> tuple[str, ...]:
    """Neighbouring statements as the answer has them, with the comments between them, ready to go in."""
    if not nodes:
        return ()
    lines: list[str] = []
    before = None
    for node in nodes:
        must_be_alone(block, node)
        if has_placeholder(node):
            raise Refused(f"{words(node)}: leaves code out, and the program has no such statement")
        start, end = span(node)
        base = indent_of(block, node)
        floor = before if before is not None else _floor(block, start)
        first = with_comments(block, start, floor)
        if before is not None and first == before + 1 and not block.lines[before].strip():
            first = before  # one blank line between them belongs to how they were written
        lines += cut(block, first, end, base, indent)
        before = end
    return tuple(lines)


def _floor(block: Source, start: int) -> int:
    """The line that comments above a statement may not pass: the end of another one or of a placeholder."""
    ends = [span(n)[1] for n in ast.walk(block.tree) if isinstance(n, ast.stmt) and span(n)[1] <= start]
    return max(ends, default=start)  # comments that open a block are about the block, not about the statement


def words(node: ast.stmt) -> str:
    """A statement in a few words."""
    if target(node):
        return f"{target(node)} = ..."
    text = ast.unparse(node).split("\n", 1)[0]
    return text if len(text) <= 50 else text[:47] + "..."
