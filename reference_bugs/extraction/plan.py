"""Decides what one block of an answer is: a whole program, definitions, statements or a diff.

It refuses a block that leaves out what cannot be told, and says why in one line.
"""

import ast
import difflib
import itertools
import textwrap
from dataclasses import dataclass, field

from redgreenbench.reference_bugs.extraction.blocks import Block, has_html, looks_like_diff
from redgreenbench.reference_bugs.extraction.definitions import (
    Definition,
    add_helper,
    add_imports,
    definitions,
    is_constant,
    is_guard,
    is_method,
    replace_definition,
    says_nothing,
)
from redgreenbench.reference_bugs.extraction.pairs import Pair, plan_pair
from redgreenbench.reference_bugs.extraction.patch import MOST_FUZZ, PatchError, apply_patch
from redgreenbench.reference_bugs.extraction.places import plan_by_words
from redgreenbench.reference_bugs.extraction.programs import is_docstring, is_program
from redgreenbench.reference_bugs.extraction.source import (
    Edit,
    Refused,
    Source,
    cut,
    has_placeholder,
    is_placeholder,
    parse_problem,
    read_block,
    same,
    span,
    split_lines,
    with_comments,
)
from redgreenbench.reference_bugs.extraction.statements import plan_statements, words

Imports = ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Plan:
    """What a block does to a program.

    Attributes:
        edits: Changes of lines; empty if nothing changes.
        whole: The new program, for a block that is one.
        how: What was done, where the edits do not say it.
        loose: Whether it consists of statements, which may read names that the program does not have.
        notes: What of the block is left out.
    """

    edits: tuple[Edit, ...] = ()
    whole: str | None = None
    how: str = ""
    loose: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def idle(self) -> bool:
        """Whether it changes nothing."""
        return not self.edits and self.whole is None


def plan(block: Block, program: Source, quoted: Block | None = None) -> Plan:
    """What a block does to a program.

    Args:
        block: The block.
        program: The program.
        quoted: The block before, where the answer shows old code and then new code.

    Returns:
        The plan.

    Raises:
        Refused: If it cannot be applied; the reason in one line.
    """
    if looks_like_diff(block):
        return _plan_diff(block, program)
    if has_html(block.code) and not has_html(program.text):
        raise Refused("contains HTML escapes such as &gt; and is no Python as written")
    source = read_block(block.code) or read_block(_straightened(block.code))
    if source is None:
        return _plan_steps(block, program)
    if not source.tree.body or all(isinstance(n, Imports) or is_placeholder(n) for n in source.tree.body):
        edits = add_imports([n for n in source.tree.body if isinstance(n, Imports)], source, program)
        if not edits and any(map(is_placeholder, source.tree.body)):
            raise Refused("leaves everything out")
        return Plan(tuple(edits), loose=True)
    if is_program(source, program):
        if same(source.tree, program.tree):
            return Plan()
        return Plan(whole=source.text, how="full program")
    if any(isinstance(node, Definition) for node in source.tree.body):
        return _plan_definitions(source, program)
    try:
        return _plan_run(source.tree.body, source, program)
    except Refused:
        if planned := _plan_by_words(source, block, program):
            return planned
        old = read_block(quoted.code) if quoted else None
        if old is None or not old.tree.body or _statements(old) > 2 * _statements(source):
            raise
        return Plan(tuple(plan_pair(Pair(old, source), program)), loose=True)


def _plan_by_words(source: Source, block: Block, program: Source) -> Plan | None:
    rest = [node for node in source.tree.body if not (isinstance(node, Imports) or is_docstring(node))]
    if not rest or any(map(has_placeholder, rest)):
        return None
    try:
        edits = plan_by_words(rest, source, block, program)
    except Refused:
        return None
    imports = [node for node in source.tree.body if isinstance(node, Imports)]
    return Plan((*edits, *add_imports(imports, source, program)), loose=True) if edits else None


def _plan_steps(block: Block, program: Source) -> Plan:
    """A piece cut from the middle of nested code, whose first lines are deeper than the later ones."""
    runs: list[list[str]] = []
    depth = -1
    for line in split_lines(block.code):
        here = len(line) - len(line.lstrip(" \t"))
        if line.strip() == "...":
            depth = -1  # what follows may stand at any depth
            continue
        if line.strip() and (depth < 0 or here < depth):
            runs.append([])
            depth = here
        if runs:
            runs[-1].append(line)
    pieces = [read_block(textwrap.dedent("".join(run))) for run in runs]
    if not 1 < len(pieces) < 6 or not all(piece is not None and piece.tree.body for piece in pieces):
        raise Refused(parse_problem(block.code))
    plans = [_plan_piece(piece, program) for piece in pieces if piece is not None]
    edits = [edit for planned in plans for edit in planned.edits]
    if any(one.clashes(other) for one, other in itertools.combinations(edits, 2)):
        raise Refused(parse_problem(block.code))
    return Plan(tuple(edits), loose=True)


def _plan_piece(piece: Source, program: Source) -> Plan:
    if all(isinstance(node, Imports) for node in piece.tree.body):
        return Plan(tuple(add_imports(piece.tree.body, piece, program)))
    return _plan_run(piece.tree.body, piece, program)


def _statements(source: Source) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(source.tree))


def _straightened(code: str) -> str:
    """A piece copied from the middle of a line: its first line lost the white space that the others have."""
    first, _, rest = code.partition("\n")
    lines = split_lines(rest)
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return first + "\n" + "".join(line[depth:] if line.strip() else line for line in lines)


def _plan_diff(block: Block, program: Source) -> Plan:
    before = program.text
    for fuzz in range(MOST_FUZZ + 1):
        try:
            after = apply_patch(before, block.code, fuzz)
        except PatchError as problem:
            reason = str(problem)
            continue
        how = f"unified diff ({f'fuzz {fuzz}' if fuzz else 'strict'})"
        if problem_after := parse_problem(after):
            reason = f"the patched program {problem_after}"
            continue
        return Plan(tuple(_line_edits(program, after, how)), how=how)
    raise Refused(f"diff: {reason}")


def _line_edits(program: Source, after: str, how: str) -> list[Edit]:
    """A patched program as edits, so that a diff can be combined with other blocks."""
    old, new = list(program.lines), split_lines(after)
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [
        Edit(a, b, tuple(line.rstrip("\r\n") for line in new[c:d]), how)
        for tag, a, b, c, d in codes
        if tag != "equal"
    ]


def _plan_definitions(source: Source, program: Source) -> Plan:
    theirs = definitions(program.tree.body)
    edits: list[Edit] = []
    helpers: list[ast.stmt] = []
    usage: list[ast.stmt] = []
    notes: list[str] = []
    places: list[int] = []
    matched = False
    for node in source.tree.body:
        if isinstance(node, Imports) or is_placeholder(node) or is_docstring(node):
            continue
        if isinstance(node, Definition):
            old, name = theirs.get(node.name), node.name
            if old is None and is_method(node):
                old, name = _method(node.name, theirs)
            if old is not None:
                matched = True
                edits += replace_definition(node, source, old, program, name)
                outer = theirs.get(name.partition(".")[0], old)
                places.append(with_comments(program, span(outer)[0], 0))
            else:
                helpers.append(node)
            continue
        guard = next((old for old in program.tree.body if is_guard(old)), None)
        if is_guard(node) and guard is not None:
            if not same(node, guard) and not has_placeholder(node):
                edits += _guard_edits(node, source, guard, program)
        elif is_constant(node):
            helpers.append(node)
        else:
            usage.append(node)
    if not matched:
        edits, places = _plan_around(usage, helpers, source, program)
        usage = []
    at = min(places, default=0)
    for node in helpers:
        edits += _helper_edits(node, source, program, at)
    edits += add_imports([node for node in source.tree.body if isinstance(node, Imports)], source, program)
    if usage:
        notes.append(f"its top-level code is left out ({words(usage[0])})")
    if not any(not edit.adds for edit in edits) and matched and not any("." in edit.adds for edit in edits):
        return Plan(notes=tuple(notes))  # a helper or an import that nothing uses yet is no fix
    return Plan(tuple(edits), notes=tuple(notes), loose=not matched)


def _method(name: str, theirs: dict[str, Definition]) -> tuple[Definition | None, str]:
    homes = [
        (inner, f"{outer.name}.{name}")
        for outer in theirs.values()
        if isinstance(outer, ast.ClassDef)
        for inner in [definitions(outer.body).get(name)]
        if inner is not None
    ]
    if len(homes) > 1:
        raise Refused(f"method {name}: {len(homes)} classes of the program have one")
    return homes[0] if homes else (None, name)


def _guard_edits(node: ast.stmt, source: Source, guard: ast.stmt, program: Source) -> list[Edit]:
    return [Edit(*span(guard), cut(source, *span(node), "", ""), "replaced the __main__ block")]


def _helper_edits(node: ast.stmt, source: Source, program: Source, at: int) -> list[Edit]:
    if isinstance(node, Definition):
        if says_nothing(node) or has_placeholder(node):
            raise Refused(f"{node.name} leaves code out that the program does not have either")
        if is_method(node):
            raise Refused(f"method {node.name}: no class of the program has one")
        return [add_helper(node, source, at)]
    name = words(node)
    if any(words(old) == name for old in program.tree.body):
        return [
            *plan_statements([node], source, program),
        ]
    return [add_helper(node, source, at)]


def _plan_around(
    usage: list[ast.stmt], helpers: list[ast.stmt], source: Source, program: Source
) -> tuple[list[Edit], list[int]]:
    """Statements that come with helpers of their own; helpers alone are no fix."""
    names = [node.name for node in helpers if isinstance(node, Definition)]
    if not usage:
        shown = ", ".join(names[:3])
        raise Refused(f"defines {shown}, which the program does not have")
    try:
        edits = plan_statements(usage, source, program)
    except Refused as problem:
        if any(isinstance(node, Imports) for node in source.tree.body):
            raise Refused("has none of the program's functions") from None
        raise Refused(f"defines {', '.join(names[:3])}, which the program does not have; {problem}") from None
    if not edits:
        raise Refused(f"defines {', '.join(names[:3])}, which the program does not have")
    first = min(edit.start for edit in edits)
    tops = [span(node) for node in program.tree.body if span(node)[0] <= first < span(node)[1]]
    return edits, [with_comments(program, (tops[0][0] if tops else first), 0)]


def _plan_run(body: list[ast.stmt], source: Source, program: Source) -> Plan:
    imports = [node for node in body if isinstance(node, Imports)]
    rest = [
        node for node in body if is_placeholder(node) or not (isinstance(node, Imports) or is_docstring(node))
    ]
    if len(rest) == 1 and is_guard(rest[0]):
        guard = next((old for old in program.tree.body if is_guard(old)), None)
        if guard is not None and not has_placeholder(rest[0]):
            edits = [] if same(rest[0], guard) else _guard_edits(rest[0], source, guard, program)
            return Plan(tuple([*edits, *add_imports(imports, source, program)] if edits else ()), loose=True)
    if not rest:
        raise Refused("is a string")
    try:
        edits = plan_statements(rest, source, program)
    except Refused:
        if imports and len(rest) > 3 and definitions(program.tree.body):
            raise Refused("has none of the program's functions") from None
        raise
    return Plan(tuple([*edits, *add_imports(imports, source, program)] if edits else ()), loose=True)
