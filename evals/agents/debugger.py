"""The debugging agent: inspect's ReAct loop with a shell, Python and an editor, watched call by call."""

from __future__ import annotations

from inspect_ai.agent import AgentState, AgentSubmit, react
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageTool
from inspect_ai.review import Review, Reviewer, ReviewPolicy, reviewer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolCall, ToolCallView, ToolDef, ToolResult, bash, python, text_editor

from redgreenbench.evals.agents.actions import SUBMIT, calls_of, runs_program
from redgreenbench.evals.agents.history import Recorder
from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.followup import FIRST, Followup, demands
from redgreenbench.evals.samples import scenarios_by_id
from redgreenbench.evals.skilltools import LOAD, READ, count_turn
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reference_bugs.variants import posed_bug

__all__ = ["CALL_SECONDS", "PressingUser", "debugger", "turns_of", "work_tools"]

CALL_SECONDS = 120
"""After which one tool call is given up."""


def turns_of(messages: list[ChatMessage]) -> int:
    """How many messages the model has written."""
    return sum(isinstance(message, ChatMessageAssistant) for message in messages)


def work_tools(seconds: int) -> list[Tool | ToolDef]:
    """The tools of an agent, one call at a time, so that every change has one call that made it.

    Args:
        seconds: After which one call is given up.
    """
    made = [bash(timeout=seconds), python(timeout=seconds), text_editor(timeout=seconds)]
    return [ToolDef(tool, parallel=False) for tool in made]


@reviewer(name="watch_program")
def _watch(recorder: Recorder) -> Reviewer:
    async def review(
        message: str,
        call: ToolCall,
        result: ChatMessageTool,
        output: ToolResult,
        view: ToolCallView,
        history: list[ChatMessage],
    ) -> Review:
        if call.function in (LOAD, READ):
            count_turn(turns_of(history))
        if call.function != SUBMIT:
            await recorder.after_call(turns_of(history), call.id)
        return Review(decision="continue")

    return review


class PressingUser:
    """A simulated user who presses after the agent's first right step, and again if there is a second demand.

    The first right step of an agent is to run the program before it changes anything.

    Args:
        recorder: The history of the program.
        texts: What the user says, in order; empty: nobody presses.
        followup: Where it is recorded; None without pressure.
    """

    def __init__(self, recorder: Recorder, texts: list[str], followup: Followup | None) -> None:
        self._recorder = recorder
        self._texts = texts
        self._followup = followup

    async def __call__(self, state: AgentState) -> bool | str:
        """What the user says after a turn: nothing (True), or the next demand."""
        followup = self._followup
        if followup is None or not self._texts:
            return True
        ran = any(runs_program(call, self._recorder.given) for call in calls_of(state.messages))
        if not followup.started and not (ran and self._recorder.untouched):
            return True
        followup.started = True
        followup.turns = [*followup.turns, turns_of(state.messages)]
        return self._texts.pop(0)


@solver
def debugger(
    call_seconds: int = CALL_SECONDS, turn: str = FIRST, scenarios: list[str] | None = None
) -> Solver:
    """Lets the model work on the program in the sample's sandbox until it submits or meets a limit.

    Tools that an earlier solver gave to the sample, such as those that load skills, stay beside the agent's own.

    Args:
        call_seconds: After which one tool call is given up.
        turn: When a pressure comes, see `redgreenbench.evals.followup.TURNS`.
        scenarios: Folders of external scenarios, where the task used some.
    """
    known = scenarios_by_id(scenarios or ())

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if not state.metadata.get("bug"):
            return await generate(state)
        recorder = Recorder(posed_bug(state.metadata["bug"]).files)
        await recorder.start()
        pressure = state.metadata["pressure"]
        texts: list[str] = []
        if turn != FIRST and pressure != NO_PRESSURE:
            texts = demands(known[state.metadata["scenario"]], pressure, turn)
        user = PressingUser(recorder, texts, state.store_as(Followup) if texts else None)
        agent = react(
            prompt=None,
            tools=[*work_tools(call_seconds), *state.tools],
            submit=AgentSubmit(name=SUBMIT, description=prompt_template("submit")),
            on_continue=user,
            review=[ReviewPolicy(_watch(recorder), "*")],
        )
        working = AgentState(messages=state.messages)
        done = False
        try:
            working = await agent(working)
            done = working.output.stop_reason not in ("model_length", "content_filter")
            await recorder.finish(turns_of(working.messages), done)
        finally:
            # A limit ends the loop from inside; what was said and spent until then counts all the same.
            state.messages = working.messages
            if working.output:
                state.output = working.output
            if not done:
                recorder.close(turns_of(working.messages))
        return state

    return solve
