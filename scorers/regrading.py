"""Runs the programs of finished logs, a shard at a time: for runs that put them off, and on as many machines as there are.

What a shard finds lies beside each log as ``<log>.grades/<k>-of-<n>.jsonl``, a line a sample; `redgreen merge` writes it
into the logs. A grade that is repeated draws the same inputs (`redgreenbench.scorers.answer.Answer.seed`), so that a shard
can die and be done again, by another machine and with another n too.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
from inspect_ai._eval.score import score_async
from inspect_ai._util.async_zip import AsyncZipReader
from inspect_ai._util.asyncfiles import AsyncFilesystem
from inspect_ai.log import (
    EvalLog,
    EvalResults,
    EvalSample,
    read_eval_log_async,
    read_eval_log_sample_async,
)
from inspect_ai.scorer import Scorer

from redgreenbench.evals.sharding import Shard
from redgreenbench.evals.storage import read_whole, write_whole
from redgreenbench.scorers.answer import Settings
from redgreenbench.scorers.execution import execution
from redgreenbench.scorers.resolution import resolution

__all__ = [
    "Graded",
    "Scores",
    "failed",
    "grade_log",
    "grades_folder",
    "has_grades",
    "read_grades",
    "ungraded",
]

Scores = Mapping[str, Mapping[str, Any]]
"""A sample's scores by name, as they are written in a log."""

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


def ungraded(scores: Scores, again: bool = False) -> list[str]:
    """Names of a sample's scores that a grade can give.

    Args:
        scores: The sample's.
        again: Those that have a value too.
    """
    return [name for name, score in scores.items() if _bare(name) in _RUNS and _wanted(score, again)]


def _bare(name: str) -> str:
    return name.rpartition("/")[2]


def _wanted(score: Mapping[str, Any], again: bool) -> bool:
    if score.get("reason") in _OF_THE_MACHINE:
        return True
    value = score.get("value")
    return again and isinstance(value, Mapping) and any(v == v for v in value.values())


def read_grades(log: str) -> dict[str, Scores]:
    """All grades beside a log, by inspect's id of the sample; where one failed on a machine, another's counts.

    Args:
        log: Address of the log.
    """
    grades: dict[str, Scores] = {}
    for file in _grade_files(log):
        for line in _lines(file):
            if line["uuid"] not in grades or not failed(line["scores"]):
                grades[line["uuid"]] = line["scores"]
    return grades


def has_grades(log: str) -> bool:
    """Whether any grade lies beside a log.

    Args:
        log: Address of the log.
    """
    return bool(_grade_files(log))


def failed(scores: Scores) -> bool:
    """Whether a grade is none for a fault of the machine, so that it is worth another try."""
    return any(score.get("reason") in _OF_THE_MACHINE for score in scores.values())


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


@dataclass(frozen=True)
class _Todo:
    """A sample that wants a grade, and the names of the scores that it wants."""

    uuid: str
    id: str | int
    epoch: int
    scores: tuple[str, ...]


async def grade_log(log: str, shard: Shard, again: bool = False, workers: int | None = None) -> Graded:
    """Grades a shard of a log's samples and writes what was found beside the log; what it has graded before is kept.

    Of other shards' samples no more is read than their names, so that n shards together read a log once.

    Args:
        log: Address of the log.
        shard: Which samples, by inspect's id of the run and each one's name in the log.
        again: Also those that have a verdict.
        workers: Programs run at a time; none: see `redgreenbench.scorers.running.Runner`.

    Raises:
        InputError: A scenario is not known here.
    """
    header = await read_eval_log_async(log, header_only=True)
    scorers = _scorers_of(header, workers)
    if not scorers:
        return Graded(0, 0, 0)
    file = f"{grades_folder(log)}/{shard.number}-of-{shard.of}.jsonl"
    before = {} if again else {line["uuid"]: line for line in _lines(file) if not failed(line["scores"])}
    async with AsyncFilesystem() as system:
        reader = AsyncZipReader(system, log)
        wanted = [sample async for sample in _share(reader, f"{header.eval.eval_id}/", shard, again)]
        kept = [before[sample.uuid] for sample in wanted if sample.uuid in before]
        todo = [sample for sample in wanted if sample.uuid not in before]
        if not todo:
            return Graded(0, 0, len(kept))
        lines = await _grade(log, header, reader, todo, scorers)
    every = sorted([*kept, *lines], key=lambda line: (line["id"], line["epoch"]))
    text = "".join(json.dumps(line) + "\n" for line in every)
    await anyio.to_thread.run_sync(write_whole, file, text.encode())
    lost = sum(failed(line["scores"]) for line in lines)
    return Graded(len(lines) - lost, lost, len(kept))


async def _share(reader: AsyncZipReader, run: str, shard: Shard, again: bool) -> AsyncGenerator[_Todo, None]:
    """The samples of a shard that want a grade."""
    names = dict.fromkeys(entry.filename for entry in (await reader.entries()).entries)
    for name in names:
        if name.startswith("samples/") and shard.holds(run + name):
            sample = json.loads(await reader.read_member_fully(name))
            if sample.get("uuid") and (scores := ungraded(sample.get("scores") or {}, again)):
                yield _Todo(sample["uuid"], sample["id"], sample["epoch"], tuple(scores))


async def _grade(
    log: str, header: EvalLog, reader: AsyncZipReader, todo: Sequence[_Todo], scorers: list[Scorer]
) -> list[dict[str, Any]]:
    """Runs the scorers that run programs on these samples, read one by one."""
    header.results = EvalResults(total_samples=len(todo))
    # No model is asked; the run's own need keys and clients that a grading machine has no use for.
    header.eval.model_roles = None
    lines: list[dict[str, Any]] = []
    room = anyio.Semaphore(_AT_ONCE)

    @contextlib.asynccontextmanager
    async def sample_of(index: int) -> AsyncGenerator[EvalSample, None]:
        one = todo[index]
        async with room:
            sample = await read_eval_log_sample_async(log, one.id, one.epoch, reader=reader)
            yield sample
        found = {name: (sample.scores or {})[_bare(name)] for name in one.scores}
        lines.append({
            "uuid": one.uuid,
            "id": one.id,
            "epoch": one.epoch,
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
