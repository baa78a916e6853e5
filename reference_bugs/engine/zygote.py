"""Starts a zygote behind its outer wall, has it fork children, and hears from the kernel what they used."""

from __future__ import annotations

import array
import contextlib
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from redgreenbench.reference_bugs.engine.child import Child
from redgreenbench.reference_bugs.engine.host import INSIDE, device_files, libraries, system_paths
from redgreenbench.reference_bugs.engine.inside.accounting import deleted_bytes, own_seconds
from redgreenbench.reference_bugs.engine.interpreter import Interpreter
from redgreenbench.reference_bugs.engine.outcome import Budget, EngineError, Usage

__all__ = ["Zygote"]

SCRATCH_BYTES = 64 * 1024 * 1024
_START_SECONDS = 120
_HUGE = 2 << 20
_CONTROL_SECONDS = 30


class Zygote:
    """A warm process behind its outer wall.

    Args:
        mode: ``full``, ``landlock`` or ``unsafe``.
        cuda: Whether children may use a GPU.

    Raises:
        EngineError: It did not start.
    """

    def __init__(self, mode: str, cuda: bool = False) -> None:
        self.mode = mode
        self.cuda = cuda
        self._folder = tempfile.mkdtemp(prefix="redgreen-")
        self._info = -1
        ours, theirs = socket.socketpair()
        self._control = ours
        self._pending = b""
        try:
            self._process = self._start(theirs)
            theirs.close()
            answer = self._receive_reply(_START_SECONDS)
            if "error" in answer:
                raise EngineError(f"submissions cannot be confined here: {answer['error']}")
            self.pid = self._find_pid()
            self._collapse()
            self.address_space = _address_space(self.pid)
        except BaseException:
            self.close()
            raise

    def _start(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        python, walled = libraries(), self.mode == "full"
        scratch = "/scratch" if walled else self._folder
        inside = "/engine" if walled else str(INSIDE)
        devices = device_files() if self.cuda else ()
        system = system_paths([place for place, _ in python.covered])
        plan = {
            "readable": [inside, *python.readable(walled), *system]
            + (["/proc", "/sys"] if self.cuda else []),
            "listed": python.listed(walled),
            "scratch": scratch,
            "devices": list(devices),
            "cuda": self.cuda,
            "confine": self.mode != "unsafe",
        }
        search = [inside, *python.search(walled)]
        boot = f"import sys; sys.path[:] = {search!r}; import zygote; zygote.start(int(sys.argv[1]))"
        executable = python.place(python.executable) if walled else str(python.executable)
        command = [executable, "-I", "-S", "-B", "-c", boot, str(theirs.fileno())]
        environment = {
            "OMP_NUM_THREADS": "1",
            "GOMP_SPINCOUNT": "2000",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "TORCHINDUCTOR_CACHE_DIR": scratch,
            "HOME": scratch,
            "TMPDIR": scratch,
            "MPLCONFIGDIR": scratch,
            "LANG": "C.UTF-8",
            "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
            "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0") if self.cuda else "",
            "USER": "nobody",
            **(
                {"LD_LIBRARY_PATH": "/opt/python/lib:/opt/python/shared"}
                if walled and not python.native
                else {}
            ),
        }
        passed = [theirs.fileno()]
        if walled:
            read, write = os.pipe()
            self._info = read
            passed.append(write)
            command = [*self._bubblewrap(python, devices, environment, write), *command]
        try:
            process = subprocess.Popen(
                command,
                env=environment,
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log(),
                cwd=self._folder,
                start_new_session=True,
            )
        finally:
            if walled:
                os.close(passed[1])
        # Not on the command line, which can be read within.
        self._control.sendall(json.dumps(plan).encode() + b"\n")
        return process

    def _log(self) -> int:
        # Removed at once and read from the descriptor: no name that anybody could follow elsewhere.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the zygote
        return self._errors.fileno()

    def _bubblewrap(
        self, python: Interpreter, devices: tuple[str, ...], environment: dict[str, str], info: int
    ) -> list[str]:
        command = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent", "--as-pid-1"]
        command += ["--new-session", "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534"]
        command += ["--hostname", "sandbox", "--info-fd", str(info), "--clearenv"]
        for name, value in environment.items():
            command += ["--setenv", name, value]
        for path in system_paths([]):
            # A system folder that is a link is made as a link, so that the loader finds the same names.
            if os.path.islink(path) and os.path.isdir(path):
                command += ["--symlink", os.readlink(path), path]
            else:
                command += ["--ro-bind", path, path]
        if python.native:
            command += ["--ro-bind", str(python.executable), str(python.executable)]
        for path, place in python.bound:
            command += ["--ro-bind", path, place]
        for place, is_folder in python.covered:
            command += ["--tmpfs", place] if is_folder else ["--ro-bind", "/dev/null", place]
        command += ["--ro-bind", str(INSIDE), "/engine", "--dev", "/dev"]
        for path in devices:
            command += ["--dev-bind", path, path]
        if self.cuda:
            command += ["--proc", "/proc", "--ro-bind", "/sys", "/sys"]
        command += [
            "--size",
            str(SCRATCH_BYTES),
            "--tmpfs",
            "/scratch",
            "--remount-ro",
            "/",
            "--chdir",
            "/scratch",
        ]
        return [*command, "--"]

    def _find_pid(self) -> int:
        if self.mode != "full":
            return self._process.pid
        with os.fdopen(self._info, "rb") as info:
            self._info = -1
            return int(json.loads(info.read())["child-pid"])

    def _collapse(self) -> None:
        """Has the zygote put its memory into huge pages, which makes forks and their ends several times cheaper.

        It is told where its memory lies, since it cannot see its own /proc. Kernels before 6.1 cannot do it,
        which costs time and nothing else.
        """
        ranges = []
        for line in Path(f"/proc/{self.pid}/maps").read_text().splitlines():
            addresses, rights, _, _, inode = line.split()[:5]
            if inode == "0" and rights.startswith("rw-p"):
                start, end = (int(part, 16) for part in addresses.split("-"))
                start, end = -(-start // _HUGE) * _HUGE, end // _HUGE * _HUGE
                if start < end:
                    ranges.append([start, end - start])
        self._send_command({"do": "collapse", "ranges": ranges})
        self._receive_reply(_CONTROL_SECONDS)

    def fork(self, budget: Budget) -> Child:
        """A fresh child, confined, that waits for its program.

        Raises:
            EngineError: The zygote does not answer.
        """
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        limits = {
            "do": "fork",
            # CUDA reserves huge ranges of addresses, so that this limit cannot serve there.
            "address_space": 0 if self.cuda else self.address_space + budget.memory,
            "cpu_seconds": math.ceil(budget.seconds),
        }
        try:
            self._send_command(limits, theirs.fileno(), write)
            if "error" in (answer := self._receive_reply(_CONTROL_SECONDS)):
                raise EngineError(f"a child could not confine itself: {answer['error']}")
        except BaseException:
            ours.close()
            os.close(read)
            raise
        finally:
            theirs.close()
            os.close(write)
        return Child(self, ours, read, budget, SCRATCH_BYTES)

    def end(self, grace: float) -> Usage:
        """Ends the child, after so many seconds in which it may end by itself, and empties the scratch folder."""
        self._send_command({"do": "end", "grace": grace})
        answer = self._receive_reply(_CONTROL_SECONDS)
        return Usage(answer["cpu"], answer["peak"], answer["status"], answer["killed"])

    def scratch_bytes(self) -> int:
        """Bytes in the scratch folder, where it is a folder of this machine; the full mode has a quota.

        Files without a name count as long as they are open.
        """
        if self.mode == "full":
            return 0
        total = 0
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
        child = self._child()
        return total + deleted_bytes([child] if child else [])

    def own_seconds(self) -> float | None:
        """Seconds that the child's busiest thread ran or waited for a processor; None where the kernel does not say."""
        child = self._child()
        return own_seconds(child) if child else None

    def _child(self) -> int | None:
        """The child's number on this machine; None where the kernel does not say."""
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def errors(self) -> str:
        """What the zygote itself printed, in case of trouble."""
        self._errors.seek(0)
        return self._errors.read()[-2000:].decode(errors="replace").strip()

    def _send_command(self, message: dict[str, Any], *descriptors: int) -> None:
        data = json.dumps(message).encode()
        ancillary = (
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        )
        try:
            self._control.settimeout(_CONTROL_SECONDS)
            self._control.sendmsg([data], ancillary)
        except OSError as error:
            raise EngineError(f"the sandbox is gone: {self.errors() or error}") from error

    def _receive_reply(self, seconds: float) -> dict[str, Any]:
        self._control.settimeout(seconds)
        try:
            while b"\n" not in self._pending:
                part = self._control.recv(65536)
                if not part:
                    raise EngineError(f"the sandbox ended: {self.errors() or 'without a word'}")
                self._pending += part
        except TimeoutError as error:
            raise EngineError(f"the sandbox did not answer within {seconds:.0f} s") from error
        except OSError as error:
            raise EngineError(f"the sandbox is gone: {error}") from error
        line, _, self._pending = self._pending.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Ends the zygote and everything in it."""
        self._control.close()
        process = getattr(self, "_process", None)
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        if self._info >= 0:
            os.close(self._info)
            self._info = -1
        if hasattr(self, "_errors"):
            self._errors.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _address_space(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")
