"""Replaces code that an answer quotes as the old one by what it says to write instead.

It refuses when the old code does not stand in the program exactly once.
"""

from dataclasses import dataclass

from redgreenbench.reference_bugs.extraction.anchors import Anchors
from redgreenbench.reference_bugs.extraction.source import (
    Edit,
    Refused,
    Source,
    has_placeholder,
    indent_of,
    same,
    span,
)
from redgreenbench.reference_bugs.extraction.statements import cut_run, must_be_alone, words


@dataclass(frozen=True)
class Pair:
    """Code that an answer quotes as the old one, and what it says to write instead."""

    before: Source
    after: Source


def plan_pair(pair: Pair, program: Source) -> list[Edit]:
    """Edits that put the new code of a pair where the program has the old one.

    Args:
        pair: Old and new code.
        program: What has the old one.

    Returns:
        The edits.

    Raises:
        Refused: If the old code does not stand in the program exactly once.
    """
    old, new = pair.before.tree.body, pair.after.tree.body
    found = []
    for suite in Anchors(program).suites:
        for at in range(len(suite.body) - len(old) + 1):
            if same(list(suite.body[at : at + len(old)]), old):
                found.append((suite, at))
    if len(found) != 1 or any(map(has_placeholder, new)):
        raise Refused(f"{words(new[0])}: the code that it replaces is not in the program exactly once")
    suite, at = found[0]
    gone = list(suite.body[at : at + len(old)])
    for node in gone:
        must_be_alone(program, node)
    lines = cut_run(new, pair.after, indent_of(program, gone[0]))
    what = f"replaced {words(gone[0])}{f' in {suite.where}' if suite.where else ''}"
    return [Edit(span(gone[0])[0], span(gone[-1])[1], lines, what)]
