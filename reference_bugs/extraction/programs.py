"""Tells a whole program from a piece of one.

It refuses to take a block for the program that would not run in its place: one without imports, without
anything that runs, or one that needs a definition which only the old program has. Its definitions are merged
into the program then.
"""

import ast

from redgreenbench.reference_bugs.extraction.definitions import definitions, is_guard
from redgreenbench.reference_bugs.extraction.names import unbound
from redgreenbench.reference_bugs.extraction.source import Source, has_placeholder


def is_program(source: Source, program: Source) -> bool:
    """Whether a block stands by itself: it has imports, most definitions, and needs nothing else."""
    mine, theirs = definitions(source.tree.body), definitions(program.tree.body)
    if not theirs or has_placeholder(source.tree) or len(mine.keys() & theirs.keys()) * 2 <= len(theirs):
        return False
    imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in source.tree.body)
    runs = any(
        is_guard(node) or (isinstance(node, ast.Expr | ast.For | ast.With) and not is_docstring(node))
        for node in source.tree.body
    )
    silent = not any(is_guard(node) for node in program.tree.body)
    known = {name for _, name in unbound(source.text)} & _module_names(program)
    return imports and (runs or silent) and not known


def is_docstring(node: ast.stmt) -> bool:
    """Whether a statement is a constant, which does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _module_names(program: Source) -> set[str]:
    names = set(definitions(program.tree.body))
    for node in program.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names
