"""Keeps what was read from a log as a Parquet file in the user's cache, never beside the log.

An entry is used only for the same address, size, time of change (or etag), suite version and `SCHEMA`; the log's own id
is in the entry.
A broken entry, or a cache that cannot be written, costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from redgreenbench.evals.vocabulary import SUITE_VERSION
from redgreenbench.reports.places import fingerprint
from redgreenbench.reports.reading import LogInfo, Part

__all__ = ["SCHEMA", "cache_folder", "cached", "keep"]

SCHEMA = 7
"""To be raised whenever the same log would be read into other rows."""
_ABOUT = b"redgreenbench"


def cache_folder() -> Path:
    """Where tables are kept: ``tables`` in the user's cache folder, or in $REDGREEN_CACHE."""
    from platformdirs import user_cache_path

    return (
        Path(os.environ.get("REDGREEN_CACHE") or user_cache_path("redgreenbench", appauthor=False)) / "tables"
    )


def _entry(file: str) -> Path | None:
    known = fingerprint(file)
    if known is None:
        return None
    digest = hashlib.sha256(json.dumps([SCHEMA, SUITE_VERSION, known], sort_keys=True).encode()).hexdigest()
    return cache_folder() / f"{digest[:32]}.parquet"


def cached(file: str) -> Part | None:
    """What was kept of a log in its present state; None where nothing is, or where it cannot be read."""
    path = _entry(file)
    if path is None or not path.is_file():
        return None
    try:
        rows = pq.read_table(path, memory_map=False)
        about: dict[str, Any] = json.loads(rows.schema.metadata[_ABOUT])
        info = LogInfo(**about["info"] | {"graders": tuple(about["info"]["graders"])})
        return Part(rows.replace_schema_metadata(None), info, tuple(about["notes"]))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def keep(file: str, part: Part) -> None:
    """Keeps what was read of a log."""
    path = _entry(file)
    if path is None:
        return
    about = json.dumps({"info": asdict(part.info), "notes": part.notes}).encode()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(handle)
        try:
            pq.write_table(part.rows.replace_schema_metadata({_ABOUT: about}), name, compression="zstd")
            os.replace(name, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
