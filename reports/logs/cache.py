"""Keeps what was read from a log as a Parquet file in the user's cache, never beside the log.

An entry is used only for the same address, size, time of change (or etag), suite version and `SCHEMA`; the log's own id
is in the entry.
A broken entry, or a cache that cannot be written, costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from redgreenbench.evals.storage import cache_place, read_whole, write_whole
from redgreenbench.evals.vocabulary import SUITE_VERSION
from redgreenbench.reports.logs.addresses import fingerprint
from redgreenbench.reports.logs.reading import LogInfo, Part

__all__ = ["SCHEMA", "cache_folder", "cached", "keep", "read_entry", "write_entry"]

SCHEMA = 8
"""To be raised whenever the same log would be read into other rows."""
_ABOUT = b"redgreenbench"


def cache_folder() -> str:
    """Where tables are kept: ``tables`` in the user's cache folder, or in $REDGREEN_CACHE, a folder or an address."""
    return cache_place("tables")


def read_entry(address: str) -> bytes | None:
    """An entry; None where there is none, or where its store does not answer."""
    try:
        return read_whole(address)
    except Exception:  # each kind of store has errors of its own
        return None


def write_entry(address: str, data: bytes) -> None:
    """Writes an entry, if it can be written."""
    with contextlib.suppress(Exception):  # each kind of store has errors of its own
        write_whole(address, data)


def _entry(file: str) -> str | None:
    known = fingerprint(file)
    if known is None:
        return None
    digest = hashlib.sha256(json.dumps([SCHEMA, SUITE_VERSION, known], sort_keys=True).encode()).hexdigest()
    return f"{cache_folder()}/{digest[:32]}.parquet"


def cached(file: str) -> Part | None:
    """What was kept of a log in its present state; None where nothing is, or where it cannot be read."""
    entry = _entry(file)
    data = read_entry(entry) if entry else None
    if data is None:
        return None
    try:
        # Entries are small: threads, and all that `read_table` can do, cost more than the reading.
        rows = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
        about: dict[str, Any] = json.loads(rows.schema.metadata[_ABOUT])
        info = LogInfo(**about["info"] | {"graders": tuple(about["info"]["graders"])})
        return Part(rows.replace_schema_metadata(None), info, tuple(about["notes"]))
    except (ValueError, KeyError, TypeError, OSError, pa.ArrowException):
        return None


def keep(file: str, part: Part) -> None:
    """Keeps what was read of a log."""
    entry = _entry(file)
    if entry is None:
        return
    about = json.dumps({"info": asdict(part.info), "notes": part.notes}).encode()
    made = io.BytesIO()
    pq.write_table(part.rows.replace_schema_metadata({_ABOUT: about}), made, compression="zstd")
    write_entry(entry, made.getvalue())
