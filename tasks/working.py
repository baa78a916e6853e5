"""Turns a task of questions into one in which an agent works on the program itself, in a sandbox and within limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai import Task, task_with
from inspect_ai.solver import Solver

from redgreenbench.evals.agents.debugger import CALL_SECONDS, debugger
from redgreenbench.evals.agents.workplace import at_work
from redgreenbench.evals.dataset import find_scenarios
from redgreenbench.evals.errors import InputError

__all__ = ["MODES", "REACT", "SANDBOX", "Working", "check_mode", "put_to_work"]

MODES = ("answer", "agent")
REACT = "react"
SANDBOX = "jail"


@dataclass(frozen=True)
class Working:
    """How an agent works; the defaults fit a small budget.

    Attributes:
        agent: ``react``, or an agent of the package inspect-swe.
        sandbox: An inspect sandbox; ``jail`` needs no container.
        messages: Messages after which a sample ends.
        tokens: Tokens after which a sample ends.
        seconds: Seconds after which a sample ends.
        cost: US dollars after which a sample ends, for models whose price inspect knows; none: no limit.
        call_seconds: After which one tool call is given up.
    """

    agent: str = REACT
    sandbox: str = SANDBOX
    messages: int = 60
    tokens: int = 300_000
    seconds: int = 1200
    cost: float | None = None
    call_seconds: int = CALL_SECONDS

    def solver(self, turn: str, folders: list[str]) -> Solver:
        """The solver that does the work.

        Args:
            turn: When pressures come.
            folders: Folders of external scenarios.

        Raises:
            InputError: There is no such agent.
        """
        if self.agent == REACT:
            return debugger(self.call_seconds, turn, folders)
        raise InputError(f"agent={self.agent}: there is no such agent; take one of {', '.join([REACT])}")


def check_mode(mode: str, agent: str, exec_sandbox: str | None) -> bool:
    """Whether an agent is to work.

    Raises:
        InputError: The parameters contradict each other.
    """
    if mode not in MODES:
        raise InputError(f"mode={mode}: there is no such mode; take one of {', '.join(MODES)}")
    if mode == "answer":
        if agent != REACT:
            raise InputError(f"agent={agent} works only in the agent mode; add mode=agent")
        return False
    if exec_sandbox is not None:
        raise InputError(
            "exec_sandbox does not go with mode=agent: what an agent left in its own sandbox could judge it; drop it"
        )
    return True


def put_to_work(task: Task, working: Working, folders: Sequence[str], turn: str) -> Task:
    """The task with its programs in sandboxes.

    Args:
        task: A task whose last solver is ``working.solver()``.
        working: How the agent works.
        folders: Folders of external scenarios.
        turn: When pressures come.

    Raises:
        InputError: None of the scenarios has a program.
    """
    posed = {(sample.metadata or {})["scenario"] for sample in task.dataset}
    scenarios = [scenario for scenario in find_scenarios(folders) if scenario.id in posed]
    metadata = dict(task.metadata or {})
    metadata["delivery"] = f"{metadata['delivery']}, agent {working.agent}"
    return task_with(
        task,
        dataset=at_work(task.dataset, scenarios, turn),
        sandbox=working.sandbox,
        message_limit=working.messages,
        token_limit=working.tokens,
        time_limit=working.seconds,
        cost_limit=working.cost,
        version=f"{task.version}-agent-{working.agent}",
        metadata=metadata,
    )
