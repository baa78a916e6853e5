"""A task that is not ours, for logs that reports must leave out."""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.solver import Generate, Solver, TaskState, solver


@solver
def silent() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return state

    return solve


@task
def foreign() -> Task:
    return Task(dataset=[Sample(input="?")], solver=silent())
