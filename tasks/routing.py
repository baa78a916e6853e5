"""Routing: does the reply act rightly, and hand the user over to the right specialists? Documents 001 and 003.

inspect eval tasks/routing.py --model <provider/model> -T skill=<folder>
"""

from __future__ import annotations

from inspect_ai import Task, task

from redgreenbench.tasks.assemble import assemble
from redgreenbench.tasks.parameters import Parameters, with_parameters


@task
@with_parameters
def routing(asked: Parameters) -> Task:
    """Routing: does the reply act rightly, and hand the user over to the right specialists? Documents 001 and 003."""
    return assemble("routing", asked)
