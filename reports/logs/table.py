"""Puts logs together into one tidy table: a row per (log, scenario, pressure, arm, model, epoch, scorer, key).

Of several runs of the same sample the newest finished one counts, and a merged log counts for its shards. Logs that cannot
be used are returned by name with the reason.
"""

from __future__ import annotations

import gc
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.sharding import file_name, without_merged
from redgreenbench.reports.logs.addresses import Unreachable, files_of, fingerprint
from redgreenbench.reports.logs.cache import cached, keep
from redgreenbench.reports.logs.reading import FAILED, IDENTITY, Foreign, LogInfo, Part, read_log

__all__ = ["COLUMNS", "Skipped", "Table", "load"]

COLUMNS = (*IDENTITY, "edition", "epoch", "scorer", "key", "value", "status", "reason")
"""Columns of the tidy table. ``status`` is scored, not_applicable, unscored, error, limit or missing."""

_SAMPLE = ["task", "version", "model", "grader", "delivery", "scenario", "pressure", "arm", "epoch"]


@dataclass(frozen=True)
class Skipped:
    """A log that is not in the table, and why."""

    log: str
    reason: str


@dataclass(frozen=True)
class Table:
    """What `load` gives.

    Attributes:
        rows: The tidy table with `COLUMNS`.
        logs: Addresses of the logs in it.
        skipped: Logs that are not in it.
        notes: Things about a log in it that a reader must know, such as an unfinished run.
        provenance: Under what conditions each log's values arose.
    """

    rows: pd.DataFrame
    logs: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    provenance: tuple[LogInfo, ...] = ()


def load(places: Sequence[str], cache: bool = True) -> Table:
    """Reads logs.

    Args:
        places: Log files, folders of logs or globs, local or any address that fsspec knows.
        cache: Whether to use and fill the cache of tables.

    Raises:
        InputError: Nothing readable is there.
    """
    # Getting memory from the kernel with Arrow's own allocator takes as long as all the rest of reading from the cache.
    pa.set_memory_pool(pa.system_memory_pool())
    parts: list[Part] = []
    logs: list[str] = []
    skipped: list[Skipped] = []
    for place in places:
        try:
            files = files_of(place)
        except Unreachable as error:
            skipped.append(Skipped(place, str(error).removeprefix(f"{place} ")))
            continue
        if not files:
            skipped.append(Skipped(place, "there is no .eval log here"))
        for file in without_merged(files):
            if file in logs:
                continue
            try:
                part = cached(file) if cache else None
                if part is None:
                    part = _read(file)
                    if cache and part.info.status != "started":
                        keep(file, part)
            except Foreign as exc:
                skipped.append(Skipped(file, str(exc)))
                continue
            except (
                Exception
            ) as exc:  # a broken log may fail anywhere inside the reader; it is named, not hidden
                skipped.append(Skipped(file, _why(file, exc)))
                continue
            parts.append(part)
            logs.append(file)
    if not logs:
        why = "; ".join(f"{s.log} {s.reason}" for s in skipped) or "no place was given"
        raise InputError(f"no log to report on: {why}")
    infos = tuple(part.info for part in parts)
    followed = _followed(infos)
    notes = [_continued(note, followed.get(part.info.log, "")) for part in parts for note in part.notes]
    said = (*notes, *_mixed(infos), *_absent(infos))
    tables = [part.rows for part in parts]
    parts.clear()
    return Table(_together(tables, infos), tuple(logs), tuple(skipped), said, infos)


def _read(file: str) -> Part:
    """Reads a log; the collections of garbage that its many objects set off leave out what was there before."""
    gc.freeze()
    try:
        return read_log(file)
    finally:
        gc.unfreeze()


def _why(file: str, error: Exception) -> str:
    """Why a log cannot be read, in words where the reader's own say little."""
    known = fingerprint(file)
    if known is not None and known["size"] == "0":
        return "cannot be read: it is empty (0 bytes)"
    first = next(iter(str(error).splitlines()), "")
    if isinstance(error, (EOFError, KeyError, zipfile.BadZipFile, struct.error)) or any(
        m in first for m in ("EOCD", "EOF")
    ):
        return f"cannot be read: the file ends too early, or is no log ({first or type(error).__name__})"
    return f"cannot be read ({type(error).__name__}: {first})"


def _followed(infos: Sequence[LogInfo]) -> dict[str, str]:
    """Logs of runs that did not end, by the newer log that goes on where each stopped."""
    newer: dict[str, str] = {}
    for info in infos:
        after = [
            other
            for other in infos
            if info.status != "success"
            and other.created > info.created
            and (other.task, other.model, other.delivery, other.scenario_set, other.graders, other.skills)
            == (info.task, info.model, info.delivery, info.scenario_set, info.graders, info.skills)
        ]
        if after:
            newer[info.log] = min(after, key=lambda other: other.created).log
    return newer


def _continued(note: str, by: str) -> str:
    """What is said of a run that did not end: that it is in progress only where no later one goes on."""
    head, middle, _ = note.partition(": the run is ")
    return f"{head}: the run did not end; {file_name(by)} goes on where it stopped" if by and middle else note


def _editions(infos: Sequence[LogInfo]) -> dict[str, str]:
    """By log, what tells it apart from others of the same task, model, graders and delivery: the skills that differ."""
    editions = {info.log: "" for info in infos}
    for kind in {(i.task, i.model, i.graders, i.delivery) for i in infos}:
        mine = [i for i in infos if (i.task, i.model, i.graders, i.delivery) == kind]
        hashes: dict[tuple[str, str], set[str]] = {}
        for info in mine:
            for pack, by_arm in info.skills.items():
                for arm, skill in by_arm.items():
                    hashes.setdefault((pack, arm), set()).add(skill["hash"])
        for info in mine:
            told = [
                f"{arm} {skill['name']} {skill['version']} ({skill['hash'][:8]})"
                for pack, by_arm in sorted(info.skills.items())
                for arm, skill in sorted(by_arm.items())
                if len(hashes[pack, arm]) > 1
            ]
            editions[info.log] = ", ".join(dict.fromkeys(told))
    return editions


def _absent(infos: Sequence[LogInfo]) -> list[str]:
    """Runs of which some shards have no log."""
    there: dict[tuple[str, str, str, int, int], set[int]] = {}
    for info in infos:
        if info.shard:
            number, of = map(int, info.shard.split("/"))
            there.setdefault((info.task, info.model, info.scenario_set, of, info.shards), set()).add(number)
    return [
        f"{task} of {model}: no log of shard {', '.join(map(str, lacking))} of {of}; their answers are in no number here"
        for (task, model, _, of, shards), present in sorted(there.items())
        if (lacking := sorted(set(range(1, shards + 1)) - present))
    ]


def _mixed(infos: Sequence[LogInfo]) -> list[str]:
    """Logs of one task and model whose scorers are of different versions, each by name."""
    notes = []
    # Runs that deliver skills otherwise have a scorer more and are never put together with others.
    for kind in sorted({(i.task, i.model, i.delivery) for i in infos}):
        mine = [i for i in infos if (i.task, i.model, i.delivery) == kind and i.scorer_versions]
        said = [", ".join(f"{k} {v}" for k, v in i.scorer_versions.items()) for i in mine]
        if len(set(said)) > 1:
            notes += [
                f"{i.log}: mixed with logs of another scorer version; this one has {versions}"
                for i, versions in zip(mine, said, strict=True)
            ]
    return notes


def _together(tables: list[pa.Table], infos: Sequence[LogInfo]) -> pd.DataFrame:
    """All logs' rows, each sample once, sorted; the list is emptied, so that nothing is held twice for long."""
    offset = 0
    editions = _editions(infos)
    for rank, (rows, info) in enumerate(zip(tables, infos, strict=True)):
        count, samples = rows.num_rows, _samples(rows)
        shifted = pc.add(rows["sample"], pa.scalar(offset, pa.int32()))
        rows = rows.set_column(rows.schema.get_field_index("sample"), "sample", shifted)
        # Runs of the same second count in the order in which they are given.
        created = pa.array([f"{info.created}#{rank:06}"]).dictionary_encode()
        created = created.take(pa.repeat(pa.scalar(0, pa.int32()), count))
        edition = pa.array([editions[info.log]]).dictionary_encode()
        edition = edition.take(pa.repeat(pa.scalar(0, pa.int32()), count))
        tables[rank] = rows.append_column("created", created).append_column("edition", edition)
        offset += samples
    del rows
    whole = pa.concat_tables(tables).unify_dictionaries()
    tables.clear()
    frame = whole.to_pandas(self_destruct=True, split_blocks=True, use_threads=False)
    del whole
    texts = [*IDENTITY, "edition", "scorer", "key", "status", "reason", "created"]
    for name in texts:
        frame[name] = frame[name].cat.reorder_categories(sorted(frame[name].cat.categories))
    kept = frame["sample"].isin(_kept(frame))
    frame = _filled(frame if kept.all() else frame[kept])
    frame = frame.sort_values([*_SAMPLE, "scorer", "key"], kind="stable", na_position="last")
    return frame[list(COLUMNS)].reset_index(drop=True)


def _samples(rows: pa.Table) -> int:
    largest = pc.max(rows["sample"]).as_py()
    return 0 if largest is None else int(largest) + 1


def _kept(frame: pd.DataFrame) -> pd.Series[int]:
    """Numbers of the samples that count: of every (task, version, model, sample, epoch) the newest finished one."""
    failed = frame.loc[frame["status"].isin(FAILED), "sample"].unique()
    samples = frame.drop_duplicates("sample")
    samples = samples.assign(finished=~samples["sample"].isin(failed))
    # Categories were sorted, so that codes order as texts do.
    for name in samples.columns:
        if isinstance(samples[name].dtype, pd.CategoricalDtype):
            samples[name] = samples[name].cat.codes
    ordered = samples.sort_values(["finished", "created"], kind="stable")
    return ordered.drop_duplicates(_SAMPLE, keep="last")["sample"]


def _filled(frame: pd.DataFrame) -> pd.DataFrame:
    """A sample that never ran has no metadata; what belongs to its scenario or arm is taken from others."""
    bare = frame["status"].eq("missing")
    if not bare.any():
        return frame
    frame = frame.copy()
    for columns, by in (
        (("control", "split", "document"), ["scenario"]),
        (("skill", "skill_version", "skill_hash"), ["version", "pack", "arm"]),
    ):
        known = frame.loc[~bare].drop_duplicates(by).set_index(by)
        wanted = frame.loc[bare, by]
        keys = pd.MultiIndex.from_frame(wanted) if len(by) > 1 else pd.Index(wanted[by[0]])
        for column in columns:
            told = pd.Series(known[column].reindex(keys).to_numpy(object), frame.index[bare])
            frame.loc[bare, column] = frame.loc[bare, column].astype(object).fillna(told)
    return frame
