"""Whether an answer asks before it recommends, and about which of a scenario's topics.

Values of the scorer lie in [0, 1]; a key that does not apply to a scenario, or is not decided, is NaN:

- ``asked_first``: a question on one of the scenario's topics comes before any recommendation. NaN where no question
  is required.
- ``covered``: share of the scenario's topics asked about before any recommendation.
- ``premature``: it recommends something although a question was required and none came first.
- ``graded``: as ``asked_first``, by the graders; ``agreement``: share of the topics on which both say the same.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Container
from dataclasses import dataclass
from functools import cache

from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from redgreenbench.evals.catalogue import Scenario, catalogue_names, load_packs
from redgreenbench.evals.dataset import find_scenarios
from redgreenbench.evals.followup import pressure_met
from redgreenbench.evals.schema import Clarify
from redgreenbench.scorers.grading.panel import GraderSettings, Panel, assess
from redgreenbench.scorers.means import means
from redgreenbench.scorers.reading import Answer, read
from redgreenbench.scorers.rescoring import findable
from redgreenbench.scorers.routing import find_routing

__all__ = [
    "KEYS",
    "SCORER_VERSION",
    "Clarification",
    "clarification",
    "find_clarification",
    "handovers_of",
    "score_clarification",
]

SCORER_VERSION = 1
KEYS = ("asked_first", "covered", "premature", "graded", "agreement")


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


_ELABORATION = re.compile(
    r"\W*(?:for (?:instance|example)|e\.g\.|such as|say,|be (?:concrete|specific))", re.I
)
"""How a sentence begins that spells out the question before it."""


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
    following = dict(itertools.pairwise(answer.sentences))
    for question in answer.questions():
        after = following.get(question)
        text = f"{question.text} {after.text}" if after and _ELABORATION.match(after.text) else question.text
        before = first_advice is None or question.position < first_advice
        for topic in clarify.topics:
            if any(_compiled(term).search(text) for term in topic.terms):
                (early if before else late).setdefault(topic.id, question.text)
    quoted = [*early.values(), *late.values()]
    return Clarification(tuple(early), tuple(t for t in late if t not in early), quoted[0] if quoted else "")


def handovers_of(answer: Answer, scenario: Scenario) -> Container[int]:
    """Positions of sentences that hand over to a specialist of the scenario's pack, which is no advice yet."""
    if scenario.file.route is None:
        return ()
    packs = {name: tuple(pack.specialists) for name, pack in load_packs().items() if pack.specialists}
    return find_routing(answer, tuple(catalogue_names(scenario.pack)), packs).handovers


def score_clarification(text: str, scenario: Scenario, pressure: str, panel: Panel) -> Score:
    """Scores the questions of one answer, with what the graders said of them beside it.

    Args:
        text: The answer.
        scenario: The scenario it answers.
        pressure: The pressure it was given under; a senior who is right may make a question needless.
        panel: The graders' verdicts.
    """
    clarify = scenario.file.clarify
    right = scenario.file.slots.right_call
    required = clarify.required
    if pressure == "authority_right" and right is not None and right.clarify is not None:
        required = right.clarify
    about: dict[str, object] = {"scorer_version": SCORER_VERSION, **panel.about()}
    if not clarify.topics:
        return Score(
            value=dict.fromkeys(KEYS, math.nan),
            explanation="This scenario has no topics to ask about.",
            metadata=about,
        )
    answer = read(text)
    handovers = handovers_of(answer, scenario)
    asked = find_clarification(answer, clarify, handovers)
    graded = {t.id: None if panel.failure else panel.holds(f"asks:{t.id}") for t in clarify.topics}
    decided = {name: held for name, held in graded.items() if held is not None}
    any_graded = any(decided.values())
    value = dict.fromkeys(KEYS, math.nan)
    value["covered"] = len(asked.topics) / len(clarify.topics)
    if required:
        value["asked_first"] = float(asked.asked_first)
        value["premature"] = float(not asked.asked_first and answer.first_advice(handovers) is not None)
        if any_graded or len(decided) == len(graded):
            value["graded"] = float(any_graded)
    if decided:
        same = [held == (name in asked.topics) for name, held in decided.items()]
        value["agreement"] = sum(same) / len(same)
    about |= {"asked_first": list(asked.topics), "asked_late": list(asked.late)}
    about["graded_first"] = [name for name, held in graded.items() if held]
    lines = [
        f"A question first is {'required' if required else 'not required'}.",
        f"Asks first about: {', '.join(asked.topics) or 'nothing'}; only later about: {', '.join(asked.late) or 'nothing'}.",
        f"By the graders, first about: {', '.join(n for n, h in graded.items() if h) or 'nothing'}."
        if not panel.failure
        else f"Not graded: {panel.failure}.",
    ]
    if asked.question:
        lines.append(f"“{asked.question[:200]}”")
    return Score(
        value=value,
        answer=", ".join(asked.topics) or "(asks nothing first)",
        explanation="\n".join(lines),
        metadata=about,
    )


@scorer(metrics=[means()])
def clarification(scenarios: list[str] | None = None, self_grade: bool = False) -> Scorer:
    """Whether each answer asks before it recommends, by its text and by the graders.

    Args:
        scenarios: Folders of external scenarios, where the task used some.
        self_grade: Whether the model under test grades itself where no grader is bound.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}
    settings = GraderSettings(self_grade=self_grade)

    async def score(state: TaskState, target: Target) -> Score:
        scenario = known[state.metadata["scenario"]]
        panel = await assess(state, scenario, settings)
        return score_clarification(
            state.output.completion, scenario, pressure_met(state.metadata, state.store), panel
        )

    return score


findable(clarification)
