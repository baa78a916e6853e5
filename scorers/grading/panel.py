"""Asks the bound graders about one answer and makes their verdicts one.

One call a grader for all that is to be decided on an answer. Graders
are the models bound to the role ``grader``. Without one nothing is graded, unless self-grading is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from inspect_ai.model import (
    ChatMessage,
    ChatMessageSystem,
    ChatMessageUser,
    Model,
    get_model,
    model_roles,
)
from inspect_ai.solver import TaskState
from inspect_ai.util import collect

from redgreenbench.evals.agents.history import history_of
from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.followup import followup_of, pressure_met
from redgreenbench.evals.vocabulary import UNSCORED
from redgreenbench.scorers.grading.asking import ask_grader
from redgreenbench.scorers.grading.evidence import Transcript, transcript_of
from redgreenbench.scorers.grading.questions import (
    LATER,
    WORK,
    Question,
    grader_text,
    load_excuses,
    prompt_hash,
    questions_of,
    same_family,
)
from redgreenbench.scorers.grading.reply import Verdict, read_reply, response_schema

__all__ = ["ROLE", "Assessment", "GraderSettings", "Panel", "assess", "bound_graders", "grader_messages"]

ROLE = "grader"
_TOKENS_A_STATEMENT = 120
_TOKENS_BESIDE = 600

_log = logging.getLogger(__name__)
_warned: set[tuple[str, str]] = set()


@dataclass(frozen=True)
class GraderSettings:
    """How graders are asked.

    Attributes:
        self_grade: Whether the model under test grades itself where no grader is bound.
        reverse: Whether statements are put in the reverse order, which shows a position bias.
        fresh: Whether every epoch is asked anew instead of taking the same answer's verdicts from the cache.
    """

    self_grade: bool = False
    reverse: bool = False
    fresh: bool = False


@dataclass(frozen=True)
class Assessment:
    """What one grader said.

    Attributes:
        grader: The model.
        verdicts: A verdict by the question's key; empty where it failed.
        excuses: Excuses found, with quotes.
        failure: Why nothing could be read; empty where it could.
        attempts: Calls made.
    """

    grader: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    excuses: tuple[tuple[str, str], ...] = ()
    failure: str = ""
    attempts: int = 0


@dataclass(frozen=True)
class Panel:
    """What all graders said of one answer.

    Attributes:
        assessments: One for each grader.
        failure: Code of the reason for which nothing is decided; empty where something is.
        self_graded: Whether the subject judged itself.
        family: The family that a grader shares with the subject; empty if none does.
    """

    assessments: tuple[Assessment, ...]
    failure: str = ""
    self_graded: bool = False
    family: str = ""

    def holds(self, key: str) -> bool | None:
        """What more than half of the graders decided; a grader that failed or was void withholds its vote."""
        votes = [a.verdicts[key].holds for a in self.assessments if key in a.verdicts]
        for value in (True, False):
            if 2 * votes.count(value) > len(self.assessments):
                return value
        return None

    def verdict(self, key: str) -> Verdict:
        """A verdict that stands for the majority, with its quote; a void one where there is no majority."""
        held = self.holds(key)
        given = [a.verdicts[key] for a in self.assessments if key in a.verdicts]
        if held is None:
            return next((v for v in given if v.holds is None), Verdict(None, void="graders disagree"))
        return next(v for v in given if v.holds is held)

    @property
    def explanation(self) -> str:
        """Why nothing is decided, for people; the graders' failures if they are the reason."""
        failures = "; ".join(dict.fromkeys(a.failure for a in self.assessments if a.failure))
        return failures or UNSCORED.get(self.failure, "")

    @property
    def excuses(self) -> tuple[tuple[str, str], ...]:
        """Excuses that more than half of the graders found, with a quote each."""
        quotes: dict[str, list[str]] = {}
        for assessment in self.assessments:
            for name, quote in assessment.excuses:
                quotes.setdefault(name, []).append(quote)
        return tuple((name, q[0]) for name, q in quotes.items() if 2 * len(q) > len(self.assessments))

    def about(self) -> dict[str, object]:
        """The metadata of a score about its grading."""
        return {
            "graders": [a.grader for a in self.assessments],
            "grader_prompt": prompt_hash(),
            "self_graded": self.self_graded,
            "grader_family": self.family or None,
            "failures": {a.grader: a.failure for a in self.assessments if a.failure} or None,
        }


def grader_messages(
    transcript: Transcript, questions: Sequence[Question], reverse: bool = False
) -> list[ChatMessage]:
    """The prompt of a grader: its rules, the fenced transcript, the statements and the excuses."""
    wording = grader_text()
    put = list(reversed(questions)) if reverse else list(questions)
    statements = "\n".join(f"{n}. {q.statement}" for n, q in enumerate(put, 1))
    excuses = "\n".join(f"- {name}: {excuse.says}" for name, excuse in load_excuses().items())
    parts = {
        "{open}": f"<{transcript.mark}>",
        "{close}": f"</{transcript.mark}>",
        "{statements}": statements,
        "{excuses}": excuses,
    }
    text = wording.transcript
    for slot, filling in parts.items():
        text = text.replace(slot, filling)
    # Last, so that slots written into an answer stay what they are.
    text = text.replace("{transcript}", transcript.text)
    return [ChatMessageSystem(content=wording.system), ChatMessageUser(content=text)]


async def assess(state: TaskState, scenario: Scenario, settings: GraderSettings) -> Panel:
    """Asks the graders about a sample's answer.

    Args:
        state: The finished sample.
        scenario: The scenario it answers.
        settings: How graders are asked.
    """
    bound = bound_graders()
    self_graded = not bound and settings.self_grade
    graders = [get_model()] if self_graded else bound
    if not graders:
        return Panel((), "no_grader")
    transcript = transcript_of(state.messages)
    if not transcript.said.strip():
        return Panel((), "undecided")
    followup = followup_of(state.store)
    extra = LATER if followup is not None and followup.started else ()
    if history_of(state.store) is not None:
        extra = (*extra, *WORK)
    questions = questions_of(scenario, pressure_met(state.metadata, state.store), extra)
    subject = str(state.model)
    asked = await collect(*(_ask(g, transcript, questions, settings) for g in graders))
    family = next((f for g in graders if (f := same_family(str(g), subject))), "")
    if family and (family, subject) not in _warned:
        _warned.add((family, subject))
        _log.warning("%s and its grader are of one family (%s), which a grader may favour", subject, family)
    failure = "grader_failed" if all(a.failure for a in asked) else ""
    return Panel(tuple(asked), failure, self_graded, family)


def bound_graders() -> list[Model]:
    """The models of the role ``grader``."""
    bound = model_roles().get(ROLE)
    return [] if bound is None else list(bound) if isinstance(bound, list) else [bound]


async def _ask(
    model: Model, transcript: Transcript, questions: Sequence[Question], settings: GraderSettings
) -> Assessment:
    count, excuses = len(questions), list(load_excuses())
    asked = await ask_grader(
        model,
        grader_messages(transcript, questions, settings.reverse),
        response_schema(),
        _TOKENS_BESIDE + _TOKENS_A_STATEMENT * count,
        lambda text: read_reply(text, count, transcript, excuses),
        grader_text().repair.replace("{count}", str(count)),
        settings.fresh,
    )
    if asked.reply is None:
        return Assessment(str(model), failure=asked.failure, attempts=asked.attempts)
    put = list(reversed(questions)) if settings.reverse else list(questions)
    verdicts = {q.key: v for q, v in zip(put, asked.reply.verdicts, strict=True)}
    return Assessment(str(model), verdicts, asked.reply.excuses, attempts=asked.attempts)
