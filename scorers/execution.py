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

import atexit
import functools
import logging
import math
import os
import threading
from importlib.util import find_spec

import anyio
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from redgreenbench.evals.errors import InputError
from redgreenbench.reference_bugs.engine.host import choose_mode, device_files
from redgreenbench.reference_bugs.engine.pool import GraderError, Pool, Relay
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.verdict import STEPS, Verdict, grade_answer
from redgreenbench.scorers.means import means
from redgreenbench.scorers.rescoring import findable
from redgreenbench.scorers.sandboxed import sandbox_relay

__all__ = ["DEVICES", "KEYS", "SCORER_VERSION", "execution", "score_of"]

SCORER_VERSION = 2
KEYS = ("correct", *STEPS, "minimal")
DEVICES = ("auto", "cpu", "cuda")
_MOST_WORKERS = 8

_log = logging.getLogger(__name__)
_pools: dict[tuple[str, str, int], Pool] = {}
_pools_lock = threading.Lock()


def _pool(mode: str, device: str, size: int) -> Pool:
    with _pools_lock:
        if not _pools:
            atexit.register(_close)
        key = (mode, device, size)
        if key not in _pools:
            _pools[key] = Pool(size, mode, device)
        return _pools[key]


def _close() -> None:
    for pool in _pools.values():
        pool.close()
    _pools.clear()


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
    if device not in DEVICES:
        raise InputError(f"no device '{device}'; take one of {', '.join(DEVICES)}")
    where = ("cuda" if device_files() else "cpu") if device == "auto" else device
    size = int(exec_workers or (1 if where == "cuda" else min(os.cpu_count() or 1, _MOST_WORKERS)))
    limiter: list[anyio.CapacityLimiter] = []

    async def score(state: TaskState, target: Target) -> Score:
        name = state.metadata.get("bug")
        if not name:
            return Score(value=dict.fromkeys(KEYS, math.nan), explanation="There is no program to run here.")
        bug = bug_folder(name)
        if bug.needs_cuda and where != "cuda":
            return Score.unscored(reason="the bug exists on a GPU alone, and this run used none")
        relay: Relay | None = None
        try:
            if exec_sandbox:
                mode, relay = "relay", sandbox_relay()
            else:
                mode = choose_mode()
            missing = next(
                (package for package in ("torch", "safetensors") if find_spec(package) is None), None
            )
            if missing:
                raise ValueError(f"{missing} is not installed; pip install 'redgreenbench[exec]'")
        except ValueError as error:
            return Score.unscored(reason=str(error))
        pool = _pool(mode, where, size)
        if not limiter:
            limiter.append(anyio.CapacityLimiter(size))
        work = functools.partial(grade_answer, bug, state.output.completion, pool, seed, relay)
        try:
            # A thread waits for the worker, so that the event loop goes on.
            verdict = await anyio.to_thread.run_sync(work, limiter=limiter[0])
        except GraderError as error:
            _log.warning("%s: not graded: %s", state.sample_id, error)
            return Score.unscored(reason=f"the grader failed: {error}")
        return score_of(verdict)

    return score


findable(execution)
