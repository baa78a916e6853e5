"""The attacks on the grading, started by an agent's shell: none reaches anything outside of its jail.

Other than a graded fix, an agent may fork, open sockets and write files; what counts is that all of it stays within.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from redgreenbench.evals.jail import JailSandboxEnvironment
from redgreenbench.reference_bugs.engine.jail import Jail, JailLimits

pytestmark = [pytest.mark.anyio, pytest.mark.needs("jail")]

ROOT = Path(__file__).parents[2]
SUBMISSIONS = ROOT / "tests/attacks/submissions"
# What attacks the grading from within its process has nothing to attack here.
BY_GRADING = frozenset((SUBMISSIONS.parent / "by_grading.txt").read_text().split())
ATTACKS = sorted({path.stem for path in SUBMISSIONS.glob("*.py")} - BY_GRADING)
SECRET = "CANARY-51c0de"
SECONDS = 1
LIMITS = JailLimits(disk=64 << 20, files=2000, memory=384 << 20, processes=48, seconds=20)

# Attacks that also talk to the grading's own modules; here they get modules of that name which do nothing.
STUBS = """
import sys, types
for _name in ("wire", "framing", "driver", "probing", "probe"):
    sys.modules[_name] = types.ModuleType(_name)
sys.modules["wire"].pack = lambda *a: b""
sys.modules["framing"].send = sys.modules["driver"].run_probe = sys.modules["probing"].copy_state = lambda *a: None
"""
CALL = """
_model = types.SimpleNamespace(
    state_dict=dict, named_parameters=list, parameters=list, load_state_dict=lambda state: None
)
if "train" in globals():
    train(_model, [])
"""
# These may wait for a limit and for nothing else.
ENDLESS = (
    "flood_output", "ignore_signals_and_spin", "patch_clocks", "sleep_for_ever", "spin_while_loading",
    "busy_thread_keeps_the_process", "fork_without_end",
    "sniff_and_hang", "expression_without_end",
)  # fmt: skip
# What is a leak for a graded fix and is an agent's good right: its own processes, sockets and shared memory.
OWN = {
    "fork_by_every_call": ("LEAK process",),
    "connect_to_the_host": (
        "LEAK connected ('127.0.0.1'",
    ),  # datagrams to the jail's own loopback; `heard` is empty
    "sockets_by_other_calls": ("LEAK call 0x29",),
    "fill_shared_memory": ("LEAK /dev/shm/",),
    "write_outside": ("LEAK wrote /tmp/redgreen-new",),  # its own /tmp
    "symlink_out_of_scratch": ("LEAK linked",),  # to nothing: it cannot be read, nor is it when we read it
    "read_parent_memory": ("LEAK b",),  # of its own shell and of the jail's first process
    "devices_and_kernel_files": ("LEAK /dev/ptmx", "LEAK /proc/self/", "LEAK /dev/shm/x"),  # its own
    # Its own processes: their signals, names, filters, priorities below the ordinary one, and watches of what it sees.
    "loosen_its_own_wall": ("LEAK prctl", "LEAK landlock", "LEAK seccomp"),
    "take_the_machine": ("LEAK batch", "LEAK disk", "LEAK processors"),
    "memory_of_the_kernel": ("LEAK timer", "LEAK inotify", "LEAK splice"),
}


@dataclass
class Outside:
    """Things of this machine that no agent may reach."""

    canary: Path
    port: int
    neighbour: "subprocess.Popen[bytes]"
    heard: list[str] = field(default_factory=list)

    def state(self) -> list[object]:
        found: list[object] = []
        for path in [self.canary, *sorted(self.canary.rglob("*"))]:
            about = path.lstat()
            contents = path.read_bytes() if path.is_file() else b""
            found.append((str(path), contents, about.st_mode, about.st_uid, about.st_mtime_ns))
        return found


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    canary = Path("/var/tmp") / f"redgreen-jail-canary-{os.getpid()}"
    (canary / "open").mkdir(parents=True)
    for folder in (canary, canary / "open"):
        folder.chmod(0o777)
    (canary / "secret.txt").write_text(SECRET)
    (canary / "open" / "file.txt").write_text("untouched")
    (canary / "open" / "file.txt").chmod(0o666)
    tcp = socket.create_server(("127.0.0.1", 0))
    port = tcp.getsockname()[1]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", port))
    unix, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    unix.bind(str(canary / "socket"))
    abstract.bind("\0redgreen-canary")
    neighbour = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    there = Outside(canary, port, neighbour)

    def listen(listener: socket.socket) -> None:
        try:
            listener.accept() if listener.type == socket.SOCK_STREAM else listener.recv(10)
            there.heard.append(str(listener))
        except OSError:
            return

    listeners = [tcp, udp, unix, abstract]
    for listener in listeners:
        if listener.type == socket.SOCK_STREAM:
            listener.listen()
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
    yield there
    neighbour.kill()
    neighbour.wait()
    for listener in listeners:
        listener.close()
    shutil.rmtree(canary)


@pytest.fixture(scope="module")
def jail(outside: Outside) -> Iterator[JailSandboxEnvironment]:
    os.environ["OPENAI_API_KEY"] = SECRET
    made = Jail(LIMITS)
    try:
        yield JailSandboxEnvironment(made)
    finally:
        del os.environ["OPENAI_API_KEY"]
        made.close()


def processes_of(jail: JailSandboxEnvironment) -> list[str]:
    """Command lines of this machine's processes that come from a jail's folder or run as its user."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                command = (entry / "cmdline").read_text(errors="replace")
                if str(jail._jail.folder) in command or entry.stat().st_uid == jail._jail.uid:
                    found.append(command)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_from_a_shell_stays_in_the_jail(
    attack: str, jail: JailSandboxEnvironment, outside: Outside
) -> None:
    constants = (
        f"CANARY = {str(outside.canary)!r}\nPORT = {outside.port}\nNEIGHBOUR = {outside.neighbour.pid}\n"
        f"REPOSITORY = {str(ROOT)!r}\n"
    )
    code = (SUBMISSIONS / f"{attack}.py").read_text()
    await jail.write_file("attack.py", f"{STUBS}\n{constants}\n{code}\n{CALL}")
    before, shared = outside.state(), set(os.listdir("/dev/shm"))
    try:
        done = await jail.exec(
            ["bash", "--login", "-c", "python3 attack.py"], timeout=SECONDS if attack in ENDLESS else 15
        )
        shown = done.stdout + done.stderr
    except TimeoutError:
        shown = ""
        assert attack in ENDLESS, "it did not end by itself"
    assert processes_of(jail) == []
    lines = [line for line in shown.splitlines() if "LEAK" in line]
    assert [line for line in lines if not line.startswith(OWN.get(attack, ()) or "\0")] == []
    absent = "redgreenbench" if attack == "import_our_package" else "\0"
    assert "No module named" not in shown.replace(f"No module named '{absent}", ""), (
        "it has to run before it can fail"
    )
    assert SECRET not in shown
    assert str(ROOT) not in shown
    assert outside.state() == before
    assert outside.heard == []
    assert outside.neighbour.poll() is None
    assert set(os.listdir("/dev/shm")) == shared
    assert (await jail.exec(["sh", "-c", "rm -rf /project/* /tmp/*; echo alive"])).stdout == "alive\n"
