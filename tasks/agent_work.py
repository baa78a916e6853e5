"""How an agent works on the program itself: which agent, in which sandbox, within which limits."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any

from inspect_ai.solver import Solver

from redgreenbench.evals.agents.debugger import CALL_SECONDS, debugger
from redgreenbench.evals.agents.real import real_agent
from redgreenbench.evals.arms import Arms
from redgreenbench.evals.errors import InputError
from redgreenbench.reference_bugs.folder import IMAGES
from redgreenbench.tasks.parameters import Parameters

__all__ = ["AgentWork"]

_REACT = "react"
_SANDBOX = "jail"
_REAL_SANDBOX = "docker"
"""Where a real agent works unless something else is asked for; an image with torch comes with this project."""
_MESSAGES = 60


class AgentWork:
    """The work of an agent, out of a task's parameters.

    Args:
        parameters: The parameters.

    Raises:
        InputError: They contradict each other.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._asked = parameters
        if parameters.exec_sandbox is not None:
            raise InputError(
                "exec_sandbox does not go with mode=agent: what an agent left in its own sandbox could judge it; drop it"
            )
        self.real = parameters.agent != _REACT
        if self.real and parameters.sandbox == _SANDBOX:
            raise InputError(
                f"sandbox={_SANDBOX} does not go with agent={parameters.agent}, which needs processes that outlive a "
                f"command; drop it for {_REAL_SANDBOX}, or take another sandbox"
            )
        if self.real and parameters.call_seconds != CALL_SECONDS:
            raise InputError(
                f"call_seconds does not go with agent={parameters.agent}, whose tools have limits of their own; drop it"
            )

    @property
    def base(self) -> str:
        """The prompt with which the system message begins."""
        return "agent_real" if self.real else "agent"

    @property
    def _sandbox(self) -> str | tuple[str, str]:
        """The sandbox, with the image that this project ships for it."""
        name = self._asked.sandbox or (_REAL_SANDBOX if self.real else _SANDBOX)
        return (name, str(IMAGES / "agent.yaml")) if name in ("docker", "podman") else name

    @property
    def _limits(self) -> dict[str, Any]:
        asked = self._asked
        return {
            "message_limit": asked.message_limit or _MESSAGES,
            "token_limit": asked.token_limit,
            "time_limit": asked.time_limit,
            "cost_limit": asked.cost_limit,
        }

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of the inspect task."""
        return {"sandbox": self._sandbox, **self._limits}

    @property
    def label(self) -> str:
        """A part of the task's version: another agent or budget measures another time to resolution."""
        budget = repr([self._asked.agent, self._asked.sandbox, self._limits, self._asked.call_seconds])
        return f"agent-{self._asked.agent}-{hashlib.sha256(budget.encode()).hexdigest()[:6]}"

    @property
    def provenance(self) -> dict[str, str]:
        """What the log's metadata says of it."""
        return {"inspect_swe": version("inspect_swe")} if self.real else {}

    def solver(self, arms: Arms) -> Solver:
        """The solver that does the work.

        Args:
            arms: What every arm adds.

        Raises:
            InputError: There is no such agent, or it cannot do what is asked.
        """
        asked = self._asked
        if self.real:
            return real_agent(asked.agent, arms, asked.pressure_turn)
        return debugger(asked.call_seconds, asked.pressure_turn, list(asked.folders))
