"""Puts the logs of shards, and the grades beside logs, together into one log."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai._util.zipfile import zipfile_compress_kwargs
from inspect_ai.log import (
    EvalError,
    EvalLog,
    EvalSample,
    EvalSampleSummary,
    EvalShardEntry,
    EvalShards,
    EvalStats,
    read_eval_log,
    read_eval_log_sample_summaries,
    recompute_metrics,
)
from inspect_ai.model import ModelUsage
from inspect_ai.scorer import Score
from pydantic_core import to_json

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.sharding import file_name, place_of_shard
from redgreenbench.evals.storage import local_copy, put_file
from redgreenbench.scorers.regrading import failed, read_grades, ungraded

__all__ = ["Merged", "merge"]

_Date = tuple[int, int, int, int, int, int]


@dataclass(frozen=True)
class Merged:
    """What `merge` did.

    Attributes:
        log: Address of the log that was written.
        samples: Samples in it.
        graded: Samples that got a grade.
        lacks: What it lacks, in words; empty where it is complete.
    """

    log: str
    samples: int
    graded: int
    lacks: tuple[str, ...]


@dataclass(frozen=True)
class _Held:
    """A sample of a shard: its summary, whether it failed, and which log has it."""

    summary: EvalSampleSummary
    log: str

    @property
    def rank(self) -> tuple[bool, str]:
        return (not self.summary.error, file_name(self.log))


def merge(target: str, parts: Sequence[str], partial: bool = False) -> Merged:
    """Makes one log of the logs of shards, and writes into it the grades that lie beside them and beside it.

    Of several attempts at a sample the newest finished one counts. The log is written whole, at last.

    Args:
        target: Address of the log to be written; without shards the log that was graded.
        parts: Addresses of the shards' logs; none: the target's own samples.
        partial: Whether it may lack something.

    Raises:
        InputError: Something is missing and `partial` is not set.
    """
    sources = sorted(parts, key=file_name) or [target]
    headers = {file: read_eval_log(file, header_only=True) for file in sources}
    grades: dict[str, dict[str, Score]] = {}
    for file in dict.fromkeys([*sources, target]):
        grades |= {uuid: scores for uuid, scores in read_grades(file).items() if not failed(scores)}
    best: dict[tuple[str, int], _Held] = {}
    for file in sources:
        for summary in read_eval_log_sample_summaries(file):
            held, key = _Held(summary, file), (str(summary.id), summary.epoch)
            if key not in best or held.rank >= best[key].rank:
                best[key] = held
    lacks = tuple(_lacks(headers, best, grades))
    if lacks and not partial:
        raise InputError(f"{target}: {'; '.join(lacks)}; do that first, or take what is there with --partial")
    graded = 0
    for held in best.values():
        if found := grades.get(str(held.summary.uuid)):
            held.summary.scores = {**(held.summary.scores or {}), **found}
            graded += 1
    header = _header(headers, best, bool(parts), not lacks)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "merged.eval"
        _write(made, header, best, grades, Path(folder))
        put_file(made, target)
    return Merged(target, len(best), graded, lacks)


def _lacks(
    headers: Mapping[str, EvalLog],
    best: Mapping[tuple[str, int], _Held],
    grades: Mapping[str, Mapping[str, Score]],
) -> Iterator[str]:
    """What is not there yet, in words."""
    first = next(iter(headers.values())).eval
    about = first.metadata or {}
    if planned := about.get("shard_samples"):
        epochs = first.config.epochs or 1
        missing = planned * epochs - len(best)
        if missing:
            complete = {_number(header) for header in headers.values() if header.status == "success"}
            of = int(str(about["shard"]).partition("/")[2])
            todo = [str(k) for k in range(1, about.get("shards", of) + 1) if k not in complete]
            which = f"run shard {', '.join(todo)} of {of}" if todo else "run the shards again"
            yield f"{missing} of {planned * epochs} answers are missing: {which}"
        if lost := sum(bool(held.summary.error) for held in best.values()):
            yield f"{lost} answers failed: run their shards again"
    waiting = sum(
        bool(ungraded(held.summary)) and str(held.summary.uuid) not in grades for held in best.values()
    )
    if waiting:
        yield f"{waiting} programs have no grade: run `redgreen grade`, the same shard again where one died"


def _number(header: EvalLog) -> int:
    return int(str((header.eval.metadata or {}).get("shard", "0/0")).partition("/")[0])


def _header(
    headers: Mapping[str, EvalLog], best: Mapping[tuple[str, int], _Held], sharded: bool, complete: bool
) -> EvalLog:
    """The header of the merged log: the first shard's, with all samples, usage, metrics and the ledger of the shards."""
    files = list(headers)
    header = headers[files[0]]
    spec = header.eval
    light = [_light(best[key].summary) for key in sorted(best)]
    if sharded:
        ids = sorted({str(held.summary.id) for held in best.values()})
        spec.dataset.sample_ids, spec.dataset.samples = list(ids), len(ids)
        spec.created = min(one.eval.created for one in headers.values())
        spec.metadata = {
            k: v for k, v in (spec.metadata or {}).items() if k not in ("shard", "shard_samples", "shards")
        } or None
        spec.shards = EvalShards(selection="ids", ledger=list(_ledger(headers)))
        header.stats = _stats(
            [one.stats for one in headers.values()], (best[key].summary for key in sorted(best))
        )
        header.status = "success" if complete else "cancelled"
        header.error = None
        header.invalidated = any(one.invalidated for one in headers.values())
        header.results = None
    header.samples = light
    recompute_metrics(header)
    header.samples = None
    return header


def _light(summary: EvalSampleSummary) -> EvalSample:
    """As much of a sample as metrics are computed from."""
    sample = EvalSample(
        id=summary.id,
        epoch=summary.epoch,
        input="",
        target="",
        scores=summary.scores,
        metadata=summary.metadata,
    )
    if summary.error:
        sample.error = EvalError(message=summary.error, traceback="", traceback_ansi="")
    return sample


def _ledger(headers: Mapping[str, EvalLog]) -> Iterator[EvalShardEntry]:
    """An entry for the current attempt of each shard."""
    current = {}
    for file, header in headers.items():  # in the order of their names
        current[place_of_shard(file)[1]] = (file, header)  # type: ignore[index]
    for shard, (file, header) in sorted(current.items()):
        ids = [str(one) for one in header.eval.dataset.sample_ids or ()]
        yield EvalShardEntry(
            shard=shard,
            log=file_name(file),
            eval_set_id=header.eval.eval_set_id,
            status=header.status,
            error=header.error,
            samples=header.results.completed_samples if header.results else 0,
            selected=len(ids),
            selection_digest=hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest(),
            started_at=header.stats.started_at,
            completed_at=header.stats.completed_at,
            model_usage=header.stats.model_usage,
            role_usage=header.stats.role_usage,
            size=0,
        )


def _stats(parts: Sequence[EvalStats], samples: Iterable[EvalSampleSummary]) -> EvalStats:
    """From the first attempt's start to the last one's end; the usage is that of the samples that count."""
    started = [one.started_at for one in parts if one.started_at]
    ended = [one.completed_at for one in parts if one.completed_at]
    whole = EvalStats(started_at=min(started, default=""), completed_at=max(ended, default=""))
    for sample in samples:
        for total, used in ((whole.model_usage, sample.model_usage), (whole.role_usage, sample.role_usage)):
            for name, usage in used.items():
                total[name] = total.get(name, ModelUsage()) + usage
    return whole


def _write(
    made: Path,
    header: EvalLog,
    best: Mapping[tuple[str, int], _Held],
    grades: Mapping[str, Mapping[str, Score]],
    folder: Path,
) -> None:
    """Copies the samples' own files from log to log without reading them, but for the scores of those that got a grade."""
    wanted: dict[str, list[tuple[str, int]]] = {}
    for key in sorted(best):
        wanted.setdefault(best[key].log, []).append(key)
    # Entries keep their times, by which readers tell a log that was edited; so the same shards give the same bytes, too.
    last = (1980, 1, 1, 0, 0, 0)
    with zipfile.ZipFile(made, "w", **zipfile_compress_kwargs) as out:
        for file in sorted(wanted, key=file_name):
            with zipfile.ZipFile(local_copy(file, folder)) as source:
                for sample_id, epoch in wanted[file]:
                    name = f"samples/{sample_id}_epoch_{epoch}.json"
                    data, date = source.read(name), source.getinfo(name).date_time
                    last = max(last, date)
                    if found := grades.get(str(best[sample_id, epoch].summary.uuid)):
                        sample = json.loads(data)
                        sample["scores"] = {**(sample.get("scores") or {}), **_plain(found)}
                        data = json.dumps(sample).encode()
                    _add(out, name, data, date)
        _add(out, "summaries.json", _json([best[key].summary for key in sorted(best)]), last)
        if header.reductions:
            _add(out, "reductions.json", _json(header.reductions), last)
        header.reductions = None
        _add(
            out,
            "_journal/start.json",
            _json({"version": header.version, "eval": header.eval, "plan": header.plan}),
            last,
        )
        _add(out, "header.json", _json(header), last)


def _plain(scores: Mapping[str, Score]) -> dict[str, Any]:
    return {name: score.model_dump(mode="json", exclude_none=True) for name, score in scores.items()}


def _json(value: Any) -> bytes:
    return to_json(value, exclude_none=True, inf_nan_mode="constants", fallback=lambda _: None)


def _add(out: zipfile.ZipFile, name: str, data: bytes, date: _Date) -> None:
    about = zipfile.ZipInfo(name, date)
    about.compress_type = out.compression
    out.writestr(about, data)
