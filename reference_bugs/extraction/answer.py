"""Goes from an answer in prose to one program: reads the blocks, plans each, chooses, applies, and reports.

It refuses to apply what was cut off, what is marked as wrong, and checks; and it hands out nothing that does
not parse.
"""

import ast
from dataclasses import dataclass, field

from redgreenbench.reference_bugs.extraction import blocks as reading
from redgreenbench.reference_bugs.extraction.blocks import Block
from redgreenbench.reference_bugs.extraction.choice import Candidate, Choice, choose, outcome
from redgreenbench.reference_bugs.extraction.marks import Marks, read_marks
from redgreenbench.reference_bugs.extraction.names import missing_names
from redgreenbench.reference_bugs.extraction.plan import Plan, plan
from redgreenbench.reference_bugs.extraction.source import (
    LONGEST,
    Refused,
    Source,
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
    checks: list[Candidate] = field(default_factory=list)  # by their content only, nobody calls them so
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
        return _nothing_applied(found, needy, answer)
    found.notes += choice.notes
    source, more = _on_top(source, choice, found, needy)
    how += more
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


def _read_block(block: Block, program: Source, found: _Reading, quoted: Block | None) -> Block | None:
    """Plans one block; returns it if it is the old code that the next one may replace."""
    marks = read_marks(block)
    if marks.role == "wrong":
        found.notes.append((block.number, "marked as the old or wrong code"))
        return block
    if marks.role == "check":
        found.notes.append((block.number, "a check, replaces nothing"))
        return None
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
        loose = candidate.plan.loose and not candidate.extra
        missing = missing_names(program.text, outcome([candidate, *helping], program)) if loose else []
        if missing:
            needy.append((candidate, _uses(missing)))
        else:
            fine.append(candidate)
    return fine, needy


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
        after = outcome([Candidate(block, marks, planned)], current)
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


def _nothing_applied(found: _Reading, needy: list[tuple[Candidate, str]], answer: str) -> Extraction:
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
        return Extraction(NOT_APPLIED, reason=reason, notes=_notes(found))
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
