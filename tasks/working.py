"""Turns a task of questions into one in which an agent works on the program itself, in a sandbox and within limits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from inspect_ai import Task, task_with
from inspect_ai.solver import Solver

from redgreenbench.evals.agents.debugger import CALL_SECONDS, debugger
from redgreenbench.evals.agents.real import real_agent, without_submit
from redgreenbench.evals.agents.workplace import at_work
from redgreenbench.evals.dataset import find_scenarios
from redgreenbench.evals.discovery import Added
from redgreenbench.evals.errors import InputError
from redgreenbench.reference_bugs.folder import IMAGES

__all__ = ["MODES", "REACT", "REAL_SANDBOX", "SANDBOX", "Working", "check_mode", "put_to_work"]

MODES = ("answer", "agent")
REACT = "react"
SANDBOX = "jail"
REAL_SANDBOX = "docker"
"""Where a real agent works unless something else is asked for; an image with torch comes with this project."""


@dataclass(frozen=True)
class Working:
    """How an agent works; the defaults fit a small budget.

    Attributes:
        agent: ``react``, or an agent of the package inspect-swe.
        sandbox: An inspect sandbox; none: ``jail``, which needs no container, or ``docker`` for a real agent.
        messages: Messages after which a sample ends.
        tokens: Tokens after which a sample ends.
        seconds: Seconds after which a sample ends.
        cost: US dollars after which a sample ends, for models whose price inspect knows; none: no limit.
        call_seconds: After which one tool call is given up.
    """

    agent: str = REACT
    sandbox: str | None = None
    messages: int = 60
    tokens: int = 300_000
    seconds: int = 1200
    cost: float | None = None
    call_seconds: int = CALL_SECONDS

    @property
    def real(self) -> bool:
        """Whether the agent is a program of its own, which looks for skills in a folder."""
        return self.agent != REACT

    @property
    def place(self) -> str | tuple[str, str]:
        """The sandbox, with the image that this project ships for it."""
        name = self.sandbox or (REAL_SANDBOX if self.real else SANDBOX)
        return (name, str(IMAGES / "agent.yaml")) if name in ("docker", "podman") else name

    @property
    def digest(self) -> str:
        """A hash of all of it, 6 hex digits: with another budget another time to resolution is measured."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:6]

    def solver(self, turn: str, folders: list[str], skills: Added | None = None) -> Solver:
        """The solver that does the work.

        Args:
            turn: When pressures come.
            folders: Folders of external scenarios.
            skills: By pack and arm, the skill that the arm adds to those that can be loaded; None where they are injected.

        Raises:
            InputError: There is no such agent, or it cannot do what is asked.
        """
        if not self.real:
            return debugger(self.call_seconds, turn, folders)
        made = real_agent(self.agent, skills, turn)
        if self.sandbox == SANDBOX:
            raise InputError(
                f"sandbox={SANDBOX} does not go with agent={self.agent}, which needs processes that outlive a command; "
                f"drop it for {REAL_SANDBOX}, or take another sandbox"
            )
        if self.call_seconds != CALL_SECONDS:
            raise InputError(
                f"call_seconds does not go with agent={self.agent}, whose tools have limits of their own; drop it"
            )
        return made


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
    samples = at_work(task.dataset, scenarios, turn)
    if working.real:
        metadata["inspect_swe"] = version("inspect_swe")
        samples = without_submit(samples)
    return task_with(
        task,
        dataset=samples,
        sandbox=working.place,
        message_limit=working.messages,
        token_limit=working.tokens,
        time_limit=working.seconds,
        cost_limit=working.cost,
        version=f"{task.version}-agent-{working.agent}-{working.digest}",
        metadata=metadata,
    )
