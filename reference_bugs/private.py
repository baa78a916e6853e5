"""The private split: a folder or an fsspec address in ``REDGREEN_PRIVATE``, with ``scenarios/<pack>/`` and ``bugs/<name>/``.

What stands in it is posed and graded like the rest, and never shown, bundled or exported.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["VARIABLE", "private_folder"]

VARIABLE = "REDGREEN_PRIVATE"


def private_folder() -> Path | None:
    """The folder of the private split; None where there is none.

    An address of another kind than a local path is copied into a folder of this user alone, which is deleted as this process
    ends, unless it is killed; processes that it starts find the copy.

    Raises:
        ValueError: There is no such folder, or it cannot be fetched; the message says what to do.
    """
    address = os.environ.get(VARIABLE, "")
    if not address:
        return None
    if "://" in address:
        address = os.environ[VARIABLE] = str(_fetched(address))
    folder = Path(address).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{VARIABLE}={address}: there is no such folder; correct it or unset the variable")
    if not any((folder / name).is_dir() for name in ("scenarios", "bugs")):
        raise ValueError(
            f"{VARIABLE}={address}: neither scenarios/<pack>/ nor bugs/<name>/ is in it; lay it out so"
        )
    return folder


def _fetched(address: str) -> Path:
    from fsspec.core import url_to_fs

    place = Path(tempfile.mkdtemp(prefix="redgreen-private-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    try:
        files, root = url_to_fs(address)
        files.get(root.rstrip("/") + "/", f"{place}/", recursive=True)
    except (
        Exception
    ) as exc:  # whatever a file system of another's making raises, with words that may hold a password
        parts = urlsplit(address)
        shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        raise ValueError(
            f"{VARIABLE}={shown}: cannot be fetched ({type(exc).__name__}); check the address and the rights"
        ) from None
    return place
