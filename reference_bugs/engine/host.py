"""What this machine offers for isolation, and what a sandboxed Python needs to see of it.

Modes, from strong to none: ``full`` (bubblewrap around the inner wall), ``landlock`` (the inner wall alone,
where user namespaces are refused) and ``unsafe`` (nothing; only where REDGREEN_UNSAFE_EXEC=1 says so).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from redgreenbench.reference_bugs.engine.inside.confine import MINIMUM_ABI, landlock_abi

__all__ = ["INSIDE", "MODES", "UNSAFE", "Host", "choose_mode", "device_files", "examine", "python_paths"]

INSIDE = Path(__file__).resolve().parent / "inside"
UNSAFE = "REDGREEN_UNSAFE_EXEC"
MODES = ("full", "landlock", "unsafe")
_LIBRARIES = ("torch", "numpy", "safetensors", "landlockpy", "seccompy")
_SYSTEM = (
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
)
_CPU = ("/proc/cpuinfo", "/sys/devices/system/cpu")


@dataclass(frozen=True)
class Host:
    """Layers of isolation that this machine has.

    Attributes:
        bubblewrap: Why there is no outer wall; empty where there is one.
        inner: Why there is no inner wall; empty where there is one.
        landlock: ABI version of Landlock, 0 without it.
    """

    bubblewrap: str
    inner: str
    landlock: int

    @property
    def mode(self) -> str:
        """The strongest mode that works here."""
        if self.inner:
            return "unsafe"
        return "landlock" if self.bubblewrap else "full"

    def __str__(self) -> str:
        outer = self.bubblewrap or "active"
        inner = self.inner or f"active (Landlock ABI {self.landlock}, seccomp, limits)"
        return f"outer wall: {outer}; inner wall: {inner}"


@cache
def examine() -> Host:
    """Finds out what works, by trying it."""
    return Host(bubblewrap=_bubblewrap(), inner=_inner(), landlock=landlock_abi())


def choose_mode(wanted: str | None = None) -> str:
    """The mode to run in.

    Args:
        wanted: One of `MODES`; none: the strongest that works.

    Raises:
        ValueError: This machine cannot isolate as wanted; the message says what to do, in one line.
    """
    host = examine()
    if wanted is not None and wanted not in MODES:
        raise ValueError(f"no isolation mode '{wanted}'; the modes are {', '.join(MODES)}")
    if wanted == "full" and host.bubblewrap:
        raise ValueError(f"bubblewrap does not work here ({host.bubblewrap}); use the mode 'landlock'")
    mode = wanted or host.mode
    if mode in ("full", "landlock") and host.inner:
        raise ValueError(f"submissions cannot be confined here: {host.inner}")
    if mode == "unsafe" and os.environ.get(UNSAFE) != "1":
        why = host.inner or "the mode 'unsafe' was asked for"
        raise ValueError(
            f"submissions would not be confined ({why}); set {UNSAFE}=1 to run them with all rights of this user"
        )
    return mode


def _bubblewrap() -> str:
    program = shutil.which("bwrap")
    if program is None:
        return "bwrap is not installed (Debian, Ubuntu: apt-get install bubblewrap)"
    trial = [
        program,
        "--unshare-all",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "true",
    ]
    done = subprocess.run(trial, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return f"this machine refuses user namespaces: {lines[-1] if lines else done.returncode}"
    return ""


def _inner() -> str:
    for name in ("landlockpy", "seccompy"):
        if importlib.util.find_spec(name) is None:
            return f"the package {name} is not installed (pip install {name})"
    if landlock_abi() < MINIMUM_ABI:
        return f"the kernel has Landlock ABI {landlock_abi()}, {MINIMUM_ABI} is needed (Linux 6.7)"
    return ""


@dataclass(frozen=True)
class PythonPaths:
    """What a sandboxed Python reads.

    Attributes:
        executable: The interpreter itself, not a virtual environment's link to it.
        path: Its ``sys.path``, this folder's ``inside`` first.
        bound: Files and folders to show in the full mode.
        hidden: Folders below ``bound`` to cover: what is ours.
        readable: Files and folders that the inner wall lets a child read.
        listed: Folders of which it may list the names.
    """

    executable: str
    path: tuple[str, ...]
    bound: tuple[str, ...]
    hidden: tuple[str, ...]
    readable: tuple[str, ...]
    listed: tuple[str, ...]


@cache
def python_paths() -> PythonPaths:
    """Looks up where this Python, torch and the few libraries beside it lie."""
    executable = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    standard = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")]
    sites = []
    for name in _LIBRARIES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            sites.append(Path(spec.origin).parent.parent)
    sites = list(dict.fromkeys(sites))
    libraries = [Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")]
    python_libraries = [path for folder in libraries for path in folder.glob("libpython*")]
    ours: list[Path] = []
    theirs: list[Path] = []
    for site in sites:
        for entry in sorted(site.iterdir()):
            (
                ours if entry.name.lower().startswith(("redgreen", "__editable__", "_redgreen")) else theirs
            ).append(entry)
    standard = [path for path in dict.fromkeys(standard) if path.is_dir()]
    # The standard library may hold site-packages, and those may hold our own package with all its answers.
    standard_entries = [
        entry
        for folder in standard
        for entry in sorted(folder.iterdir())
        if entry.name not in ("site-packages", "dist-packages")
    ]
    common = [*map(str, python_libraries), *(path for path in (*_SYSTEM, *_CPU) if os.path.exists(path))]
    dynload = [str(folder / "lib-dynload") for folder in standard if (folder / "lib-dynload").is_dir()]
    stdlib_zip = [path for path in sys.path if path.endswith(".zip")]
    search = [str(INSIDE), *stdlib_zip, *map(str, standard), *dynload, *map(str, sites)]
    bound = [str(executable), *map(str, standard), *map(str, sites), str(INSIDE), *common]
    return PythonPaths(
        executable=str(executable),
        path=tuple(dict.fromkeys(search)),
        bound=tuple(dict.fromkeys(bound)),
        hidden=tuple(str(path) for path in ours if path.is_dir()),
        readable=tuple(
            dict.fromkeys(
                [*map(str, standard_entries), *map(str, theirs), str(INSIDE), *_not_above(common, ours)]
            )
        ),
        listed=tuple(map(str, [*standard, *sites])),
    )


def _not_above(paths: list[str], ours: list[Path]) -> list[str]:
    """System folders, but a folder that holds something of ours is replaced by its other entries."""
    kept: list[str] = []
    for path in paths:
        below = [own for own in ours if own.is_relative_to(path)]
        if not below:
            kept.append(path)
            continue
        entries = [str(entry) for entry in sorted(Path(path).iterdir()) if entry not in below]
        kept += _not_above(entries, ours)
    return kept


def device_files() -> tuple[str, ...]:
    """The device files of NVIDIA GPUs."""
    return tuple(str(path) for path in sorted(Path("/dev").glob("nvidia*")) if not path.is_dir())
