"""A jail for an agent's commands: a small writable project behind bubblewrap, a new sandbox for every command.

Other than a graded fix, an agent has a shell: it may start programs, write files and keep them from one command to
the next. So the wall is another one than the engine's: namespaces without network, a root file system of read-only
system folders, an interpreter with torch at a neutral place, a filter of system calls, resource limits, and a user who
is nobody. What has to be bounded over many processes or over time (memory, files, seconds) `jail_watch` bounds.

This module prepares the folder and the command line. It starts nothing but a trial, and it knows nothing of inspect.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from redgreenbench.reference_bugs.engine.interpreter import find_interpreter
from redgreenbench.reference_bugs.engine.jail_calls import filter_program
from redgreenbench.reference_bugs.engine.outcome import EngineError

__all__ = ["HOME", "PROJECT", "USER", "Jail", "JailLimits", "Run", "remove_left_behind", "why_not"]

PROJECT = "/project"
HOME = "/home/user"
USER = "user"
_LIBRARIES = ("torch", "numpy")
_PREFIX = "redgreen-jail-"
_MIB = 1 << 20
_NOBODY = 65534
# Above what systems hand out to users and containers, so that nothing else on the machine has such an owner.
_FIRST_UID, _UIDS = 1_900_000_000, 200_000_000
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
_PARENTS = (
    "/opt",
    "/opt/python",
    "/opt/python/bin",
    "/home",
    "/var",
    "/sys",
    "/sys/devices",
    "/sys/devices/system",
)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILES = ("project", "tmp", "var-tmp", "home")
_TRIAL = (
    "import importlib.util as u; print('in' if u.find_spec('torch') and u.find_spec('numpy') else 'no torch')"
)
# Only the descriptors named here reach bubblewrap, and nothing of this process's environment, whose memory a
# program could otherwise read at /proc/1/environ.
_START = 'exec 7<"$1" 8<"$2" 9>"$3"; shift 3; exec /usr/bin/env -i "$@"'


@dataclass(frozen=True)
class JailLimits:
    """What one jail may use.

    Attributes:
        disk: Bytes of all its files together.
        files: Files, folders and links.
        memory: Bytes of memory of all processes of one command together.
        processes: Processes and threads at a time.
        seconds: Longest time of one command, whatever time its caller gives it.
        shared: Bytes of /dev/shm, new for each command.
    """

    disk: int = 512 * _MIB
    files: int = 20_000
    memory: int = 2048 * _MIB
    processes: int = 128
    seconds: int = 600
    shared: int = 256 * _MIB


@dataclass(frozen=True)
class Run:
    """One command, ready to start.

    Attributes:
        argv: The whole command line, for this machine.
        info: Where bubblewrap writes the number of the jail's first process.
    """

    argv: list[str]
    info: Path


@dataclass
class Jail:
    """A folder on this machine and the sandbox around it. Check `why_not` first: without isolation a jail runs nothing.

    Args:
        limits: What it may use.
    """

    limits: JailLimits = field(default_factory=JailLimits)

    def __post_init__(self) -> None:
        self.uid = _FIRST_UID + secrets.randbelow(_UIDS) if _as_root() else _NOBODY
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Held as long as this process lives, which tells a folder in use from one that was left behind.
        self._hold = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.files = self.folder / "files"
        self._number = 0
        self._lock = threading.Lock()
        try:
            self.files.mkdir()
            for name in _FILES:
                (self.files / name).mkdir(mode=0o700)
                if _as_root():
                    os.chown(self.files / name, self.uid, self.uid)
            (self.folder / "empty").mkdir(mode=0o755)
            (self.folder / "nothing").touch(0o644)
            self._write_etc()
            (self.folder / "filter").write_bytes(filter_program())
            (self.folder / "arguments").write_text("\0".join(self._walls()) + "\0")
        except BaseException:
            self.close()
            raise

    def _write_etc(self) -> None:
        etc = self.folder / "etc"
        etc.mkdir(mode=0o755)
        texts = {
            "passwd": f"root:x:0:0::/:/bin/false\n{USER}:x:{self.uid}:{self.uid}::{HOME}:/bin/bash\n",
            "group": f"root:x:0:\n{USER}:x:{self.uid}:\n",
            "hosts": "127.0.0.1 localhost sandbox\n",
            "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
            "ld.so.cache": "",
        }
        for name, text in texts.items():
            (etc / name).write_text(text)
            (etc / name).chmod(0o644)
        (etc / "alternatives").mkdir(mode=0o755)
        if os.path.exists("/usr/lib/os-release"):
            (etc / "os-release").symlink_to("../usr/lib/os-release")

    def _walls(self) -> list[str]:
        """Bubblewrap's arguments that are the same for every command.

        They reach it through a descriptor: the command line of the jail's first process can be read within, and
        these name folders of this machine.
        """
        walls = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        walls += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv", "--chdir", "/"]
        walls += ["--cap-drop", "ALL"]
        if _as_root():
            # For `setpriv`, which gives all of them up before the command starts.
            for right in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
                walls += ["--cap-add", right]
        else:
            walls += ["--unshare-user", "--uid", str(self.uid), "--gid", str(self.uid)]
            walls += ["--disable-userns"] if "--disable-userns" in _options() else []
        # Made first and open to all: bubblewrap would close the parents of a folder that is its owner's alone.
        for place in _PARENTS:
            walls += ["--perms", "0755", "--dir", place]
        for path in filter(os.path.exists, _SYSTEM):
            walls += (
                ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind", path, path]
            )
        walls += ["--ro-bind", str(self.folder / "etc"), "/etc"]
        for path in filter(
            os.path.exists, ("/etc/ld.so.cache", "/etc/alternatives", "/sys/devices/system/cpu")
        ):
            walls += ["--ro-bind", path, path]
        walls += self._python()
        # Bubblewrap leaves the kernel's settings writable for root, since their folder looks read-only already.
        walls += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
        if os.path.exists("/proc/sysrq-trigger"):
            walls += ["--ro-bind", str(self.folder / "nothing"), "/proc/sysrq-trigger"]
        walls += ["--dev", "/dev", "--size", str(self.limits.shared)]
        walls += ["--perms", "1777", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
        places = (PROJECT, "/tmp", "/var/tmp", HOME)
        for name, place in zip(_FILES, places, strict=True):
            walls += ["--bind", str(self.files / name), place]
        for name, value in _environment().items():
            walls += ["--setenv", name, value]
        return [*walls, "--remount-ro", "/"]

    def _python(self) -> list[str]:
        python = find_interpreter(*_LIBRARIES)
        walls: list[str] = []
        for source, place in python.bound:
            walls += ["--ro-bind", source, place]
        for link, place in python.links:
            walls += ["--symlink", link, place]
        for place, is_folder in python.covered:
            walls += ["--ro-bind", str(self.folder / ("empty" if is_folder else "nothing")), place]
        return walls

    def run(
        self, command: list[str], folder: str, environment: dict[str, str], may_write: bool = True
    ) -> Run:
        """The command line that runs one command in a sandbox of its own.

        Args:
            command: Program and arguments, as within the jail.
            folder: Where it starts, as within the jail; a relative one lies below the project.
            environment: Variables beside those that every command has.
            may_write: Whether files may grow; false leaves deleting.
        """
        with self._lock:
            self._number += 1
            info = self.folder / f"info-{self._number}"
        limits = self.limits
        walled = [_program("bwrap"), "--args", "7", "--seccomp", "8", "--info-fd", "9"]
        # Limits are set within, where a user namespace counts its own processes.
        size = limits.disk if may_write else 0
        walled += ["--", _program("prlimit"), f"--nproc={limits.processes}", f"--fsize={size}", "--core=0"]
        walled += [
            "--nofile=512",
            "--memlock=0",
            f"--cpu={limits.seconds * (os.cpu_count() or 1)}",
            f"--as={limits.memory + 2048 * _MIB}",
            "--",
        ]
        if _as_root():
            walled += [_program("setpriv"), f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
            walled += ["--inh-caps=-all", "--bounding-set=-all", "--"]
        # The folder is entered, and the caller's variables are set, with no more rights than the command has.
        walled += [_program("env"), f"--chdir={os.path.join(PROJECT, folder)}", "--"]
        walled += [f"{name}={value}" for name, value in environment.items()]
        paths = [str(self.folder / "arguments"), str(self.folder / "filter"), str(info)]
        return Run(["/bin/sh", "-c", _START, "sh", *paths, *walled, *command], info)

    def close(self) -> None:
        """Deletes all that the jail left on disk. The second time it does nothing.

        Raises:
            EngineError: Something could not be deleted.
        """
        if self._hold >= 0:
            os.close(self._hold)
            self._hold = -1
        _delete(self.folder)


def remove_left_behind() -> list[Path]:
    """Deletes the folders of jails whose process ended without deleting them, and says which they were.

    Raises:
        EngineError: Something could not be deleted.
    """
    removed = []
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")):
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            about = folder.lstat()
            # One that is being made is not held yet.
            if (
                not stat.S_ISDIR(about.st_mode)
                or about.st_uid != os.geteuid()
                or time.time() - about.st_mtime < 60
            ):
                continue
            hold = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(hold)
            _delete(folder)
            removed.append(folder)
    return removed


def _delete(folder: Path) -> None:
    try:
        _delete_nest(folder)
    except FileNotFoundError:
        if not os.path.lexists(folder):
            return
        raise EngineError(f"the jail's folder {folder} is still written to; delete it by hand") from None
    except OSError as error:
        raise EngineError(
            f"the jail's folder {folder} could not be deleted ({error}); delete it by hand"
        ) from error


def _delete_nest(folder: Path) -> None:
    """Deletes a folder with all below it, however deep, and though its owner closed it to himself.

    With one descriptor and ``..`` for the way back: paths end at 4,096 bytes, `rm` stops at a closed folder, and
    `chmod -R` opens one of a nest in each run. Nobody else is there any more.
    """
    here = os.open(folder.parent, _FOLDER)
    way: list[str] = []
    below = [[folder.name]]
    try:
        while len(below) > 1 or below[0]:
            if below[-1]:
                way.append(below[-1].pop())
                here = _enter(here, way[-1], below)
                continue
            here = _close_and_enter(here, os.open("..", _FOLDER, dir_fd=here))
            below.pop()
            os.rmdir(way.pop(), dir_fd=here)
    finally:
        os.close(here)


def _enter(here: int, name: str, below: list[list[str]]) -> int:
    """Opens a folder to its owner, enters it, deletes its files, and adds the names of its folders."""
    closed = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=here)
    try:
        os.chmod(f"/proc/self/fd/{closed}", 0o700)
    finally:
        os.close(closed)
    here = _close_and_enter(here, os.open(name, _FOLDER, dir_fd=here))
    with os.scandir(here) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for path, is_folder in names:
        if not is_folder:
            os.unlink(path, dir_fd=here)
    below.append([path for path, is_folder in names if is_folder])
    return here


def _close_and_enter(old: int, new: int) -> int:
    os.close(old)
    return new


def _environment() -> dict[str, str]:
    threads = str(min(2, len(os.sched_getaffinity(0))))
    return {
        "PATH": "/opt/python/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "PYTHONPATH": ":".join(find_interpreter(*_LIBRARIES).libraries(walled=True)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": HOME,
        "USER": USER,
        "LOGNAME": USER,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": "/tmp",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "GOMP_SPINCOUNT": "2000",
        "CUDA_VISIBLE_DEVICES": "",
    }


@cache
def _program(name: str) -> str:
    path = shutil.which(name)
    return os.path.realpath(path) if path else ""


@cache
def _options() -> str:
    done = subprocess.run(
        [_program("bwrap"), "--help"], capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout + done.stderr


def _as_root() -> bool:
    """Whether the walls are made by root, and the command then runs as a user of the jail's own.

    In a user namespace root would still be root to the kernel, whatever number is shown: neither the modes of its
    settings and devices nor the limit of processes bind that user. Root in a container may lack the rights for this.
    """
    return os.geteuid() == 0 and not _root_is_refused()


@cache
def _root_is_refused() -> str:
    trial = [
        _program("bwrap"),
        "--unshare-pid",
        "--unshare-net",
        "--cap-drop",
        "ALL",
        "--cap-add",
        "CAP_SETUID",
    ]
    trial += ["--cap-add", "CAP_SETGID", "--ro-bind", "/", "/", "--proc", "/proc", _program("setpriv")]
    trial += [f"--reuid={_FIRST_UID}", f"--regid={_FIRST_UID}", "--clear-groups", "/bin/true"]
    done = subprocess.run(trial, capture_output=True, text=True, timeout=20, check=False)
    return (done.stderr.strip() or "it failed").splitlines()[-1] if done.returncode else ""


@cache
def why_not() -> str:
    """Why there is no jail on this machine, in one line with the remedy; empty where there is one.

    Found out by running a command in one.
    """
    packages = {"bwrap": "bubblewrap", "prlimit": "util-linux", "bash": "bash", "setpriv": "util-linux"}
    for program, package in packages.items():
        if not _program(program):
            return f"{program} is not installed (Debian, Ubuntu: apt-get install {package})"
    if importlib.util.find_spec("seccompy") is None:
        return "the package seccompy is not installed (pip install seccompy)"
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed (pip install 'redgreenbench[exec]')"
    # The kernel's settings belong to its root, who may have another number here.
    if os.stat("/proc/sys").st_uid == os.geteuid() and not _as_root():
        return (
            f"bubblewrap does not work for root here ({_root_is_refused()}), who would have to mount and to change to "
            "another user (CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID); run as an ordinary user, or use --sandbox docker"
        )
    if not Path(f"/proc/self/task/{threading.get_native_id()}/children").exists():
        return "this kernel does not list the children of a process (CONFIG_PROC_CHILDREN), memory cannot be bounded"
    try:
        trial = Jail()
        try:
            argv = trial.run(["python3", "-c", _TRIAL], PROJECT, {}).argv
            done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        finally:
            trial.close()
    except (OSError, subprocess.SubprocessError, EngineError) as error:
        return f"a trial failed: {error}"
    if done.stdout == "no torch\n":
        return (
            f"the interpreter {sys.executable} does not find torch within the jail; use a virtual environment"
        )
    if done.stdout != "in\n":
        lines = done.stderr.strip().splitlines()
        return (
            f"bubblewrap does not work here ({lines[-1] if lines else done.returncode}); allow user namespaces "
            "(Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0), or use --sandbox docker"
        )
    return ""
