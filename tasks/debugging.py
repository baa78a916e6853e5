"""Debugging: given a program and what it prints, is the root cause found? Document 002.

inspect eval tasks/debugging.py --model <provider/model> -T skill=<folder>
"""

from __future__ import annotations

from inspect_ai import Task, task

from redgreenbench.evals.arms import DEFAULT_SKILL
from redgreenbench.scorers.checks import checks
from redgreenbench.tasks.assemble import assemble, external_folders


@task
def debugging(
    skill: str = DEFAULT_SKILL,
    arms: str | list[str] = "red,green",
    pressure: str | list[str] = "none",
    scenarios: str | list[str] | None = None,
) -> Task:
    """Debugging: given a program and what it prints, is the root cause found? Document 002.

    Args:
        skill: The skill under test: a folder, ``folder@git-ref``, or a shipped version (``v1``, ``v2``).
        arms: Arms: ``red``, ``generic``, ``placebo``, ``green``, or ``name=folder[@git-ref]``.
        pressure: Pressures, or ``all``.
        scenarios: Ids, globs, packs, tags, or a folder of scenarios; by default all of this task.
    """
    folders = external_folders(scenarios)
    return assemble("debugging", [checks(folders)], skill, arms, pressure, scenarios)
