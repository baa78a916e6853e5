"""Files on any address that fsspec knows, written whole or not at all, so that writers at once never leave a mixture."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from redgreenbench.evals.errors import InputError
from redgreenbench.reference_bugs.cache import VARIABLE, cache_root

__all__ = ["cache_place", "local_copy", "put_file", "read_whole", "writable_folder", "write_whole"]


def cache_place(name: str) -> str:
    """The cache folder for one kind of file.

    Below $REDGREEN_CACHE, a folder or an address, else below
    the user's cache folder.
    """
    given = os.environ.get(VARIABLE, "")
    return f"{given}/{name}" if "://" in given else str(cache_root() / name)


def read_whole(address: str) -> bytes:
    """Reads a file in one request, so that all bytes are of the same version.

    Args:
        address: A path, or any address that fsspec knows.

    Raises:
        FileNotFoundError: There is none.
    """
    from fsspec.core import url_to_fs

    system, path = url_to_fs(address)
    data: bytes = system.cat_file(path)
    return data


def write_whole(address: str, data: bytes) -> None:
    """Writes a file atomically: readers see the old or the new version. With several writers the last one wins.

    Args:
        address: A path, or any address that fsspec knows.
        data: All of it.
    """
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    system, path = url_to_fs(address)
    if not isinstance(system, LocalFileSystem):
        system.pipe_file(path, data)  # object stores show an object when all of it is there
        return
    with _temporary_sibling(path) as aside:
        aside.write_bytes(data)
        os.replace(aside, path)


def put_file(file: Path, address: str) -> None:
    """Like `write_whole`, from a local file, which is moved if possible.

    Args:
        file: The file; it may be gone afterwards.
        address: A path, or any address that fsspec knows.
    """
    import shutil

    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    system, path = url_to_fs(address)
    if not isinstance(system, LocalFileSystem):
        system.put_file(str(file), path)
        return
    with _temporary_sibling(path) as aside:
        shutil.move(file, aside)  # across file systems a copy, which takes its time
        os.replace(aside, path)


def local_copy(address: str, folder: Path) -> Path:
    """The file itself if it is local, else a copy of it in a folder.

    Args:
        address: A path, or any address that fsspec knows.
        folder: Where a copy is put.
    """
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    system, path = url_to_fs(address)
    if isinstance(system, LocalFileSystem):
        return Path(path)
    copy = folder / Path(path).name
    system.get_file(path, str(copy))
    return copy


@contextlib.contextmanager
def writable_folder(output: str) -> Iterator[Path]:
    """A local folder to write to. For a remote address it is a temporary one, which is copied there at the end.

    Args:
        output: A path, or any address that fsspec knows.

    Raises:
        InputError: It cannot be copied there.
    """
    if "://" not in output:
        yield Path(output)
        return
    from fsspec.core import url_to_fs

    with tempfile.TemporaryDirectory() as made:
        yield Path(made)
        try:
            system, path = url_to_fs(output)
            for file in sorted(Path(made).rglob("*")):
                if file.is_file():
                    system.pipe_file(
                        f"{path.rstrip('/')}/{file.relative_to(made).as_posix()}", file.read_bytes()
                    )
        except Exception as error:  # each kind of store has errors of its own
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(
                f"cannot write to {output} ({first}); check the address and your credentials"
            ) from error


@contextlib.contextmanager
def _temporary_sibling(path: str) -> Iterator[Path]:
    """A new name in the same folder, and so on the same file system; nothing stays there."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
    finally:
        aside.unlink(missing_ok=True)
