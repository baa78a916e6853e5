"""One object a sample with all that scorers look at: what was asked, what was said and done, and the verdicts on it.

It is built once for a sample. What costs something (running a program, asking graders) is done when it is first asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Literal
from weakref import WeakKeyDictionary

from inspect_ai.model import ChatMessageAssistant
from inspect_ai.solver import TaskState
from pydantic import BaseModel, ConfigDict

from redgreenbench.evals.act_line import Act, read_act
from redgreenbench.evals.agents.history import History, history_of
from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.followup import Followup, followup_of, pressure_met
from redgreenbench.evals.messages import Form, form_of
from redgreenbench.evals.samples import scenarios_by_id
from redgreenbench.evals.skilltools import SkillCall, SkillCalls
from redgreenbench.evals.vocabulary import UNSCORED, Delivery
from redgreenbench.reference_bugs.folder import BugFolder
from redgreenbench.reference_bugs.private import VARIABLE
from redgreenbench.reference_bugs.submission import Submission, read_submission, without_reasoning
from redgreenbench.reference_bugs.variants import posed_bug
from redgreenbench.reference_bugs.verdict import Verdict, no_program
from redgreenbench.scorers.grading.panel import GraderSettings, Panel, assess
from redgreenbench.scorers.running import CannotRun, Runner, runner_for

__all__ = ["CUT_OFF", "Answer", "Settings", "Unscored", "answer_of"]

CUT_OFF = ("max_tokens", "model_length")


class Settings(BaseModel):
    """How samples are judged; the same for all scorers of a task, and short, since inspect keeps it with every score.

    Attributes:
        scenarios: Folders of external scenarios, where the task used some.
        self_grade: Whether the model under test grades itself where no grader is bound.
        device: Where programs are run: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        exec_sandbox: An inspect sandbox to run programs in, such as ``docker``; none: the engine's own.
        exec_workers: Programs run at a time; none: one per core, at most 8, and one on a GPU.
        execution: ``now``, or ``later``: programs stay unscored until `redgreen grade` runs them.
        reverse: Whether statements are put to graders in the reverse order.
        fresh: Whether graders are asked anew in every epoch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenarios: tuple[str, ...] = ()
    self_grade: bool = False
    device: str = "auto"
    exec_sandbox: str | None = None
    exec_workers: int | None = None
    execution: Literal["now", "later"] = "now"
    reverse: bool = False
    fresh: bool = False

    @cached_property
    def known(self) -> dict[str, Scenario]:
        """The scenarios by id."""
        return scenarios_by_id(self.scenarios)

    def scenario(self, name: str) -> Scenario:
        """A scenario by its id.

        Raises:
            InputError: It is not there, as where a log is scored again after its scenario went.
        """
        try:
            return self.known[name]
        except KeyError:
            raise InputError(
                f"{name}: no such scenario here; pose it with the folder it is in (-T scenarios=…), or set {VARIABLE} "
                "if it is private"
            ) from None

    @property
    def runner(self) -> Runner:
        """Who runs programs.

        Raises:
            InputError: There is no such device.
            Unscored: Programs are run later.
        """
        if self.execution == "later":
            raise Unscored("execution_later")
        return runner_for(self.device, self.exec_sandbox, self.exec_workers)


class Unscored(Exception):
    """A sample gets no score, for a reason that is not the model's fault.

    Args:
        code: Why, one of `redgreenbench.evals.vocabulary.UNSCORED`.
        words: The same for people; none: the words of the code.
    """

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(words or UNSCORED[code])
        self.code = code


class Answer:
    """A sample as scorers see it.

    Args:
        state: The sample.
        settings: How it is judged.
    """

    def __init__(self, state: TaskState, settings: Settings) -> None:
        self.state = state
        self.settings = settings
        self.scenario = settings.scenario(state.metadata["scenario"])
        self._verdict: Verdict | None = None
        self._panel: Panel | None = None

    @property
    def arm(self) -> str:
        """The arm."""
        return str(self.state.metadata["arm"])

    @cached_property
    def pressure(self) -> str:
        """The pressure that the sample met; ``none`` if a later pressure never came."""
        return pressure_met(self.state.metadata, self.state.store)

    @cached_property
    def tested(self) -> tuple[str, ...]:
        """Names of the skills under test."""
        return tuple(name for name in str(self.state.metadata.get("tested") or "").split("\n") if name)

    @property
    def form(self) -> Form | None:
        """The form that was asked of the reply."""
        return form_of(self.scenario)

    @cached_property
    def bug(self) -> BugFolder | None:
        """The bug of the program that was posed; None without one."""
        return posed_bug(self.scenario.file.bug) if self.scenario.file.bug else None

    @cached_property
    def followup(self) -> Followup | None:
        """How it went where pressure was to come later."""
        return followup_of(self.state.store)

    @cached_property
    def history(self) -> History | None:
        """What an agent did to the program; None where none worked."""
        return history_of(self.state.store)

    @cached_property
    def turns(self) -> list[ChatMessageAssistant]:
        """The model's messages, in order."""
        return [m for m in self.state.messages if isinstance(m, ChatMessageAssistant)]

    @cached_property
    def replies(self) -> list[str]:
        """What the model replied last, without reasoning: one text, or two where the form was requested once more."""
        pressed = self.followup.turns if self.followup else []
        last = self.turns[pressed[-1] :] if pressed else self.turns
        return [without_reasoning(turn.text) for turn in last if not turn.tool_calls]

    @property
    def reply(self) -> str:
        """All of the reply as one text."""
        return "\n\n".join(self.replies)

    @property
    def seed(self) -> int:
        """Seed of the hidden inputs: from inspect's random id of the sample, which no model sees.

        So a grade that is repeated, on another machine too, draws the same, and what it will draw cannot be guessed.
        """
        return int(hashlib.sha256(self.state.uuid.encode()).hexdigest()[:13], 16)

    @property
    def requested(self) -> bool:
        """Whether the form was missing, so that it was requested once."""
        return len(self.replies) > 1

    def require_reply(self) -> None:
        """Refuses a sample that ended before the model could reply.

        Raises:
            Unscored: A limit came between the user's last demand and the reply, or all of the reply was reasoning.
        """
        if self.followup and self.followup.turns and not self.replies:
            raise Unscored("limit")
        if self.cut_off and not self.reply.strip():
            raise Unscored("cut_off")

    @property
    def cut_off(self) -> bool:
        """Whether the last reply met the limit of its tokens."""
        return self.state.output.stop_reason in CUT_OFF

    @cached_property
    def calls(self) -> Sequence[SkillCall]:
        """Calls of the tools that load skills, in order; none where skills are injected."""
        if self.state.metadata.get("delivery") != Delivery.TOOL:
            return ()
        return self.state.store_as(SkillCalls).calls

    @cached_property
    def announced(self) -> Act | None:
        """The act that the reply announces; None if no line is well formed, even after the one request."""
        return next((act for text in self.replies if (act := read_act(text, self.tested))), None)

    @cached_property
    def submission(self) -> Submission:
        """The program that the reply gives, or why it gives none."""
        assert self.bug is not None
        given = [read_submission(text, self.bug.files, self.bug.entry_points) for text in self.replies]
        with_program = [submission for submission in given if submission.files is not None]
        return (with_program or given or [Submission(problem="there is no reply")])[-1]

    async def verdict(self) -> Verdict:
        """What running the program showed: the reply's, or the one that an agent left behind.

        Raises:
            Unscored: The reply was cut off, or the program cannot be run here.
        """
        if self._verdict is None:
            self._verdict = await self._run()
        return self._verdict

    async def _run(self) -> Verdict:
        assert self.bug is not None
        how = ""
        if self.history is not None:
            first, last = self.history.snapshots[0], self.history.snapshots[-1]
            if last.unreadable:
                return no_program(self.bug, f"it cannot be read: {last.unreadable}")
            if last.digest == first.digest:
                return no_program(self.bug, "it was left as it was given")
            files, how = self.history.files(last), "whole"
        else:
            self.require_reply()
            given = self.submission
            if self.cut_off and (given.files is None or given.open):
                raise Unscored("cut_off")
            if given.files is None:
                return no_program(self.bug, given.problem)
            files, how = given.files, given.how
        try:
            verdict = await self.settings.runner.program(self.bug, files, seed=self.seed)
        except CannotRun as error:
            raise Unscored(error.code, str(error)) from error
        verdict.how = how
        return verdict

    async def panel(self) -> Panel:
        """The graders' verdicts. The graders are asked once, however many scorers need them."""
        if self._panel is None:
            settings = GraderSettings(
                self_grade=self.settings.self_grade, reverse=self.settings.reverse, fresh=self.settings.fresh
            )
            self._panel = await assess(self.state, self.scenario, settings)
        return self._panel


_answers: WeakKeyDictionary[TaskState, Answer] = WeakKeyDictionary()


def answer_of(state: TaskState, settings: Settings) -> Answer:
    """The answer of a finished sample, built once for all of its scorers.

    Args:
        state: The sample.
        settings: How it is judged.
    """
    answer = _answers.get(state)
    if answer is None or answer.settings != settings:
        answer = _answers[state] = Answer(state, settings)
    return answer
