"""Tells which names a program reads and never binds.

It refuses to follow the order of statements: a name that is bound later in the same scope counts as bound.
"""

import ast
import builtins
import symtable
import warnings

_KNOWN = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__", "__annotations__", "__class__"}


def unbound(text: str) -> set[tuple[str, str]]:
    """Pairs of a scope (dotted, empty for the module) and a name that it reads and that nothing binds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = symtable.symtable(text, "program", "exec")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    only_added_to = _never_initialised(tree)
    bound = {
        s.get_name() for s in module.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()
    }
    bound -= {name for scope, name in only_added_to if not scope}
    found = set(only_added_to)
    tables = [("", module)]
    while tables:
        scope, table = tables.pop()
        for symbol in table.get_symbols():
            if symbol.is_declared_global() and symbol.is_assigned():
                bound.add(symbol.get_name())
        for symbol in table.get_symbols():
            name = symbol.get_name()
            free = symbol.is_global() or (not scope and not symbol.is_assigned() and not symbol.is_imported())
            if symbol.is_referenced() and free and not symbol.is_namespace() and name not in bound | _KNOWN:
                found.add((scope, name))
        for child in table.get_children():
            inner = child.get_name()
            # A comprehension is no place that a person would name.
            path = (
                scope
                if inner in ("listcomp", "setcomp", "dictcomp", "genexpr", "lambda")
                else f"{scope}.{inner}"
            )
            tables.append((path.strip("."), child))
    return found


def _never_initialised(tree: ast.Module) -> set[tuple[str, str]]:
    """Names of a scope that are added to (`total += 1`) and set nowhere."""
    found: set[tuple[str, str]] = set()

    def visit(scope: str, body: list[ast.stmt], params: set[str]) -> None:
        added: set[str] = set()
        stored = set(params)
        todo: list[ast.AST] = list(body)
        while todo:
            node = todo.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                stored.add(node.name)
                inner = set() if isinstance(node, ast.ClassDef) else {a.arg for a in _arguments(node.args)}
                visit(f"{scope}.{node.name}".strip("."), node.body, inner)
                continue
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                added.add(node.target.id)
                todo.append(node.value)
                continue
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                stored.add(node.id)
            elif isinstance(node, ast.Global | ast.Nonlocal):
                stored.update(node.names)
            elif isinstance(node, ast.alias):
                stored.add((node.asname or node.name).split(".")[0])
            elif isinstance(node, ast.ExceptHandler) and node.name:
                stored.add(node.name)
            todo.extend(ast.iter_child_nodes(node))
        found.update((scope, name) for name in added - stored)

    visit("", tree.body, set())
    return found


def _arguments(args: ast.arguments) -> list[ast.arg]:
    extra = [arg for arg in (args.vararg, args.kwarg) if arg]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *extra]


def missing_names(before: str, after: str) -> list[str]:
    """Names that an edit reads and the program does not have there, in alphabetical order."""
    return sorted({name for _, name in unbound(after) - unbound(before)})
