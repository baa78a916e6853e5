"""Replaces an expression of a program, where it stands, by another one.

It refuses an expression that stands in the program more than once or not at all.
"""

import ast

from redgreenbench.reference_bugs.extraction.source import Edit, Refused, Source, dump, parse

_Place = tuple[int, int, int, int]  # first line, byte in it, last line, byte in it; lines from 0


def replace_code(old: str, new: str, program: Source, within: ast.AST) -> list[Edit]:
    """Edits that put one expression, or `name=value` of a call, in place of another.

    Args:
        old: What stands in the program.
        new: What shall stand there.
        program: The program.
        within: The part of it that is meant.

    Returns:
        The edits; none if the program has the new one already and not the old one.

    Raises:
        Refused: If the old code does not stand there exactly once, or the two are not of a kind.
    """
    name, value = _setting(old)
    to, fresh = _setting(new)
    if name:
        if to not in ("", name):
            raise Refused(f"`{old}` and `{new}` do not set the same")
        places = [
            place
            for key, node, place in _settings(within)
            if key == name and dump(node) == dump(_expression(value))
        ]
        wanted, new = _expression(value), fresh if to else new
    else:
        wanted = _expression(old)
        places = [
            _place(node)
            for node in ast.walk(within)
            if isinstance(node, ast.expr) and dump(node) == dump(wanted)
        ]
    fresh_node = _expression(new)
    if not places and any(isinstance(n, ast.expr) and dump(n) == dump(fresh_node) for n in ast.walk(within)):
        return []
    if len(places) != 1:
        raise Refused(f"`{old}` stands {len(places)} times in the program, not once")
    edit = _put(program, places[0], new)
    if (
        isinstance(fresh_node, ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp | ast.UnaryOp | ast.Lambda)
        and not name
    ):
        after = parse(
            "".join(program.lines[: edit.start])
            + "\n".join(edit.lines)
            + "\n"
            + "".join(program.lines[edit.end :])
        )
        if after is None or not any(
            isinstance(n, ast.expr) and dump(n) == dump(fresh_node) for n in ast.walk(after)
        ):
            edit = _put(program, places[0], f"({new})")
    return [edit]


def set_value(code: str, program: Source, within: ast.AST) -> list[Edit]:
    """Edits that give the one constant of a name in a program another value.

    Args:
        code: `name=value`.
        program: The program.
        within: The part of it that is meant.

    Returns:
        The edits; none if it has that value.

    Raises:
        Refused: If the program sets the name to a constant in no place or in several.
    """
    name, value = _setting(code)
    if not name:
        raise Refused(f"`{code}` does not set a name")
    found = [(node, place) for key, node, place in _settings(within) if key == name and _constant(node)]
    if len(found) != 1:
        raise Refused(f"`{name}` is set to a constant in {len(found)} places of the program, not one")
    node, place = found[0]
    return [] if dump(node) == dump(_expression(value)) else [_put(program, place, value)]


def remove_keyword(code: str, program: Source, within: ast.AST) -> list[Edit]:
    """Edits that take `name=value` out of the one call that has it.

    Args:
        code: `name=value`.
        program: The program.
        within: The part of it that is meant.

    Returns:
        The edits.

    Raises:
        Refused: If it does not stand in exactly one call.
    """
    name, value = _setting(code)
    wanted = dump(_expression(value)) if name else ""
    calls = [node for node in ast.walk(within) if isinstance(node, ast.Call)]
    found = [(c, k) for c in calls for k in c.keywords if k.arg == name and dump(k.value) == wanted]
    if not name or len(found) != 1:
        raise Refused(f"`{code}` stands {len(found)} times in the program, not once")
    call, keyword = found[0]
    places = sorted([_place(n) for n in call.args] + [_place(k) for k in call.keywords])
    at = places.index(_place(keyword))
    first, last = _place(keyword)[:2], _place(keyword)[2:]
    if at:
        first = places[at - 1][2:]
    elif len(places) > 1:
        last = places[1][:2]
    return [_put(program, (*first, *last), "")]


def _setting(code: str) -> tuple[str, str]:
    """Name and value of `name=value`; two empty strings for anything else."""
    tree = parse(code)
    node = tree.body[0] if tree and len(tree.body) == 1 else None
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, code.partition("=")[2].strip()
    return "", ""


def _settings(within: ast.AST) -> list[tuple[str, ast.expr, _Place]]:
    """Everything that sets a name to a value: keywords of calls, defaults of parameters, assignments."""
    found: list[tuple[str, ast.expr]] = []
    for node in ast.walk(within):
        if isinstance(node, ast.keyword) and node.arg:
            found.append((node.arg, node.value))
        elif isinstance(node, ast.arguments):
            plain = [*node.posonlyargs, *node.args]
            found += [
                (arg.arg, value) for arg, value in zip(reversed(plain), reversed(node.defaults), strict=False)
            ]
            pairs = zip(node.kwonlyargs, node.kw_defaults, strict=True)
            found += [(arg.arg, value) for arg, value in pairs if value is not None]
        elif (
            isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        ):
            found.append((node.targets[0].id, node.value))
    return [(name, value, _place(value)) for name, value in found]


def _constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
    )


def _expression(code: str) -> ast.expr:
    tree = parse(code)
    node = tree.body[0] if tree and len(tree.body) == 1 else None
    if not isinstance(node, ast.Expr):
        raise Refused(f"`{code}` is no expression")
    return node.value


def _place(node: ast.expr | ast.keyword) -> _Place:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.lineno - 1, node.col_offset, node.end_lineno - 1, node.end_col_offset


def _put(program: Source, place: _Place, new: str) -> Edit:
    first, start, last, end = place
    before = program.lines[first].encode("utf-8", "surrogatepass")[:start].decode("utf-8", "surrogatepass")
    after = program.lines[last].encode("utf-8", "surrogatepass")[end:].decode("utf-8", "surrogatepass")
    line = f"{before}{new}{after}".rstrip("\r\n")
    return Edit(first, last + 1, (line,), f"replaced {new}" if new else "removed an argument")
