"""Goes from an answer in prose to one program: reads the blocks, plans each, chooses, applies, and reports.

What blocks say comes first. Sentences that order one precise edit ("add `a` after `b`") are carried out after
them, or instead where no block can be applied, and then all of them or none. Imports that a library name
leaves no choice about are added (see `library`).

It refuses to apply what was cut off, what is marked as wrong, and checks; and it hands out nothing that does
not parse.
"""

import ast
from dataclasses import dataclass, field, replace

from redgreenbench.reference_bugs.extraction import blocks as reading
from redgreenbench.reference_bugs.extraction.blocks import Block
from redgreenbench.reference_bugs.extraction.choice import ONLY, Candidate, Choice, choose, outcome
from redgreenbench.reference_bugs.extraction.definitions import add_imports
from redgreenbench.reference_bugs.extraction.library import library_imports
from redgreenbench.reference_bugs.extraction.marks import Marks, read_marks
from redgreenbench.reference_bugs.extraction.names import missing_names
from redgreenbench.reference_bugs.extraction.orders import follow
from redgreenbench.reference_bugs.extraction.plan import Plan, plan
from redgreenbench.reference_bugs.extraction.source import (
    LONGEST,
    Refused,
    Source,
    dump,
    parse_problem,
    read,
    read_block,
)

APPLIED, NOT_APPLIED, NOTHING = "applied", "not_applied", "nothing"


@dataclass(frozen=True)
class Extraction:
    """What became of an answer.

    Attributes:
        status: `applied`; `not_applied` (there was code, none of it could be applied); `nothing` (no code).
        source: The whole program after the fix; None unless applied.
        how: What was replaced.
        reason: Why nothing was applied, or with which reservations; one line, empty without either.
        rule: What decided among several fixes.
        alternatives: How many complete fixes there were to choose from.
        notes: Blocks that were left out, and why.
    """

    status: str
    source: str | None = None
    how: str = ""
    reason: str = ""
    rule: str = ""
    alternatives: int = 0
    notes: tuple[str, ...] = ()


@dataclass
class _Reading:
    """What was found while going through the blocks."""

    candidates: list[Candidate] = field(default_factory=list)
    # What counts only if nothing else does: checks by content, and what a single word makes no fix.
    checks: list[Candidate] = field(default_factory=list)
    refused: list[tuple[Block, Marks, str]] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    cut: int = 0
    code: bool = False


def extract(answer: str, program: str) -> Extraction:
    """Applies the fix that an answer proposes to a program.

    Args:
        answer: What was answered, Markdown as a rule.
        program: The program that it is about.

    Returns:
        The program after the fix, or why there is none. Nothing raises.
    """
    mark = "\ufeff" if program.startswith("\ufeff") else ""
    try:
        source = read(program.removeprefix(mark))
        if source is None:
            return Extraction(NOT_APPLIED, reason=f"the program itself {parse_problem(program)}")
        result = _extract(answer, source)
    except (RecursionError, MemoryError):
        return Extraction(NOT_APPLIED, reason="the code is nested too deeply to be read")
    if mark and result.source is not None:
        return Extraction(**{**vars(result), "source": mark + result.source})
    return result


def _extract(answer: str, program: Source) -> Extraction:
    found = _read(answer, program)
    _drop_what_is_replaced(found)
    candidates = found.candidates
    if not any(not candidate.extra for candidate in candidates):
        candidates = sorted([*candidates, *found.checks], key=lambda c: c.block.number)
    else:
        found.notes += [(c.block.number, "a check, replaces nothing") for c in found.checks]
    alone, needy = _by_names(candidates, program)
    choice = choose(alone, program)
    source = outcome(list(choice.chosen), program)
    how = [_how(candidate.plan) for candidate in choice.chosen if not candidate.extra]
    if not how:
        return _by_sentences(found, needy, answer, program)
    found.notes += choice.notes
    source, more = _on_top(source, choice, found, needy)
    how += more
    if not found.cut and not parse_problem(source):
        # Sentences that repeat what the blocks do change nothing, and others may: "and delete the line `...`".
        followed = follow(answer, source)
        source = followed.source
        how += followed.how
    if problem := parse_problem(source):
        return Extraction(NOT_APPLIED, reason=f"the program would not parse: {problem}", notes=_notes(found))
    for candidate in choice.chosen:
        found.notes += [(candidate.block.number, note) for note in candidate.plan.notes]
    return Extraction(
        APPLIED,
        source,
        how=", ".join(dict.fromkeys(filter(None, how))),
        reason=_reservations(found, needy, program, source),
        rule=choice.rule,
        alternatives=1 + choice.rivals,
        notes=_notes(found),
    )


def _by_sentences(
    found: _Reading, needy: list[tuple[Candidate, str]], answer: str, program: Source
) -> Extraction:
    """What the sentences say to do with single statements, where no block can be applied: all of it or nothing."""
    followed = follow(answer, program.text)
    if followed.problem or not followed.how or found.cut:
        return _nothing_applied(found, needy, answer, followed.problem)
    reason = _reservations(found, needy, program, followed.source)
    return Extraction(APPLIED, followed.source, ", ".join(followed.how), reason, ONLY, 1, _notes(found))


def _read(answer: str, program: Source) -> _Reading:
    found = _Reading()
    blocks = reading.find_blocks(answer)
    if len(blocks) > reading.MOST_BLOCKS:
        found.notes.append((0, f"only the last {reading.MOST_BLOCKS} of {len(blocks)} blocks are looked at"))
        blocks = blocks[-reading.MOST_BLOCKS :]
    budget = 2 * LONGEST
    quoted: Block | None = None
    for whole in blocks:
        if why := reading.why_no_code(whole):
            found.notes.append((whole.number, why))
            continue
        found.code = True
        budget -= len(whole.code)
        if not whole.closed or budget < 0:
            found.cut = found.cut or (whole.number if budget >= 0 else 0)
            found.notes.append(
                (whole.number, "too much code" if budget < 0 else "the answer was cut off in it")
            )
            continue
        for block in reading.parts(whole):
            quoted = _read_block(block, program, found, quoted)
    return found


def _drop_what_is_replaced(found: _Reading) -> None:
    """Code under "Change:" is the old one if a fix follows, even one that cannot be applied."""
    last = max((block.number for block, marks, _ in found.refused if marks.role == "fix"), default=0)
    gone = [c for c in found.checks if c.marks.role == "wrong" and c.block.number < last]
    found.notes += [(c.block.number, "marked as the old or wrong code") for c in gone]
    found.checks = [c for c in found.checks if c not in gone]


def _read_block(block: Block, program: Source, found: _Reading, quoted: Block | None) -> Block | None:
    """Plans one block; returns it if it is the old code that the next one may replace."""
    marks = read_marks(block)
    if marks.role in ("wrong", "check"):
        if doubtful := _mentioned_only(block, marks, program):
            found.checks.append(doubtful)
        else:
            why = "marked as the old or wrong code" if marks.role == "wrong" else "a check, replaces nothing"
            found.notes.append((block.number, why))
        return block if marks.role == "wrong" else None
    try:
        planned = plan(block, program, quoted)
    except Refused as problem:
        found.refused.append((block, marks, str(problem)))
        return None
    if planned.idle:
        found.notes.append(
            (block.number, "repeats the buggy code" if not planned.notes else planned.notes[0])
        )
        return None
    candidate = Candidate(block, marks, planned)
    (found.checks if _looks_like_check(candidate) else found.candidates).append(candidate)
    return None


def _mentioned_only(block: Block, marks: Marks, program: Source) -> Candidate | None:
    """What a single word makes old code or a check, although it changes the program and looks at nothing."""
    if not marks.unsure:
        return None
    try:
        planned = plan(block, program)
    except Refused:
        return None
    candidate = Candidate(block, marks, planned)
    quiet = not _new_looks(block, program) and not _looks_like_check(candidate)
    return candidate if quiet and not planned.idle and not candidate.extra else None


def _new_looks(block: Block, program: Source) -> bool:
    """Whether a block prints, asserts or breaks off where the program does not."""
    source = read_block(block.code)
    if source is None:
        return False
    looks = [{dump(n) for n in ast.walk(tree) if _looks(n)} for tree in (source.tree, program.tree)]
    return bool(looks[0] - looks[1])


def _looks(node: ast.AST) -> bool:
    call = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    prints = isinstance(call, ast.Name) and call.id in ("print", "breakpoint", "display", "exit")
    return prints or isinstance(node, ast.Assert | ast.Break)


def _looks_like_check(candidate: Candidate) -> bool:
    source = (
        read_block(candidate.block.code) if candidate.plan.loose and candidate.marks.role != "fix" else None
    )
    if source is None:
        return False
    calls = [
        n.value.func for n in source.tree.body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)
    ]
    prints = any(isinstance(call, ast.Name) and call.id == "print" for call in calls)
    watches = "set_detect_anomaly" in candidate.block.code or "detect_anomaly(" in candidate.block.code
    return prints or watches or any(isinstance(node, ast.Assert) for node in source.tree.body)


def _by_names(
    candidates: list[Candidate], program: Source
) -> tuple[list[Candidate], list[tuple[Candidate, str]]]:
    """Those that stand by themselves, given the answer's imports; and those that read what is not there."""
    extras = [candidate for candidate in candidates if candidate.extra]
    fine: list[Candidate] = []
    needy: list[tuple[Candidate, str]] = []
    for candidate in candidates:
        helping = [c for c in extras if c is not candidate and not c.clashes(candidate)]
        candidate, missing = _with_library(candidate, helping, program)
        if missing and candidate.plan.loose:
            needy.append((candidate, _uses(missing)))
        else:
            fine.append(candidate)
    return fine, needy


def _with_library(
    candidate: Candidate, helping: list[Candidate], program: Source
) -> tuple[Candidate, list[str]]:
    """A candidate with the imports that a reader would add, and the names that are missing even then."""
    if candidate.extra or candidate.plan.whole is not None:
        return candidate, []
    after = outcome([candidate, *helping], program)
    missing = missing_names(program.text, after)
    imports = library_imports(missing, after) if missing and not parse_problem(after) else None
    if imports is None:
        return candidate, missing
    edits = (*candidate.plan.edits, *add_imports(imports.tree.body, imports, program))
    complete = replace(candidate, plan=replace(candidate.plan, edits=edits))
    return complete, missing_names(program.text, outcome([complete, *helping], program))


def _uses(names: list[str]) -> str:
    return f"uses {', '.join(f'`{name}`' for name in names[:3])}, which the program does not have there"


def _on_top(
    source: str, choice: Choice, found: _Reading, needy: list[tuple[Candidate, str]]
) -> tuple[str, list[str]]:
    """Applies what makes sense only after the rest: it needs a name, or corrects a full program."""
    how: list[str] = []
    last = max(candidate.block.number for candidate in choice.chosen)
    whole = any(candidate.plan.whole is not None for candidate in choice.chosen)
    late = [(candidate.block, candidate.marks) for candidate, _ in needy]
    late += [(block, marks) for block, marks, _ in found.refused]
    if whole:
        late = [(b, m) for b, m in late if b.number > last and (m.correction or m.recommended)]
        later = [c for c in found.candidates if c.block.number > last and c.plan.whole is None]
        late += [(c.block, c.marks) for c in later if c.marks.correction or c.marks.recommended]
    for block, marks in sorted(late, key=lambda pair: pair[0].number):
        current = read(source)
        if current is None or marks.alternative or marks.choice:
            continue
        try:
            planned = plan(block, current)
        except Refused:
            continue
        if planned.whole is not None or any("removed" in edit.what for edit in planned.edits):
            continue
        complete, _ = _with_library(Candidate(block, marks, planned), [], current)
        after = outcome([complete], current)
        if missing_names(source, after) or parse_problem(after):
            continue
        _forget(block, found, needy)
        if planned.idle:
            found.notes.append((block.number, "repeats what another block has"))
        else:
            source = after
            how.append(_how(planned))
    return source, how


def _forget(block: Block, found: _Reading, needy: list[tuple[Candidate, str]]) -> None:
    found.refused = [entry for entry in found.refused if entry[0] != block]
    found.notes = [note for note in found.notes if note[0] != block.number]
    needy[:] = [entry for entry in needy if entry[0].block != block]


def _how(planned: Plan) -> str:
    if planned.how:
        return planned.how
    words: dict[str, None] = {}
    for edit in planned.edits:
        words[edit.what] = None
    replaced = [what.removeprefix("replaced ") for what in words if what.startswith("replaced ")]
    others = [what for what in words if not what.startswith("replaced ")]
    return ", ".join([f"replaced {', '.join(replaced)}"] * bool(replaced) + others)


def _nothing_applied(
    found: _Reading, needy: list[tuple[Candidate, str]], answer: str, problem: str
) -> Extraction:
    failures = [(block.number, marks.role == "fix", why) for block, marks, why in found.refused]
    failures += [(candidate.block.number, candidate.marks.role == "fix", why) for candidate, why in needy]
    failures.sort()
    reason = ""
    if failures:
        number, _, why = max(failures, key=lambda failure: (failure[1], failure[0]))
        reason = f"block {number}: {why}"
    if found.cut:
        reason = f"the answer was cut off in block {found.cut}" + (f"; {reason}" if reason else "")
    if not reason and found.candidates:
        reason = "only adds imports or helpers"
    if found.code:
        reason = reason or "no block changes the program: each repeats it, is marked as wrong, or is a check"
        return Extraction(NOT_APPLIED, reason=reason, notes=_notes(found, needy))
    if inline := reading.inline_code(answer):
        reason = f"code stands only inside of sentences (`{inline[:60]}`), not in a block"
        reason += f"; {problem}" if problem else ""
        return Extraction(NOT_APPLIED, reason=reason, notes=_notes(found))
    if problem:
        return Extraction(NOT_APPLIED, reason=problem, notes=_notes(found))
    return Extraction(NOTHING, reason="the answer has no code", notes=_notes(found))


def _reservations(found: _Reading, needy: list[tuple[Candidate, str]], program: Source, source: str) -> str:
    reasons = []
    if found.cut:
        reasons.append(f"the answer was cut off in block {found.cut}")
    if missing := missing_names(program.text, source):
        reasons.append(_uses(missing))
    left = [(block.number, why) for block, _, why in found.refused]
    left += [(candidate.block.number, why) for candidate, why in needy]
    for number, why in sorted(left):
        found.notes.append((number, why))
    if left:
        number, why = min(left)
        reasons.append(f"block {number} could not be applied: {why}")
    return "; ".join(reasons)


def _notes(found: _Reading, needy: list[tuple[Candidate, str]] | None = None) -> tuple[str, ...]:
    extra = [(candidate.block.number, why) for candidate, why in needy or []]
    if needy is not None:
        extra += [(block.number, why) for block, _, why in found.refused]
    unique = dict.fromkeys(sorted([*found.notes, *extra], key=lambda note: note[0]))
    return tuple(f"block {number}: {why}" if number else why for number, why in unique)
