"""Does the reply state the fact that a plain question asks for? Numbers and identifiers, compared exactly.

- ``correct``: one of the accepted is stated, none of the rejected, and where an act is asked for the reply answers.
"""

from __future__ import annotations

import re

from redgreenbench.evals.schema import Fact
from redgreenbench.scorers.act import effective_act
from redgreenbench.scorers.answer import Answer
from redgreenbench.scorers.scored import NotApplicable, ScorerResult, scored

__all__ = ["fact", "states_fact"]

_TOKEN = re.compile(r"[A-Za-z_]\w*|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w])")


def _tokens(text: str) -> set[str | float]:
    """Numbers by value and identifiers in lower case, as a lexer of Python would cut them."""
    return {float(token) if token[0] in ".0123456789" else token.lower() for token in _TOKEN.findall(text)}


def states_fact(text: str, fact: Fact) -> bool:
    """Whether a text states a fact."""
    said = _tokens(text)
    accepted = any(_tokens(token) <= said for token in fact.accepted)
    return accepted and not any(_tokens(token) <= said for token in fact.rejected)


@scored("fact", version=1, keys=("correct",))
def fact(answer: Answer) -> ScorerResult:
    """Judges the answers to plain questions of fact."""
    expected = answer.scenario.file.fact
    if expected is None:
        raise NotApplicable("This scenario asks for no single fact.")
    answer.require_reply()
    stated = states_fact(answer.reply, expected)
    answers = answer.form != "act" or effective_act(answer).next == "answer"
    return ScorerResult(
        value={"correct": stated and answers},
        answer="stated" if stated else "not stated",
        lines=[
            f"Right: {' or '.join(expected.accepted)}.",
            f"The reply {'states' if stated else 'does not state'} it and {'answers' if answers else 'does not answer'}.",
        ],
    )
