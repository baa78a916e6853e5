"""Scheduling: are learning-rate schedules chosen, placed and mended rightly? Document 004.

inspect eval tasks/scheduling.py --model <provider/model> -T skill=<folder>
"""

from __future__ import annotations

from inspect_ai import Task, task

from redgreenbench.tasks.assemble import assemble
from redgreenbench.tasks.parameters import Parameters, with_parameters


@task
@with_parameters
def scheduling(asked: Parameters) -> Task:
    """Scheduling: are learning-rate schedules chosen, placed and mended rightly? Document 004."""
    return assemble("scheduling", asked)
