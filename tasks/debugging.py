"""Debugging: given a program and what it prints, is the root cause found and mended? Document 002.

inspect eval tasks/debugging.py --model <provider/model> -T skill=<folder>
"""

from __future__ import annotations

from inspect_ai import Task, task

from redgreenbench.tasks.assemble import assemble
from redgreenbench.tasks.parameters import Parameters, with_parameters


@task
@with_parameters
def debugging(asked: Parameters) -> Task:
    """Debugging: given a program and what it prints, is the root cause found and mended? Document 002."""
    return assemble("debugging", asked)
