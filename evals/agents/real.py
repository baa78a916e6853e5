"""Real coding agents of the package inspect-swe, watched from the model's side: one look at the program before each request.

An agent of this kind is a program of its own that runs in the sandbox and asks the model over a bridge. Its single tool
calls cannot be watched, and its user cannot interrupt it. The package is an extra and imported only when a task with such
an agent is made. Nothing here starts a container: that is the sandbox's business.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import cast

from inspect_ai.agent import Agent, AgentState
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    GenerateFilter,
    Model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolChoice, ToolInfo
from inspect_ai.util import message_limit, sandbox, store_as

from redgreenbench.evals.agents.history import Recorder
from redgreenbench.evals.agents.installing import (
    Installed,
    check_skills,
    install,
    loads_of,
    real_agents,
    skills_shown,
)
from redgreenbench.evals.arms import Arms
from redgreenbench.evals.discovery import offered_skills
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.followup import FIRST
from redgreenbench.evals.skillfolder import Skill
from redgreenbench.evals.skilltools import SkillCalls
from redgreenbench.reference_bugs.variants import posed_bug

__all__ = ["AgentMessages", "real_agent"]


class AgentMessages:
    """Collects the messages of an agent's model from its requests, each of which repeats the conversation so far.

    An agent leads several conversations: helpers have their own, and one that grew too long is summed up and begun anew.
    A request that nothing follows, such as one for a title, is left out.
    """

    def __init__(self) -> None:
        self.turns: list[ChatMessageAssistant] = []
        self._times: Counter[str] = Counter()

    @property
    def calls(self) -> int:
        """Number of tool calls."""
        return sum(len(turn.tool_calls or ()) for turn in self.turns)

    def add(self, conversation: Iterable[ChatMessage]) -> None:
        """Adds the messages of a conversation that are new."""
        times: Counter[str] = Counter()
        for message in conversation:
            if isinstance(message, ChatMessageAssistant):
                # By content, since some agents' protocols have no ids that last from one request to the next.
                calls = [(call.function, call.arguments) for call in message.tool_calls or ()]
                key = json.dumps([message.text.strip(), calls], sort_keys=True, default=str)
                times[key] += 1
                if times[key] > self._times[key]:
                    self._times[key] = times[key]
                    self.turns.append(message)


def _agent_factory(name: str) -> Callable[..., Agent]:
    try:
        package = import_module("inspect_swe")
    except ImportError as exc:
        raise InputError(
            f"agent={name} needs the package inspect-swe; pip install 'redgreenbench[swe]'"
        ) from exc
    if not hasattr(package, name):
        raise InputError(
            f"agent={name}: the installed inspect-swe has no such agent; pip install --upgrade inspect-swe"
        )
    return cast("Callable[..., Agent]", getattr(package, name))


def _watch(recorder: Recorder | None, said: AgentMessages, skills: Sequence[Skill]) -> GenerateFilter:
    async def look(
        model: Model,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice | None,
        config: GenerateConfig,
    ) -> None:
        said.add(messages)
        if skills and (shown := skills_shown(skills, messages, tools)):
            installed = store_as(Installed)
            installed.shown = sorted({*installed.shown, *shown})
        if recorder:
            await recorder.after_turn(len(said.turns), said.calls)

    return look


@solver
def real_agent(name: str, arms: Arms, turn: str = FIRST) -> Solver:
    """Lets an agent of inspect-swe work on the program in the sample's sandbox until it ends or meets a limit.

    Args:
        name: The agent, one of `redgreenbench.evals.agents.installing.real_agents`.
        arms: What every arm adds; where skills are not injected they are installed.
        turn: When pressures come; only in the first message here.

    Raises:
        InputError: There is no such agent, inspect-swe is missing or too old, pressure is to come later, or a skill
            has a name or description with which the agent would not find it.
    """
    agents = real_agents()
    if name not in agents:
        raise InputError(f"agent={name}: there is no such agent; take one of react, {', '.join(agents)}")
    if turn != FIRST:
        raise InputError(
            f"pressure_turn={turn} does not go with agent={name}, which no user can interrupt; drop it, or take agent=react"
        )
    make, about = _agent_factory(name), agents[name]
    installs = arms.by_tool
    check_skills(
        skill for pack in arms.by_pack for skills in arms.loadable(pack).values() for skill in skills
    )

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        # A positive control has no program, and nothing to do where no skill can be loaded.
        if not state.metadata.get("bug") and not installs:
            return await generate(state)
        place = await sandbox().exec(["pwd"])
        cwd = place.stdout.strip()
        if not place.success or not cwd.startswith("/"):
            raise RuntimeError(f"the sandbox does not name its working directory: {place.stderr.strip()}")
        said, bug = AgentMessages(), state.metadata.get("bug")
        recorder = Recorder(posed_bug(bug).files) if bug else None
        if recorder:
            await recorder.start()
        about_sample = state.metadata
        offered = offered_skills(arms, about_sample["pack"], about_sample["arm"]) if installs else {}
        if installs:
            await install(about, offered.values(), cwd)
        # Named, because the agent would take the home folder in place of a working directory `/`.
        agent = make(filter=_watch(recorder, said, list(offered.values())), cwd=cwd)
        given = list(state.messages)
        working = AgentState(messages=list(given))
        done = False
        try:
            working = await agent(working)
            said.add(working.messages)
            if not said.turns:
                raise RuntimeError(f"{name} ended without having asked the model")
            done = working.output.stop_reason not in ("model_length", "content_filter")
            if recorder:
                await recorder.after_turn(len(said.turns), said.calls)
                await recorder.finish(len(said.turns), done)
        finally:
            # A limit ends the agent from outside; what was said and spent until then counts all the same.
            said.add(working.messages)
            _append_conversation(state, given, working)
            if installs:
                record = state.store_as(SkillCalls)
                record.calls = loads_of(about, offered, said.turns)
            if recorder and not done:
                recorder.close(len(said.turns))
        return state

    return solve


def _append_conversation(state: TaskState, given: list[ChatMessage], working: AgentState) -> None:
    """Appends the agent's messages to the sample's own; the agent's copy of the prompt is left out."""
    first = next((n for n, m in enumerate(working.messages) if isinstance(m, ChatMessageAssistant)), None)
    if first is None:
        return
    # Counted anew the conversation may be a message longer than the limit that the agent kept to.
    with message_limit(None):
        state.messages = [*given, *working.messages[first:]]
    state.output = working.output
