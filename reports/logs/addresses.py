"""Where logs are: paths, folders, globs, any address that fsspec knows; and what tells one state of a file from another."""

from __future__ import annotations

import re
from typing import Any

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.sharding import file_name

__all__ = ["LOGS", "Unreachable", "files_of", "fingerprint"]

LOGS = (".eval", ".json")
"""Endings of inspect's logs. Not every .json file is one; those that are not are named."""

_GLOB = re.compile(r"[*?\[]")
_BESIDE = ("logs.json", "eval-set.json", "listing.json", "summary.json", "estimates.json", "result.json")
_CHANGES = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")


class Unreachable(InputError):
    """A place that cannot be asked for its logs: a bucket without credentials, a host that does not answer."""


def files_of(place: str) -> list[str]:
    """The logs at a place: itself, those that a glob matches, or those in the folder; none where nothing is there.

    Raises:
        Unreachable: The place cannot be asked.
    """
    # inspect's own listing opens every log whose name it does not know, which takes longer than a cached table.
    from fsspec.core import url_to_fs

    if not _GLOB.search(place) and place.endswith(LOGS):
        return [place]
    try:
        system, path = url_to_fs(place)
        if _GLOB.search(place):
            files = [
                f for hit in system.glob(path) for f in ([hit] if hit.endswith(LOGS) else system.find(hit))
            ]
        else:
            files = system.find(path)
    except (FileNotFoundError, ValueError, ImportError):
        return []
    except Exception as error:  # each kind of store has errors of its own
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise Unreachable(
            f"{place} cannot be reached ({first}); check the address and your credentials"
        ) from error
    # What eval sets, reports and `redgreen ci` keep beside logs is none.
    logs = sorted({
        str(file) for file in files
        if str(file).endswith(".eval") or (str(file).endswith(".json") and file_name(str(file)) not in _BESIDE)
    })  # fmt: skip
    return [system.unstrip_protocol(file) for file in logs] if "://" in place else logs


def fingerprint(file: str) -> dict[str, str] | None:
    """Address, size and time of change or etag of a file; None where the file system tells neither."""
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(file)
        about: dict[str, Any] = system.info(path)
    except (OSError, ValueError, ImportError):
        return None
    changed = next((str(about[key]) for key in _CHANGES if about.get(key)), None)
    if changed is None or about.get("size") is None:
        return None
    return {"file": system.unstrip_protocol(path), "size": str(about["size"]), "changed": changed}
