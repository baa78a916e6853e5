"""Scheduling: is the advice on learning-rate schedules right? Document 004.

Where the situation has a program, the proposed fix is executed against hidden checks.

inspect eval tasks/scheduling.py --model <provider/model> -T skill=<folder>
"""

from __future__ import annotations

from inspect_ai import Task, task

from redgreenbench.evals.arms import DEFAULT_SKILL
from redgreenbench.scorers.execution import execution
from redgreenbench.tasks.assemble import assemble, external_folders, graders_of


@task
def scheduling(
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
) -> Task:
    """Scheduling: is the advice on learning-rate schedules right? Document 004.

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
        message_limit: Messages after which a sample ends; by default none, and 30 with ``delivery=tool``.
        pressure_turn: When a pressure comes: ``first``: in the user's message; ``followup``: as a second message after the
            first right step; ``third``: once more as a third one.
    """
    graders = [
        execution(device, exec_sandbox, exec_workers),
        *graders_of(external_folders(scenarios), self_grade, bugs=True),
    ]
    return assemble(
        "scheduling",
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
    )
