"""Chooses among the fixes of one answer: what belongs together is combined, of several ways one is graded.

It refuses to choose by what works. The rule, in this order: the one that the answer marks as recommended,
final, complete or corrected; the last one that is not marked as an alternative; the last one.
"""

from dataclasses import dataclass

from redgreenbench.reference_bugs.extraction.blocks import Block
from redgreenbench.reference_bugs.extraction.marks import Marks
from redgreenbench.reference_bugs.extraction.plan import Plan, plan
from redgreenbench.reference_bugs.extraction.source import Refused, Source, apply_edits, read

ONLY = "the only one"
ALL = "all blocks combined"
MARKED = "marked as recommended"
NOT_ALTERNATIVE = "the last complete one not marked as an alternative"
LAST = "the last complete one"


@dataclass(frozen=True)
class Candidate:
    """A block that can be applied."""

    block: Block
    marks: Marks
    plan: Plan

    @property
    def rank(self) -> tuple[bool, bool]:
        """What the answer says for it."""
        return self.marks.recommended, not self.marks.alternative

    @property
    def extra(self) -> bool:
        """Whether it only adds imports or helpers, which is no fix by itself."""
        return self.plan.whole is None and all(edit.adds and "." not in edit.adds for edit in self.plan.edits)

    def clashes(self, other: "Candidate") -> bool:
        """Whether both touch the same place."""
        if self.plan.whole is not None or other.plan.whole is not None:
            return True
        return any(mine.clashes(theirs) for mine in self.plan.edits for theirs in other.plan.edits)


@dataclass(frozen=True)
class Choice:
    """What is applied, and what is not."""

    chosen: tuple[Candidate, ...]
    rule: str
    rivals: int
    notes: tuple[tuple[int, str], ...]


def choose(candidates: list[Candidate], program: Source) -> Choice:
    """Chooses the fix that an answer recommends.

    Args:
        candidates: Everything in the answer that could be applied, in order.
        program: What it could be applied to.

    Returns:
        The candidates to apply together, the rule that decided, and how many others there were.
    """
    notes: list[tuple[int, str]] = []
    pool = _without_excerpts(candidates, program, notes)
    real = [candidate for candidate in pool if not candidate.extra]
    dropped: list[Candidate] = []
    kept = _one_program(_one_option(real, dropped), dropped)
    if any(not candidate.marks.alternative for candidate in kept) and not all(c.rank[0] for c in kept):
        spare = [c for c in kept if c.marks.alternative and not c.marks.recommended]
        dropped += spare
        kept = [candidate for candidate in kept if candidate not in spare]
    accepted: list[Candidate] = []
    for candidate in sorted(kept, key=lambda c: (*c.rank, kept.index(c)), reverse=True):
        (dropped if any(candidate.clashes(other) for other in accepted) else accepted).append(candidate)
    accepted.sort(key=pool.index)
    fragments = [
        c for c in dropped if accepted and accepted[0].plan.whole is not None and c.plan.whole is None
    ]
    for candidate in dropped:
        late = candidate in fragments and pool.index(candidate) > pool.index(accepted[0])
        why = "another way" if candidate.marks.alternative else "superseded by another block"
        if candidate in fragments:
            why = (
                "comes after the full program, not as a correction"
                if late
                else "superseded by the full program"
            )
        notes.append((candidate.block.number, why))
    rivals = [candidate for candidate in dropped if candidate not in fragments]
    rule = _rule(accepted, rivals)
    accepted += [c for c in pool if c.extra and not any(c.clashes(other) for other in accepted)]
    return Choice(tuple(accepted), rule, len(rivals), tuple(notes))


def _rule(accepted: list[Candidate], rivals: list[Candidate]) -> str:
    if not rivals:
        return ALL if len(accepted) > 1 else ONLY
    if any(candidate.marks.recommended for candidate in accepted):
        return MARKED
    if any(rival.marks.alternative for rival in rivals) and not any(c.marks.alternative for c in accepted):
        return NOT_ALTERNATIVE
    return LAST


def _one_option(candidates: list[Candidate], dropped: list[Candidate]) -> list[Candidate]:
    """Of numbered options exactly one stays; blocks outside of them are not touched."""
    labels = list(dict.fromkeys(c.marks.choice for c in candidates if c.marks.choice))
    if len(labels) < 2:
        return candidates

    def rank(label: str) -> tuple[bool, bool, int]:
        members = [c for c in candidates if c.marks.choice == label]
        best = any(c.marks.recommended for c in members)
        return best, any(not c.marks.alternative for c in members), labels.index(label)

    winner = max(labels, key=rank)
    losers = [c for c in candidates if c.marks.choice not in ("", winner)]
    dropped += losers
    return [c for c in candidates if c not in losers]


def _one_program(candidates: list[Candidate], dropped: list[Candidate]) -> list[Candidate]:
    """A full program excludes everything else, unless it is only said to be another way."""
    programs = [c for c in candidates if c.plan.whole is not None]
    if not programs:
        return candidates
    fragments = [c for c in candidates if c.plan.whole is None]
    winner = max(programs, key=lambda c: (*c.rank, candidates.index(c)))
    if winner.marks.alternative and any(not c.marks.alternative for c in fragments):
        dropped += programs
        return fragments
    dropped += [c for c in candidates if c is not winner]
    return [winner]


def _without_excerpts(
    candidates: list[Candidate], program: Source, notes: list[tuple[int, str]]
) -> list[Candidate]:
    """Leaves out what another block contains: showing a part of a fix again is no other way."""
    kept = list(candidates)
    for part in candidates:
        for whole in candidates:
            if part is whole or whole not in kept or part not in kept or part.plan.whole is not None:
                continue
            if part.clashes(whole) and _contains(whole, part, program):
                kept.remove(part)
                notes.append((part.block.number, f"is part of block {whole.block.number}"))
    return kept


def _contains(whole: Candidate, part: Candidate, program: Source) -> bool:
    after = read(outcome([whole], program))
    try:
        return after is not None and plan(part.block, after).idle
    except Refused:
        return False


def outcome(candidates: list[Candidate], program: Source) -> str:
    """The program after candidates that do not clash."""
    for candidate in candidates:
        if candidate.plan.whole is not None:
            return candidate.plan.whole
    return apply_edits(program, [edit for candidate in candidates for edit in candidate.plan.edits])
