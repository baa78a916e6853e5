"""Gets the weights of an embedded model: from the user's cache, the publisher, or the Python registry.

Whatever the source, a file is used only if size and SHA-256 match what `models.yaml` pins. A file lock
keeps two processes from writing the same file, and a file appears under its final name only when it is
complete, so an interrupted download leaves nothing that could be mistaken for weights.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from redgreenbench.evals.catalogue import read_yaml, validate
from redgreenbench.evals.errors import InputError, unknown_name
from redgreenbench.reference_bugs.cache import cache_root

__all__ = ["Weights", "cache_folder", "cached", "load_models", "obtain"]

_CHUNK = 1 << 20
Progress = Callable[[str, int, int], None]
"""Called with what is being done, bytes done and bytes in all."""


class _FrozenData(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Official(_FrozenData):
    """The publisher's repository on the Hugging Face hub."""

    repository: str
    file: str


class Mirror(_FrozenData):
    """Packages of the Python registry whose wheels carry the file in parts."""

    package: str
    version: str
    parts: int
    member: str


class Weights(_FrozenData):
    """One model's weights, pinned."""

    bytes: int
    sha256: str
    licence: str
    family: str
    official: Official | None = None
    mirror: Mirror


@cache
def load_models() -> dict[str, Weights]:
    """All embedded models by name."""
    path = Path(__file__).with_name("models.yaml")
    return validate(TypeAdapter(dict[str, Weights]), read_yaml(path), path)


def cache_folder() -> Path:
    """Where weights are kept: ``REDGREEN_CACHE``, or the user's cache folder."""
    return cache_root() / "models"


def _target(name: str) -> Path:
    return cache_folder() / f"{name}.gguf"


def cached(name: str) -> Path | None:
    """The file of a model that is already here; None if it has to be downloaded."""
    model = _known_model(name)
    path = _target(name)
    return path if path.is_file() and path.stat().st_size == model.bytes else None


def _known_model(name: str) -> Weights:
    models = load_models()
    if name not in models:
        raise unknown_name("embedded model", name, models, "redgreen doctor")
    return models[name]


def obtain(name: str, progress: Progress | None = None) -> Path:
    """Returns the file of a model, downloading it on first use.

    Args:
        name: A name of `models.yaml`.
        progress: Told about the progress of a download.

    Raises:
        InputError: The name is unknown, or no source gave bytes with the pinned checksum.
    """
    from filelock import FileLock

    model = _known_model(name)
    path = _target(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(path) + ".lock"):
            if cached(name):
                return path
            for stale in path.parent.glob(f"{name}.*.partial"):
                stale.unlink()
            return _download(name, model, path, progress or (lambda what, done, total: None))
    except OSError as exc:
        raise InputError(
            f"embedded model {name}: cannot write to {path.parent} ({exc.strerror or exc}); "
            f"free {model.bytes / 1e6:.0f} MB there or set REDGREEN_CACHE to another folder"
        ) from exc


def _download(name: str, model: Weights, path: Path, progress: Progress) -> Path:
    failures = []
    sources = (
        ("the publisher's repository", _from_publisher),
        ("the mirror in the Python registry", _from_mirror),
    )
    for label, source in sources:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f"{name}.", suffix=".partial", delete=False
        ) as out:
            partial = Path(out.name)
            digest = hashlib.sha256()
            size = 0
            try:
                for chunk in source(model, path.parent, progress):
                    out.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    progress("joining", size, model.bytes)
                out.flush()
                if size == model.bytes and digest.hexdigest() == model.sha256:
                    partial.replace(path)
                    return path
                failures.append(f"{label}: the bytes do not match the pinned checksum")
            except _Unavailable as exc:
                failures.append(f"{label}: {exc}")
            finally:
                partial.unlink(missing_ok=True)
    raise InputError(
        f"embedded model {name}: cannot be downloaded ({'; '.join(failures)}); connect to the internet once, "
        f"or put a file with SHA-256 {model.sha256[:12]}… at {path}"
    )


class _Unavailable(Exception):
    """This source cannot give the file; the next one is tried."""


def _from_publisher(model: Weights, folder: Path, progress: Progress) -> Iterator[bytes]:
    if model.official is None:
        raise _Unavailable("there is none")
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        raise _Unavailable("HF_HUB_OFFLINE is set")
    import httpx
    from huggingface_hub import hf_hub_download, hf_hub_url
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    progress("asking the publisher", 0, model.bytes)
    try:
        # The hub's client retries for half a minute when there is no network at all; one question suffices.
        httpx.head(hf_hub_url(model.official.repository, model.official.file), timeout=5)
    except httpx.HTTPError as exc:
        raise _Unavailable(f"not reachable ({type(exc).__name__})") from exc
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        try:
            file = hf_hub_download(
                model.official.repository, model.official.file, local_dir=scratch, etag_timeout=5
            )
        except Exception as exc:  # the hub's client raises many kinds; each means that it is out of reach
            raise _Unavailable(f"not reachable ({type(exc).__name__})") from exc
        with open(file, "rb") as source:
            while chunk := source.read(_CHUNK):
                yield chunk


def _from_mirror(model: Weights, folder: Path, progress: Progress) -> Iterator[bytes]:
    mirror = model.mirror
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for number in range(1, mirror.parts + 1):
            package = f"{mirror.package.format(number=number)}=={mirror.version}"
            progress(
                f"downloading part {number} of {mirror.parts}",
                (number - 1) * model.bytes // mirror.parts,
                model.bytes,
            )
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary",
                ":all:",
            ]
            done = subprocess.run(
                [*command, "--dest", scratch, package], capture_output=True, text=True, check=False
            )
            wheels = list(Path(scratch).glob("*.whl"))
            if done.returncode or len(wheels) != 1:
                lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
                raise _Unavailable(f"{package} not to be had ({lines[-1] if lines else 'no wheel'})")
            yield from _read_member(wheels[0], mirror.member)
            wheels[0].unlink()


def _read_member(wheel: Path, pattern: str) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = sorted(n for n in archive.namelist() if fnmatch.fnmatch(n, f"*/{pattern}"))
            if not names:
                raise _Unavailable(f"{wheel.name} holds no {pattern}")
            for name in names:
                with archive.open(name) as source:
                    while chunk := source.read(_CHUNK):
                        yield chunk
    except zipfile.BadZipFile as exc:
        raise _Unavailable(f"{wheel.name} is broken") from exc
