"""Written answers as an inspect task: the answer is played instead of generated, and scored like any other."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ModelOutput
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.dataset import find_scenarios, system_message, user_message
from redgreenbench.scorers.grading.panel import GraderSettings, assess
from redgreenbench.scorers.means import means

__all__ = ["Written", "play", "played_task", "verdicts"]

Written = tuple[str, Scenario, str, str]
"""A written answer: its name, scenario, pressure and text."""


@solver
def play() -> Solver:
    """Gives the sample's target as the answer."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.output = ModelOutput.from_content("written", state.target.text)
        state.messages.append(state.output.message)
        return state

    return solve


@scorer(metrics=[means()])
def verdicts(reverse: bool = False) -> Scorer:
    """The grader's bare verdicts, for calibration; each epoch is asked anew.

    Args:
        reverse: Whether statements are put in the reverse order.
    """
    known = {scenario.id: scenario for scenario in find_scenarios()}
    settings = GraderSettings(reverse=reverse, fresh=True)

    async def score(state: TaskState, target: Target) -> Score:
        panel = await assess(state, known[state.metadata["scenario"]], settings)
        about = panel.about()
        if panel.failure:
            return Score.unscored(reason=panel.failure, metadata=about)
        keys = list(panel.assessments[0].verdicts)
        about["verdicts"] = {key: panel.holds(key) for key in keys}
        about["voids"] = {key: panel.verdict(key).void for key in keys if panel.verdict(key).void}
        about["excuses"] = [name for name, _ in panel.excuses]
        about["attempts"] = max(a.attempts for a in panel.assessments)
        return Score(
            value={"decided": sum(panel.holds(k) is not None for k in keys) / len(keys)}, metadata=about
        )

    return score


def played_task(answers: Sequence[Written], scorers: Sequence[Scorer], name: str) -> Task:
    """A task that plays written answers.

    Args:
        answers: The answers.
        scorers: What scores them.
        name: The task's name in logs.
    """
    samples = [
        Sample(
            id=key,
            input=[
                ChatMessageSystem(content=system_message(scenario)),
                ChatMessageUser(content=user_message(scenario, pressure)),
            ],
            target=text,
            metadata={
                "scenario": scenario.id,
                "pressure": pressure,
                "arm": "written",
                "pack": scenario.pack,
                "bug": scenario.file.bug,
            },
        )
        for key, scenario, pressure, text in answers
    ]
    return Task(dataset=MemoryDataset(samples, name=name), solver=play(), scorer=list(scorers), name=name)
