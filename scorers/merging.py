"""Puts the logs of shards, and the grades beside logs, together into one log."""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from inspect_ai._util.zipfile import zipfile_compress_kwargs
from inspect_ai.log import (
    EvalLog,
    EvalSample,
    EvalShardEntry,
    EvalShards,
    EvalStats,
    read_eval_log,
    recompute_metrics,
)
from inspect_ai.model import ModelUsage
from inspect_ai.scorer import Score
from pydantic_core import to_json

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.sharding import file_name, place_of_shard
from redgreenbench.evals.storage import local_copy, put_file
from redgreenbench.scorers.regrading import Scores, failed, read_grades, ungraded

__all__ = ["Merged", "copy_entry", "merge"]

_Key = tuple[str, int]  # id and epoch
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


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held of every sample: which log has it, its id, whether it failed, and whether it lacks a grade."""

    log: str
    uuid: str
    failed: bool
    waits: bool

    @property
    def rank(self) -> tuple[bool, str]:
        return (not self.failed, file_name(self.log))


@dataclass(frozen=True, slots=True)
class _Scored:
    """As much of a sample as metrics are computed from."""

    id: str
    scores: dict[str, Score]
    error: str | None
    metadata: None = None


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
    headers = {file: _header_of(file) for file in sources}
    grades: dict[str, Scores] = {}
    for file in dict.fromkeys([*sources, target]):
        grades |= {uuid: scores for uuid, scores in read_grades(file).items() if not failed(scores)}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        here = {file: local_copy(file, folder) for file in sources}
        best: dict[_Key, _Held] = {}
        for file in sources:
            for key, summary in _summaries(here[file]):
                waits = bool(ungraded(summary.get("scores") or {}))
                held = _Held(file, str(summary.get("uuid")), bool(summary.get("error")), waits)
                if key not in best or held.rank >= best[key].rank:
                    best[key] = held
        lacks = tuple(_lacks(headers, best, grades))
        if lacks and not partial:
            raise InputError(
                f"{target}: {'; '.join(lacks)}; do that first, or take what is there with --partial"
            )
        made = folder / "merged.eval"
        header = _header(headers, best, not lacks) if parts else headers[target]
        _write(made, header, here, best, grades, bool(parts))
        put_file(made, target)
    return Merged(target, len(best), sum(held.uuid in grades for held in best.values()), lacks)


def _header_of(file: str) -> EvalLog:
    header = read_eval_log(file, header_only=True)
    header.reductions = None  # the larger part of it, and made anew
    return header


def _summaries(log: Path) -> Iterator[tuple[_Key, dict[str, Any]]]:
    """Summaries of a log's samples as they are written; as objects they take ten times as long and twice the memory.

    The log of an attempt that did not end has them in pieces, of which the last one of a sample counts.
    """
    with zipfile.ZipFile(log) as source:
        names = [name for name in source.namelist() if name == "summaries.json"] or sorted(
            (name for name in source.namelist() if name.startswith("_journal/summaries/")),
            key=lambda name: int(Path(name).stem),
        )
        summaries = [summary for name in dict.fromkeys(names) for summary in json.loads(source.read(name))]
    yield from sorted({(str(summary["id"]), int(summary["epoch"])): summary for summary in summaries}.items())


def _lacks(
    headers: Mapping[str, EvalLog], best: Mapping[_Key, _Held], grades: Mapping[str, Scores]
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
        if lost := sum(held.failed for held in best.values()):
            yield f"{lost} answers failed: run their shards again"
    if waiting := sum(held.waits and held.uuid not in grades for held in best.values()):
        yield f"{waiting} programs have no grade: run `redgreen grade`, the same shard again where one died"


def _number(header: EvalLog) -> int:
    return int(str((header.eval.metadata or {}).get("shard", "0/0")).partition("/")[0])


def _header(headers: Mapping[str, EvalLog], best: Mapping[_Key, _Held], complete: bool) -> EvalLog:
    """The header of the log of all shards: the first one's, with all samples, times, and the ledger of the shards."""
    header = next(iter(headers.values()))
    spec = header.eval
    ids = sorted({sample_id for sample_id, _ in best})
    spec.dataset.sample_ids, spec.dataset.samples = list(ids), len(ids)
    spec.created = min(other.eval.created for other in headers.values())
    spec.metadata = {
        k: v for k, v in (spec.metadata or {}).items() if k not in ("shard", "shard_samples", "shards")
    } or None
    spec.shards = EvalShards(selection="ids", ledger=list(_ledger(headers)))
    started = [other.stats.started_at for other in headers.values() if other.stats.started_at]
    ended = [other.stats.completed_at for other in headers.values() if other.stats.completed_at]
    header.stats = EvalStats(started_at=min(started, default=""), completed_at=max(ended, default=""))
    header.status = "success" if complete else "cancelled"
    header.error = None
    header.invalidated = any(other.invalidated for other in headers.values())
    header.results = None
    return header


def _ledger(headers: Mapping[str, EvalLog]) -> Iterator[EvalShardEntry]:
    """An entry for the current attempt of each shard."""
    current = {}
    for file, header in headers.items():  # in the order of their names
        current[place_of_shard(file)[1]] = (file, header)  # type: ignore[index]
    for shard, (file, header) in sorted(current.items()):
        ids = [str(sample) for sample in header.eval.dataset.sample_ids or ()]
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


def _write(
    made: Path,
    header: EvalLog,
    here: Mapping[str, Path],
    best: Mapping[_Key, _Held],
    grades: Mapping[str, Scores],
    sharded: bool,
) -> None:
    """Writes the log: samples, their summaries, and what follows from these; never more in memory than one source's."""
    with zipfile.ZipFile(made, "w", **zipfile_compress_kwargs) as out:
        # Entries keep their times, by which readers tell a log that was edited; so the same shards give the same bytes, too.
        last = _write_samples(out, here, best, grades)
        scored: list[_Scored] = []
        with out.open(_entry("summaries.json", last), "w", force_zip64=True) as stream:
            for summary in _merged_summaries(here, best, grades):
                stream.write((b"," if scored else b"[") + json.dumps(summary).encode())
                scored.append(_scored(summary))
                if sharded:
                    _add_usage(header.stats.model_usage, summary.get("model_usage"))
                    _add_usage(header.stats.role_usage, summary.get("role_usage"))
            stream.write(b"]" if scored else b"[]")
        header.samples = cast(list[EvalSample], scored)
        recompute_metrics(header)
        header.samples = None
        if header.reductions:
            out.writestr(_entry("reductions.json", last), _json(header.reductions))
        header.reductions = None
        start = {"version": header.version, "eval": header.eval, "plan": header.plan}
        out.writestr(_entry("_journal/start.json", last), _json(start))
        out.writestr(_entry("header.json", last), _json(header))


def _write_samples(
    out: zipfile.ZipFile, here: Mapping[str, Path], best: Mapping[_Key, _Held], grades: Mapping[str, Scores]
) -> _Date:
    """Copies the samples' entries as they are, but for the scores of those that got a grade; returns the latest time."""
    wanted: dict[str, list[_Key]] = {}
    for key in sorted(best):
        wanted.setdefault(best[key].log, []).append(key)
    last: _Date = (1980, 1, 1, 0, 0, 0)
    for file, keys in sorted(wanted.items(), key=lambda item: file_name(item[0])):
        with zipfile.ZipFile(here[file]) as source:
            for sample_id, epoch in keys:
                entry = source.getinfo(f"samples/{sample_id}_epoch_{epoch}.json")
                last = max(last, entry.date_time)
                if found := grades.get(best[sample_id, epoch].uuid):
                    sample = json.loads(source.read(entry))
                    sample["scores"] = {**(sample.get("scores") or {}), **found}
                    out.writestr(_entry(entry.filename, entry.date_time), json.dumps(sample))
                else:
                    copy_entry(source, entry, out)
    return last


def _merged_summaries(
    here: Mapping[str, Path], best: Mapping[_Key, _Held], grades: Mapping[str, Scores]
) -> Iterator[dict[str, Any]]:
    for file, log in here.items():
        for key, summary in _summaries(log):
            if best[key].log == file:
                if found := grades.get(best[key].uuid):
                    summary["scores"] = {**(summary.get("scores") or {}), **found}
                yield summary


def _scored(summary: Mapping[str, Any]) -> _Scored:
    scores = {
        name: _score(json.dumps(score["value"])) for name, score in (summary.get("scores") or {}).items()
    }
    return _Scored(str(summary["id"]), scores, summary.get("error"))


@lru_cache(maxsize=100_000)
def _score(value: str) -> Score:
    """A score of a value, written as JSON. Most values are the same few, so that they share what they are held in."""
    return Score(value=json.loads(value))


def _add_usage(total: dict[str, ModelUsage], used: Mapping[str, Any] | None) -> None:
    for name, usage in (used or {}).items():
        total[name] = total.get(name, ModelUsage()) + ModelUsage.model_validate(usage)


def copy_entry(source: zipfile.ZipFile, entry: zipfile.ZipInfo, out: zipfile.ZipFile, name: str = "") -> None:
    """Copies an entry as it is compressed, which zipfile has no way to; compressing anew is most of the work otherwise.

    Args:
        source: The archive that has it.
        entry: The entry.
        out: The archive that gets it.
        name: Its name there; none: the same.
    """
    assert source.fp
    assert out.fp
    source.fp.seek(entry.header_offset + 26)
    source.fp.seek(sum(struct.unpack("<HH", source.fp.read(4))), 1)  # the name and the extra field
    copy = _entry(name or entry.filename, entry.date_time)
    copy.compress_type, copy.CRC = entry.compress_type, entry.CRC
    copy.compress_size, copy.file_size = entry.compress_size, entry.file_size
    out.fp.seek(out.start_dir)
    copy.header_offset = out.fp.tell()
    out.fp.write(copy.FileHeader())
    out.fp.write(source.fp.read(entry.compress_size))
    out.start_dir = out.fp.tell()
    out.filelist.append(copy)
    out.NameToInfo[copy.filename] = copy
    out._didModify = True  # type: ignore[attr-defined]


def _entry(name: str, date: _Date) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date)
    entry.compress_type = zipfile_compress_kwargs["compression"]
    return entry


def _json(value: Any) -> bytes:
    return to_json(value, exclude_none=True, inf_nan_mode="constants", fallback=lambda _: None)
