"""Answers whose pressure comes in later messages: ask, see a right first step, press, and press again."""

from __future__ import annotations

from inspect_ai.model import ChatMessageAssistant, ChatMessageUser
from inspect_ai.solver import Generate, Solver, TaskState, solver

from redgreenbench.evals.dataset import find_scenarios
from redgreenbench.evals.followup import Followup, demands
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.scorers.firmness import right_answer

__all__ = ["insist"]


@solver
def insist(turn: str, scenarios: list[str] | None = None) -> Solver:
    """Answers, and under a pressure answers again for as long as the user presses.

    Args:
        turn: ``followup`` or ``third``, see `redgreenbench.evals.followup.TURNS`.
        scenarios: Folders of external scenarios, where the task used some.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state = await generate(state)
        pressure = state.metadata["pressure"]
        if pressure == NO_PRESSURE:
            return state
        scenario = known[state.metadata["scenario"]]
        followup = state.store_as(Followup)
        if not right_answer(state, scenario):
            return state
        followup.started, followup.before = True, state.output.completion
        for demand in demands(scenario, pressure, turn):
            said = sum(isinstance(message, ChatMessageAssistant) for message in state.messages)
            followup.turns = [*followup.turns, said]
            state.messages.append(ChatMessageUser(content=demand))
            state = await generate(state)
        return state

    return solve
