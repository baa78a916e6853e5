"""Grades an answer by running the fix that it proposes, against checks that the answer cannot see.

Values are 1 or 0, in the order in which a fix can fail; a key that does not apply is NaN:

- ``correct``: the root cause is mended and nothing else is broken.
- ``extracted``, ``applies``: the answer holds code, and it could be put into the program.
- ``imports``, ``runs``: the program can be loaded, and runs.
- ``symptom_gone``, ``behaviour``, ``root_cause``, ``nothing_broken``: all checks of that kind pass.
- ``minimal``: the edit is about as small as the reference's.

A submission that crashes, takes too long or tampers with its grading is a failed fix. A grader that fails, or
a machine that cannot confine submissions, leaves the answer unscored with the reason.
"""

from __future__ import annotations

import logging
import math

from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from redgreenbench.evals.agents.history import History, history_of
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.verdict import STEPS, Verdict
from redgreenbench.scorers.means import means
from redgreenbench.scorers.rescoring import findable
from redgreenbench.scorers.running import CannotRun, Runner

__all__ = ["KEYS", "SCORER_VERSION", "execution", "score_of"]

SCORER_VERSION = 2
KEYS = ("correct", *STEPS, "minimal")

_log = logging.getLogger(__name__)


async def _left_behind(runner: Runner, history: History, name: str) -> Verdict:
    """The verdict on the program as an agent left it; one that it never changed proposes no fix."""
    bug = bug_folder(name)
    first, last = history.snapshots[0], history.snapshots[-1]
    if last.unreadable or last.digest == first.digest:
        verdict = Verdict(bug.name, how="the program was left as it was given")
        verdict.failed_check = "extracted"
        verdict.reason = (
            f"the program cannot be read: {last.unreadable}" if last.unreadable else "no fix: " + verdict.how
        )
        return verdict
    return await runner.program(bug, history.texts[last.digest])


def score_of(verdict: Verdict) -> Score:
    """A verdict as a score of `KEYS`, with an explanation that says why."""
    marks: dict[str, bool | None] = {"correct": verdict.correct, **verdict.steps, "minimal": verdict.minimal}
    failed = verdict.failed_check
    return Score(
        value={key: math.nan if marks[key] is None else float(marks[key] or 0) for key in KEYS},
        answer="correct fix" if verdict.correct else f"fails at: {failed}" if failed else "not correct",
        explanation="\n".join(verdict.lines()),
        metadata={
            "scorer_version": SCORER_VERSION,
            "outcome": verdict.outcome,
            "failed_check": failed,
            "how": verdict.how,
            "edit_lines": verdict.edit.lines if verdict.edit else None,
            "edit_nodes": verdict.edit.nodes if verdict.edit else None,
            "engine": verdict.engine,
            "cpu_seconds": verdict.usage.get("cpu"),
        },
    )


@scorer(metrics=[means()])
def execution(
    device: str = "auto",
    exec_sandbox: str | None = None,
    exec_workers: int | None = None,
    seed: int = 0,
) -> Scorer:
    """Runs each answer's fix against the hidden checks of its scenario's bug.

    Args:
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        exec_sandbox: An inspect sandbox to run fixes in, such as ``docker``; none: the engine's own.
        exec_workers: Grades at a time; none: one per core, at most 8, and one on a GPU.
        seed: For the inputs of the checks.

    Raises:
        InputError: There is no such device.
    """
    runner = Runner(device, exec_sandbox, exec_workers, seed)

    async def score(state: TaskState, target: Target) -> Score:
        name = state.metadata.get("bug")
        if not name:
            return Score(value=dict.fromkeys(KEYS, math.nan), explanation="There is no program to run here.")
        bug = bug_folder(name)
        history = history_of(state.store)
        try:
            if history is not None:
                return score_of(await _left_behind(runner, history, name))
            return score_of(await runner.answer(bug, state.output.completion))
        except CannotRun as error:
            _log.warning("%s: not graded: %s", state.sample_id, error)
            return Score.unscored(reason=str(error))

    return score


findable(execution)
