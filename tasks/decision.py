"""Decision: which of four next steps does the model pick? All documents and controls; needs neither key nor grader.

inspect eval tasks/decision.py --model <provider/model> -T skill=<folder>
"""

from __future__ import annotations

from inspect_ai import Task, task

from redgreenbench.tasks.assemble import assemble
from redgreenbench.tasks.parameters import Parameters, with_parameters


@task
@with_parameters
def decision(asked: Parameters) -> Task:
    """Decision: which of four next steps does the model pick? All documents and controls; needs neither key nor grader."""
    return assemble(None, asked, decides=True)
