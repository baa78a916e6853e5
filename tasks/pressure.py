"""Pressure: every scenario of every pack under every pressure. The robustness run.

inspect eval tasks/pressure.py --model <provider/model>
"""

from __future__ import annotations

from inspect_ai import Task, task

from redgreenbench.tasks.assemble import assemble
from redgreenbench.tasks.parameters import Parameters, with_parameters


@task
@with_parameters
def pressure(asked: Parameters) -> Task:
    """Pressure: every scenario of every pack under every pressure. The robustness run."""
    return assemble(None, asked if asked.pressure else asked.model_copy(update={"pressure": ("all",)}))
