"""The interpreter that a jail shows: this one with torch, at places that tell nothing of this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["JailPython", "find_python"]

_LIBRARIES = ("torch", "numpy")
# Entries of the libraries' folder that would tell an agent the answers, or that it is being examined.
_OURS = (
    "redgreen",
    "_redgreen",
    "__editable__",
    "_editable_impl_",
    "inspect_ai",
    "inspect_swe",
    "inspect_evals",
)


@dataclass(frozen=True)
class JailPython:
    """How the interpreter is shown: files bound (from, to), links (to what, where), places covered (where, a folder?)."""

    bound: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    covered: tuple[tuple[str, bool], ...]
    path: tuple[str, ...]


@cache
def find_python() -> JailPython:
    """This interpreter and the folders of torch and numpy, at places that tell nothing of this machine."""
    executable = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    bound: list[tuple[str, str]] = []
    links = [("python3", "/opt/python/bin/python")]
    covered: list[tuple[str, bool]] = []
    native: list[Path] = []
    if executable.is_relative_to("/usr"):
        links.append((str(executable), "/opt/python/bin/python3"))
        native = [Path("/usr")]
        for folder in (
            Path(sys.base_prefix, "lib", version),
            Path("/usr/lib/python3"),
            Path("/usr/local/lib", version),
        ):
            covered += [
                pair for name in ("site-packages", "dist-packages") for pair in _covers(folder / name)
            ]
    else:
        bound.append((str(executable), f"/opt/python/bin/{version}"))
        links.append((version, "/opt/python/bin/python3"))
        bound.append((str(Path(sys.base_prefix, "lib")), "/opt/python/lib"))
        if Path(sys.base_prefix, "lib", version, "site-packages").is_dir():
            covered.append((f"/opt/python/lib/{version}/site-packages", True))
    path = []
    for number, site in enumerate(_sites()):
        if any(site.is_relative_to(folder) for folder in native):
            continue
        place = f"/opt/libraries-{number}" if number else "/opt/libraries"
        bound.append((str(site), place))
        covered += [(f"{place}/{Path(name).name}", is_folder) for name, is_folder in _covers(site)]
        path.append(place)
    # The package itself where it lies below a system folder, as a repository under /usr/src does.
    package = Path(__file__).resolve().parents[2]
    if package.is_relative_to("/usr") and str(package) not in dict(covered):
        covered.append((str(package), True))
    return JailPython(tuple(bound), tuple(links), tuple(covered), tuple(path))


def _sites() -> list[Path]:
    specs = [importlib.util.find_spec(name) for name in _LIBRARIES]
    return list(dict.fromkeys(Path(s.origin).resolve().parent.parent for s in specs if s and s.origin))


def _covers(site: Path) -> list[tuple[str, bool]]:
    with contextlib.suppress(OSError):
        return [
            (str(entry), entry.is_dir())
            for entry in sorted(site.iterdir())
            if entry.name.lower().startswith(_OURS) and not entry.is_symlink()
        ]
    return []
