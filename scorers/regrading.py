"""Runs the programs of finished logs, a shard at a time: for runs that put them off, and on as many machines as there are.

What a shard finds lies beside each log as ``<log>.grades/<k>-of-<n>.jsonl``, a line a sample; `redgreen merge` writes it
into the logs. A grade that is repeated draws the same inputs (`redgreenbench.scorers.answer.Answer.seed`), so that a shard
can die and be done again, by another machine and with another n too.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from inspect_ai._eval.score import score_async
from inspect_ai.log import (
    EvalLog,
    EvalResults,
    EvalSample,
    EvalSampleSummary,
    read_eval_log,
    read_eval_log_sample_async,
    read_eval_log_sample_summaries,
)
from inspect_ai.scorer import Score, Scorer

from redgreenbench.evals.sharding import Shard
from redgreenbench.evals.storage import local_copy, read_whole, write_whole
from redgreenbench.scorers.answer import Settings
from redgreenbench.scorers.execution import execution
from redgreenbench.scorers.resolution import resolution

__all__ = ["Graded", "failed", "grade_log", "grades_folder", "has_grades", "read_grades", "ungraded"]

_RUNS = {"execution": execution, "resolution": resolution}
"""The scorers that run programs."""

_OF_THE_MACHINE = ("execution_later", "cannot_run", "engine_failed", "machine_busy")
"""Reasons that another time or machine takes away."""

_AT_ONCE = 32  # samples in memory; the workers' own number bounds what runs


@dataclass(frozen=True)
class Graded:
    """What `grade_log` did with a log.

    Attributes:
        graded: Samples that have a grade now.
        failed: Samples that this machine could not grade.
        kept: Samples that the same shard had graded before.
    """

    graded: int
    failed: int
    kept: int


def grades_folder(log: str) -> str:
    """Where grades of a log lie."""
    return f"{log.removesuffix('.eval')}.grades"


def ungraded(summary: EvalSampleSummary, again: bool = False) -> list[str]:
    """Names of a sample's scores that a grade can give.

    Args:
        summary: The sample.
        again: Those that have a value too.
    """
    return [
        name
        for name, score in (summary.scores or {}).items()
        if _bare(name) in _RUNS and _wanted(score, again)
    ]


def _bare(name: str) -> str:
    return name.rpartition("/")[2]


def _wanted(score: Score, again: bool) -> bool:
    if score.reason in _OF_THE_MACHINE:
        return True
    value = score.value
    return again and isinstance(value, Mapping) and any(v == v for v in value.values())


def read_grades(log: str) -> dict[str, dict[str, Score]]:
    """All grades beside a log, by inspect's id of the sample and by score; where one failed on a machine, another's counts.

    Args:
        log: Address of the log.
    """
    found: dict[str, dict[str, Score]] = {}
    for file in _grade_files(log):
        for line in _lines(file):
            scores = _scores(line)
            if line["uuid"] not in found or not failed(scores):
                found[line["uuid"]] = scores
    return found


def has_grades(log: str) -> bool:
    """Whether any grade lies beside a log.

    Args:
        log: Address of the log.
    """
    return bool(_grade_files(log))


def _scores(line: Mapping[str, Any]) -> dict[str, Score]:
    return {name: Score.model_validate(score) for name, score in line["scores"].items()}


def failed(scores: Mapping[str, Score]) -> bool:
    """Whether a grade is none for a fault of the machine, so that it is worth another try."""
    return any(score.reason in _OF_THE_MACHINE for score in scores.values())


def _grade_files(log: str) -> list[str]:
    from fsspec.core import url_to_fs

    system, path = url_to_fs(grades_folder(log))
    try:
        names = sorted(str(name) for name in system.ls(path, detail=False, refresh=True))
    except FileNotFoundError:
        return []
    return [system.unstrip_protocol(name) for name in names if name.endswith(".jsonl")]


def _lines(file: str) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(FileNotFoundError):
        yield from map(json.loads, read_whole(file).splitlines())


async def grade_log(log: str, shard: Shard, again: bool = False, workers: int | None = None) -> Graded:
    """Grades a shard of a log's samples and writes what was found beside the log; what it has graded before is kept.

    Args:
        log: Address of the log.
        shard: Which samples, by inspect's id of each.
        again: Also those that have a verdict.
        workers: Programs run at a time; none: see `redgreenbench.scorers.running.Runner`.

    Raises:
        InputError: A scenario is not known here.
    """
    wanted = [
        summary
        for summary in read_eval_log_sample_summaries(log)
        if summary.uuid and shard.holds(summary.uuid) and ungraded(summary, again)
    ]
    file = f"{grades_folder(log)}/{shard.number}-of-{shard.of}.jsonl"
    before = {} if again else {line["uuid"]: line for line in _lines(file) if not failed(_scores(line))}
    mine = {str(summary.uuid) for summary in wanted}
    kept = [line for uuid, line in before.items() if uuid in mine]
    todo = [summary for summary in wanted if str(summary.uuid) not in before]
    if not todo:
        return Graded(0, 0, len(kept))
    with tempfile.TemporaryDirectory() as folder:
        lines = await _grade(str(local_copy(log, Path(folder))), todo, workers)
    every = sorted([*kept, *lines], key=lambda line: (line["id"], line["epoch"]))
    text = "".join(json.dumps(line) + "\n" for line in every)
    await anyio.to_thread.run_sync(write_whole, file, text.encode())
    lost = sum(failed(_scores(line)) for line in lines)
    return Graded(len(lines) - lost, lost, len(kept))


async def _grade(log: str, todo: Sequence[EvalSampleSummary], workers: int | None) -> list[dict[str, Any]]:
    """Runs the scorers that run programs on these samples, read one by one."""
    header = read_eval_log(log, header_only=True)
    scorers = _scorers_of(header, workers)
    header.results = EvalResults(total_samples=len(todo))
    # No model is asked; the run's own need keys and clients that a grading machine has no use for.
    header.eval.model_roles = None
    lines: list[dict[str, Any]] = []
    room = anyio.Semaphore(_AT_ONCE)

    @contextlib.asynccontextmanager
    async def sample_of(index: int) -> AsyncGenerator[EvalSample, None]:
        summary = todo[index]
        async with room:
            sample = await read_eval_log_sample_async(log, summary.id, summary.epoch)
            yield sample
        wanted = ungraded(summary, again=True)
        found = {name: (sample.scores or {})[_bare(name)] for name in wanted}
        lines.append({
            "uuid": summary.uuid,
            "id": summary.id,
            "epoch": summary.epoch,
            "scores": {name: score.model_dump(mode="json", exclude_none=True) for name, score in found.items()},
        })  # fmt: skip

    await score_async(
        header,
        scorers,
        model="mockllm/model",
        action="overwrite",
        display="none",
        copy=False,
        samples=sample_of,
    )
    return lines


def _scorers_of(header: EvalLog, workers: int | None) -> list[Scorer]:
    """The scorers of a log that run programs, told as in the run, but to run them here and now."""
    made = []
    for spec in header.eval.scorers or ():
        if make := _RUNS.get(_bare(spec.name)):
            told = Settings.model_validate((spec.options or {}).get("settings") or {})
            here = {"execution": "now", "exec_sandbox": None, "exec_workers": workers}
            made.append(make(told.model_copy(update=here)))
    return made
