"""Routing: does the answer hand the user over to the right specialists? Documents 001 and 003.

inspect eval tasks/routing.py --model <provider/model> -T skill=<folder>
"""

from __future__ import annotations

from inspect_ai import Task, task

from redgreenbench.evals.arms import DEFAULT_SKILL
from redgreenbench.scorers.route import route
from redgreenbench.tasks.assemble import assemble, external_folders, graders_of


@task
def routing(
    skill: str = DEFAULT_SKILL,
    arms: str | list[str] = "red,green",
    pressure: str | list[str] = "none",
    scenarios: str | list[str] | None = None,
    pack: str | list[str] | None = None,
    self_grade: bool = False,
    delivery: str = "inject",
    message_limit: int | None = None,
    pressure_turn: str = "first",
) -> Task:
    """Routing: does the answer hand the user over to the right specialists? Documents 001 and 003.

    Args:
        skill: The skill under test: a folder, ``folder@git-ref``, or a shipped version (``v1``, ``v2``).
        arms: Arms: ``red``, ``generic``, ``placebo``, ``green``, or ``name=folder[@git-ref]``.
        pressure: Pressures, or ``all``.
        scenarios: Ids, globs, packs, tags, or a folder of scenarios; by default all of this task.
        pack: Packs to run; by default the pack that the skill belongs to by its name, else all.
        self_grade: Whether the model under test grades itself where the role ``grader`` has no model.
        delivery: How a skill reaches the model: ``inject``: its text stands in the prompt; ``tool``: the model finds it
            in a catalogue and loads it with a tool.
        message_limit: Messages after which a sample ends; by default none, and 30 with ``delivery=tool``.
        pressure_turn: When a pressure comes: ``first``: in the user's message; ``followup``: as a second message after the
            first right step; ``third``: once more as a third one.
    """
    folders = external_folders(scenarios)
    graders = [route(folders), *graders_of(folders, self_grade)]
    return assemble(
        "routing",
        graders,
        skill,
        arms,
        pressure,
        scenarios,
        pack,
        self_grade=self_grade,
        delivery=delivery,
        message_limit=message_limit,
        pressure_turn=pressure_turn,
    )
