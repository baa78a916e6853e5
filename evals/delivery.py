"""The solver that gives an arm's text to the model; everything else in a sample is the same in all arms."""

from __future__ import annotations

from inspect_ai.model import ChatMessageSystem
from inspect_ai.solver import Generate, Solver, TaskState, solver

__all__ = ["inject_arm", "with_arm"]


def with_arm(system: str, arm_text: str) -> str:
    """The system message with the arm's text behind what all arms share."""
    return f"{system}\n\n{arm_text}" if arm_text else system


@solver
def inject_arm(texts: dict[str, dict[str, str]]) -> Solver:
    """Puts the arm's text into the sample's system message.

    Args:
        texts: Text by pack and arm. As a parameter of the solver it stands once in the log, where the
            audit for contamination finds what was delivered.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        text = texts[state.metadata["pack"]][state.metadata["arm"]]
        if text:
            state.messages[0] = ChatMessageSystem(content=with_arm(state.messages[0].text, text))
        return state

    return solve
