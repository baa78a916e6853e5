"""The interpreter that a sandbox shows: this one with some libraries, at places that tell nothing of this machine.

Both walls use it. The outer one binds files and folders of this machine to their places and covers what is ours; the
inner one permits entry by entry, at the places inside, or at those of this machine where there is no outer wall.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Interpreter", "find_interpreter"]

_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_SITES = ("site-packages", "dist-packages")
# Entries of a library folder that would tell the answers, or that one is being examined.
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
class Interpreter:
    """A Python and the folders that it imports from.

    Attributes:
        executable: The interpreter itself, no virtual environment's link to it.
        standard: Folder of the standard library.
        shared: Folders and files of shared libraries that it needs beside those of the system.
        sites: Folders of the libraries.
        native: Whether it is the system's own, below /usr, where a sandbox shows it at its own place.
    """

    executable: Path
    standard: Path
    shared: tuple[Path, ...]
    sites: tuple[Path, ...]
    native: bool

    def place(self, path: Path) -> str:
        """Where a sandbox with an outer wall shows one of these, or something below one of them."""
        if self.native and path.is_relative_to("/usr"):
            return str(path)
        if path == self.executable:
            return f"/opt/python/bin/{_VERSION}"
        for number, site in enumerate(self.sites):
            if path.is_relative_to(site):
                return str(
                    Path(f"/opt/libraries-{number}" if number else "/opt/libraries", path.relative_to(site))
                )
        root = self.standard.parent
        if path.is_relative_to(root):
            return str(Path("/opt/python/lib", path.relative_to(root)))
        return f"/opt/python/shared/{path.name}"

    @property
    def bound(self) -> list[tuple[str, str]]:
        """Paths that an outer wall that shows /usr has to bind in addition: (on this machine, in the sandbox)."""
        apart = [path for path in self.shared if path.parent != self.standard.parent]
        paths = [self.executable, self.standard.parent, *self.sites, *apart]
        return [(str(path), self.place(path)) for path in paths if str(path) != self.place(path)]

    @property
    def links(self) -> list[tuple[str, str]]:
        """Links that an outer wall makes, (to what, where), so that ``python`` and ``python3`` start it."""
        target = str(self.executable) if self.native else _VERSION
        return [(target, "/opt/python/bin/python3"), ("python3", "/opt/python/bin/python")]

    @property
    def covered(self) -> list[tuple[str, bool]]:
        """Paths of this benchmark that an outer wall has to hide: (path, whether it is a folder)."""
        hidden_paths = {
            self.place(entry): entry.is_dir() for site in self.sites for entry in _entries(site, ours=True)
        }
        if self.native:
            for folder in (self.standard, Path("/usr/lib/python3"), Path("/usr/local/lib", _VERSION)):
                for name in _SITES:
                    hidden_paths |= {
                        str(entry): entry.is_dir() for entry in _entries(folder / name, ours=True)
                    }
        else:
            hidden = [self.standard / name for name in _SITES if (self.standard / name).is_dir()]
            hidden_paths |= {f"/opt/python/lib/{self.standard.name}/{folder.name}": True for folder in hidden}
        # The package itself where it lies below a system folder, as a repository under /usr/src does.
        package = Path(__file__).resolve().parents[2]
        if package.is_relative_to("/usr"):
            hidden_paths[str(package)] = True
        return list(hidden_paths.items())

    def libraries(self, walled: bool) -> list[str]:
        """Folders of the libraries for ``PYTHONPATH``, but the system's own."""
        return [
            self._at(site, walled) for site in self.sites if not (self.native and site.is_relative_to("/usr"))
        ]

    def search(self, walled: bool) -> list[str]:
        """The whole ``sys.path``."""
        folders = [self.standard, self.standard / "lib-dynload", *self.sites]
        return [self._at(folder, walled) for folder in folders]

    def readable(self, walled: bool) -> list[str]:
        """Files and folders that may be read; none belongs to this benchmark.

        Raises:
            OSError: A folder cannot be listed.
        """
        standard = [entry for entry in sorted(self.standard.iterdir()) if entry.name not in _SITES]
        entries = [*standard, *(entry for site in self.sites for entry in _entries(site)), *self.shared]
        return [self._at(entry, walled) for entry in entries]

    def listed(self, walled: bool) -> list[str]:
        """Folders of which the names may be listed."""
        return [self._at(folder, walled) for folder in (self.standard, *self.sites)]

    def _at(self, path: Path, walled: bool) -> str:
        return self.place(path) if walled else str(path)


@cache
def find_interpreter(*libraries: str) -> Interpreter:
    """This interpreter with the folders of some libraries.

    Args:
        libraries: Names of packages; one that is not installed is left out.
    """
    executable = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    standard = Path(os.__file__).resolve().parent
    specs = [importlib.util.find_spec(name) for name in libraries]
    sites = dict.fromkeys(Path(s.origin).resolve().parent.parent for s in specs if s and s.origin)
    shared = [path for path in _loaded() if not path.is_relative_to("/usr")]
    with contextlib.suppress(
        OSError
    ):  # a folder that cannot be listed matters only where something in it is needed
        shared += sorted(standard.parent.glob("*.so*"))
    return Interpreter(
        executable, standard, tuple(dict.fromkeys(shared)), tuple(sites), executable.is_relative_to("/usr")
    )


def _loaded() -> list[Path]:
    """Python's own shared library, where this interpreter has one, wherever it lies."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/maps").read_text().splitlines()
        libraries = {line.split(maxsplit=5)[5] for line in lines if "/libpython" in line}
        return sorted(map(Path, libraries))
    return []


def _entries(site: Path, ours: bool = False) -> list[Path]:
    """Entries of a folder of libraries, either those that are ours or the others."""
    if not site.is_dir():
        return []
    # Nothing can be bound over a link.
    entries = [entry for entry in sorted(site.iterdir()) if not (ours and entry.is_symlink())]
    return [entry for entry in entries if entry.name.lower().startswith(_OURS) == ours]
