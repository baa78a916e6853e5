"""What this machine offers for isolation, and what a sandboxed Python needs to see of it.

Modes, from strong to none: ``full`` (bubblewrap around the inner wall), ``landlock`` (the inner wall alone,
where user namespaces are refused) and ``unsafe`` (nothing; only where REDGREEN_UNSAFE_EXEC=1 says so).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from redgreenbench.reference_bugs.engine.inside.confine import MINIMUM_ABI, landlock_abi
from redgreenbench.reference_bugs.engine.interpreter import Interpreter, find_interpreter

__all__ = [
    "INSIDE",
    "MODES",
    "UNSAFE",
    "Host",
    "choose_mode",
    "detect_isolation",
    "device_files",
    "libraries",
    "system_paths",
]

INSIDE = Path(__file__).resolve().parent / "inside"
UNSAFE = "REDGREEN_UNSAFE_EXEC"
MODES = ("full", "landlock", "unsafe")
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
def detect_isolation() -> Host:
    """Finds out which layers of isolation work, by trying them."""
    return Host(bubblewrap=_bubblewrap(), inner=_inner(), landlock=landlock_abi())


def choose_mode(wanted: str | None = None) -> str:
    """The mode to run in.

    Args:
        wanted: One of `MODES`; none: the strongest that works.

    Raises:
        ValueError: This machine cannot isolate as wanted; the message says what to do, in one line.
    """
    host = detect_isolation()
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
    try:
        python = libraries()
        python.readable(walled=False)
        system_paths([place for place, _ in python.covered])
    except OSError as error:
        return f"this user cannot list {error.filename}, which Python is imported from: {error.strerror}"
    return ""


def libraries() -> Interpreter:
    """This interpreter with what a graded program and the walls around it import."""
    return find_interpreter("torch", "numpy", "safetensors", "landlockpy", "seccompy")


def system_paths(hidden: list[str]) -> list[str]:
    """The system's own files and folders that a program needs.

    Args:
        hidden: Places that must not be among them; a folder that holds one is replaced by its other entries.

    Raises:
        OSError: Such a folder cannot be listed.
    """
    return _without(list(filter(os.path.exists, (*_SYSTEM, *_CPU))), hidden)


def _without(paths: list[str], hidden: list[str]) -> list[str]:
    kept: list[str] = []
    for path in paths:
        below = [own for own in hidden if Path(own).is_relative_to(path)]
        if not below:
            kept.append(path)
        elif path not in below:
            kept += _without([str(entry) for entry in sorted(Path(path).iterdir())], below)
    return kept


def device_files() -> tuple[str, ...]:
    """The device files of NVIDIA GPUs."""
    return tuple(str(path) for path in sorted(Path("/dev").glob("nvidia*")) if not path.is_dir())
