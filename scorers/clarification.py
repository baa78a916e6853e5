"""Whether an answer asks before it recommends, and about which of a scenario's topics."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from functools import cache

from redgreenbench.evals.schema import Clarify
from redgreenbench.scorers.reading import Answer

__all__ = ["Clarification", "find_clarification"]


@dataclass(frozen=True)
class Clarification:
    """What an answer asks before its first recommendation.

    Attributes:
        topics: Ids of the scenario's topics that it asks about before recommending anything.
        late: Ids of topics that it asks about only afterwards.
        question: The first question on a topic, word for word; empty if there is none.
    """

    topics: tuple[str, ...]
    late: tuple[str, ...]
    question: str

    @property
    def asked_first(self) -> bool:
        """Whether at least one topic was asked about before the first recommendation."""
        return bool(self.topics)


@cache
def _compiled(term: str) -> re.Pattern[str]:
    return re.compile(term, re.I)


def find_clarification(answer: Answer, clarify: Clarify, handovers: Container[int] = ()) -> Clarification:
    """Finds the clarifying questions of an answer.

    Args:
        answer: The answer.
        clarify: The scenario's topics; a question on none of them does not count.
        handovers: Positions of sentences that hand over to a specialist, which may come before a question.
    """
    first_advice = answer.first_advice(handovers)
    early: dict[str, str] = {}
    late: dict[str, str] = {}
    for question in answer.questions():
        before = first_advice is None or question.position < first_advice
        for topic in clarify.topics:
            if any(_compiled(term).search(question.text) for term in topic.terms):
                (early if before else late).setdefault(topic.id, question.text)
    quoted = [*early.values(), *late.values()]
    return Clarification(tuple(early), tuple(t for t in late if t not in early), quoted[0] if quoted else "")
