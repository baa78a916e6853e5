"""The solver that gives the model an arm's skills where it loads them, and looks at the end at what arrived where."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai.solver import Generate, Solver, TaskState, solver

from redgreenbench.evals.agents.installing import installed_in, shown_in
from redgreenbench.evals.arms import Arms
from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.contamination import Audit, leaks, transcript_text
from redgreenbench.evals.discovery import catalogue_line, common_skills, skill_tools
from redgreenbench.evals.messages import opening_of, shared_message
from redgreenbench.evals.samples import scenarios_by_id
from redgreenbench.evals.vocabulary import Arm

__all__ = ["deliver"]

_WITHOUT_SKILL = (Arm.RED, Arm.GENERIC, Arm.PLACEBO)


@solver
def deliver(
    arms: Arms,
    then: Solver,
    scenarios: Sequence[str] = (),
    base: str = "system",
    shows_catalogue: bool = True,
) -> Solver:
    """Gives the model the tools that load skills, runs the sample, and audits the transcript.

    Args:
        arms: What every arm adds. As a parameter of the solver it stands once in the log; as one of a scorer it would stand
            in every sample.
        then: Works on the sample.
        scenarios: Folders of external scenarios, where the task used some.
        base: The prompt with which the system message begins where the scenario has a program.
        shows_catalogue: Whether loadable skills are listed, and loaded by our tools.
    """
    known = scenarios_by_id(scenarios)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        scenario = known[state.metadata["scenario"]]
        if shows_catalogue and arms.by_tool:
            state.tools = skill_tools(arms, state)
        try:
            return await then(state, generate)
        finally:
            # A limit ends a sample from inside; what was seen until then is audited all the same.
            _audit(state, scenario, arms, opening_of(scenario, base))

    return solve


def _audit(state: TaskState, scenario: Scenario, arms: Arms, opening: str) -> None:
    arm, pack = state.metadata["arm"], scenario.pack
    additions = arms.by_pack[pack]
    loadable = arms.loadable(pack)
    installed, own, green = installed_in(state.store), loadable[arm], loadable.get(Arm.GREEN, ())
    system = "\n".join(message.text for message in state.messages if message.role == "system")
    entries = system.splitlines()
    text = arms.text(pack, arm)
    delivered: bool | None = None
    if own and installed is not None:
        # A folder proves nothing: only what the agent showed to its model does, and without that nobody knows.
        there = all(installed.get(skill.name) == skill.hash for skill in own)
        shown = {skill.name for skill in own} <= shown_in(state.store)
        delivered = False if not there else True if shown else None
    elif own:
        delivered = all(catalogue_line(skill) in entries for skill in own)
    elif text:
        delivered = text in system
    leaked: list[str] | None = None
    skill = additions[Arm.GREEN].text if Arm.GREEN in additions else ""
    if arm in _WITHOUT_SKILL and skill:
        question = "\n".join(message.text for message in state.messages if message.role == "user")
        common = common_skills(pack, arms).values() if arms.by_tool else ()
        # The catalogue, what all can load, the question and the arm's own text may share words with the skill.
        given = "\n".join(
            [shared_message(scenario, arms, opening), *(s.text for s in common), question, text]
        )
        leaked = leaks(transcript_text(state.messages), skill, given)
        leaked += [line for line in map(catalogue_line, green) if line in entries]
        leaked += [skill.name for skill in green if skill.name in (installed or {})]
    audit = state.store_as(Audit)
    audit.delivered, audit.found = delivered, leaked
