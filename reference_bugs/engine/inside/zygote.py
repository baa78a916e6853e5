"""The warm process: torch loaded, no secrets, one thread. It forks a child per grade and cleans up after it.

It never reads a byte of a submission. Commands come on its control socket as lines of JSON, a fork's two
descriptors (the child's channel and its output) with them; one child at a time.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import json
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redgreenbench.reference_bugs.engine.inside import child, confine
else:
    import child
    import confine
    import driver  # noqa: F401 - loaded here so that no child has to
    import probing  # noqa: F401
    import wire  # noqa: F401

_MADV_COLLAPSE = 25
_CONFINED = b"confined"


def warm_up() -> None:
    """Loads all that a first optimizer, loader or message would load, and runs one small operation."""
    import numpy
    import safetensors.torch
    import torch
    import torch._dynamo
    import torch.nn.functional
    import torch.profiler._cupti_monitor
    import torch.utils.data

    torch.set_num_threads(1)
    rehearse()
    safetensors.torch.load(safetensors.torch.save({"a": torch.ones(1)}))
    numpy.ones(1).sum()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise RuntimeError("CUDA was touched before the fork")
    # A forked child of a process with threads can hang for ever; /proc is not there in the full jail.
    if os.path.isdir("/proc/self/task") and len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("more than one thread before the fork")
    gc.collect()
    gc.freeze()


def rehearse() -> None:
    """Runs a small program, so that children inherit everything that torch initializes lazily."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.ones(4, 8), torch.zeros(4, dtype=torch.long))
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
        model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3))
        model.load_state_dict({name: value.clone() for name, value in model.state_dict().items()})
        optimizer = kind(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        for inputs, targets in DataLoader(data, batch_size=2, shuffle=True):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
        model.eval()
        with torch.no_grad():
            model(torch.ones(1, 8)).argmax(1).float().mean().item()
    torch.randn(2, generator=torch.Generator().manual_seed(0))
    nn.functional.mse_loss(nn.Conv2d(1, 1, 3)(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 2, 2)).item()
    nn.Embedding(3, 2)(torch.tensor([1]))


def main(control: socket.socket, plan: dict[str, Any]) -> None:
    """Serves commands until the control socket closes.

    Args:
        control: A stream socket to the checker.
        plan: What the checker decided: readable, listed, scratch, devices, cuda, confine, optional modules.
    """
    warm_up()
    wall = None
    try:
        if plan["confine"]:
            wall = confine.Wall(
                plan["readable"], plan["listed"], plan["scratch"], plan["devices"], plan["cuda"]
            )
    except (confine.CannotConfine, OSError) as error:
        _send(control, {"error": str(error)})
        return
    _send(control, {"ready": True, "landlock": confine.landlock_abi()})
    pid = 0
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 2)
        if not data:
            if pid:
                os.kill(pid, signal.SIGKILL)
            return
        command = json.loads(data)
        if command["do"] == "fork":
            pid, problem = _fork(wall, plan, command, *descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            _send(control, {"error": problem} if problem else {"pid": pid})
        elif command["do"] == "collapse":
            _send(control, {"collapsed": _collapse(command["ranges"])})
        elif command["do"] == "end":
            _send(control, _end(pid, plan["scratch"], command["grace"]))
            pid = 0


def _collapse(ranges: list[list[int]]) -> int:
    """Puts ranges of this process's memory into huge pages; returns the bytes for which that worked."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return sum(size for start, size in ranges if libc.madvise(start, size, _MADV_COLLAPSE) == 0)


def _fork(
    wall: confine.Wall | None, plan: dict[str, Any], command: dict[str, Any], channel: int, output: int
) -> tuple[int, str]:
    """A new child, and why it could not confine itself; empty where it could.

    It says so on a pipe that is closed before it sees a byte of a submission: nothing that a submission does later,
    its exit status included, can be taken for it.
    """
    heard, said = os.pipe()
    pid = os.fork()
    if pid:
        os.close(said)
        with os.fdopen(heard, "rb") as words:
            answer = words.read()
        if answer == _CONFINED:
            return pid, ""
        os.waitpid(pid, 0)
        return 0, answer.decode(errors="replace") or "the child died while it confined itself"
    # From here on this is the child, and it never returns.
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(channel, child.CHANNEL)
        confine.close_other_descriptors(0, 1, 2, child.CHANNEL, said, *([wall.descriptor] if wall else []))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        limits = confine.Limits(command["address_space"], command["cpu_seconds"])
        if wall:
            wall.enter(limits)
        else:
            os.chdir(plan["scratch"])
        os.write(said, _CONFINED)
        os.close(said)
    except BaseException as error:
        os.write(said, repr(error).encode(errors="replace")[:1000])
        os._exit(1)
    child.serve()


def _end(pid: int, scratch: str, grace: float) -> dict[str, Any]:
    """Ends a child, after so many seconds in which it may end by itself."""
    until = time.monotonic() + grace
    ended, status, usage = os.wait4(pid, os.WNOHANG)
    while not ended and time.monotonic() < until:
        time.sleep(0.005)
        ended, status, usage = os.wait4(pid, os.WNOHANG)
    killed = not ended
    if killed:
        os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
    # Flat by construction: a child can make neither folders nor links.
    with os.scandir(scratch) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                os.unlink(entry.path)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss * 1024,
        "killed": killed,
    }


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


def start(descriptor: int) -> None:
    """Entry point: takes the control socket's descriptor, on which the plan comes first, a line of JSON."""
    nothing = os.open("/dev/null", os.O_RDWR)
    # The child's channel will be put there; nothing that must survive may have that number.
    control = socket.socket(fileno=fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, child.CHANNEL + 1))
    os.dup2(nothing, child.CHANNEL)
    os.dup2(nothing, 0)
    plan = b""
    while not plan.endswith(b"\n"):
        part = control.recv(1 << 16)
        if not part:
            return
        plan += part
    main(control, json.loads(plan))


if __name__ == "__main__":
    start(int(sys.argv[1]))
