"""Debugging: given a program and what it prints, is the root cause found and mended? Document 002.

Proposed fixes are executed against hidden checks.

inspect eval tasks/debugging.py --model <provider/model> -T skill=<folder>
"""

from __future__ import annotations

from functools import partial

from inspect_ai import Task, task

from redgreenbench.evals.arms import DEFAULT_SKILL
from redgreenbench.scorers.execution import execution
from redgreenbench.scorers.method import method
from redgreenbench.scorers.resolution import resolution
from redgreenbench.tasks.assemble import assemble, external_folders, graders_of
from redgreenbench.tasks.working import Working, check_mode, put_to_work


@task
def debugging(
    skill: str = DEFAULT_SKILL,
    arms: str | list[str] = "red,green",
    pressure: str | list[str] = "none",
    scenarios: str | list[str] | None = None,
    bugs: str | list[str] | None = None,
    device: str = "auto",
    exec_sandbox: str | None = None,
    exec_workers: int | None = None,
    self_grade: bool = False,
    delivery: str = "inject",
    message_limit: int | None = None,
    pressure_turn: str = "first",
    mode: str = "answer",
    agent: str = "react",
    sandbox: str | None = None,
    token_limit: int = Working.tokens,
    time_limit: int = Working.seconds,
    cost_limit: float | None = None,
    call_seconds: int = Working.call_seconds,
) -> Task:
    """Debugging: given a program and what it prints, is the root cause found and mended? Document 002.

    Args:
        skill: The skill under test: a folder, ``folder@git-ref``, or a shipped version (``v1``, ``v2``).
        arms: Arms: ``red``, ``generic``, ``placebo``, ``green``, or ``name=folder[@git-ref]``.
        pressure: Pressures, or ``all``.
        scenarios: Ids, globs, packs, tags, or a folder of scenarios; by default all of this task.
        bugs: Names of reference bugs, or ``all``: also those that no document poses.
        device: Where fixes are run: ``auto``, ``cpu`` or ``cuda``.
        exec_sandbox: An inspect sandbox to run fixes in (``docker``, ``k8s``, …); by default the engine's own.
        exec_workers: Fixes run at a time; by default one per core.
        self_grade: Whether the model under test grades itself where the role ``grader`` has no model.
        delivery: How a skill reaches the model: ``inject``: its text stands in the prompt; ``tool``: the model finds it
            in a catalogue and loads it with a tool.
        message_limit: Messages after which a sample ends; by default none, 30 with ``delivery=tool``, 60 for an agent.
        pressure_turn: When a pressure comes: ``first``: in the user's message; ``followup``: as a second message after the
            first right step; ``third``: once more as a third one.
        mode: ``answer``: the model answers; ``agent``: it works on the program in a sandbox.
        agent: Which agent works: ``react``, or one of the package inspect-swe such as ``claude_code``.
        sandbox: The agent's inspect sandbox: ``jail``, ``docker``, ``k8s``, …; by default ``jail``, or ``docker`` for one
            of inspect-swe.
        token_limit: Tokens after which an agent's sample ends.
        time_limit: Seconds after which an agent's sample ends.
        cost_limit: US dollars after which an agent's sample ends.
        call_seconds: Seconds after which one tool call of an agent is given up.
    """
    folders = external_folders(scenarios)
    works = check_mode(mode, agent, exec_sandbox)
    graders = [
        execution(device, exec_sandbox, exec_workers),
        *graders_of(folders, self_grade, bugs=True),
    ]
    working = Working(
        agent=agent,
        sandbox=sandbox,
        messages=message_limit or Working.messages,
        tokens=token_limit,
        seconds=time_limit,
        cost=cost_limit,
        call_seconds=call_seconds,
    )
    if works:
        graders += [resolution(device, exec_workers), method(folders, self_grade)]
    task = assemble(
        "debugging",
        graders,
        skill,
        arms,
        pressure,
        scenarios,
        bugs=bugs,
        exec_sandbox=exec_sandbox,
        self_grade=self_grade,
        delivery=delivery,
        message_limit=message_limit,
        pressure_turn=pressure_turn,
        work=partial(working.solver, pressure_turn, folders) if works else None,
        installs=works and working.real,
    )
    return put_to_work(task, working, folders, pressure_turn) if works else task
