"""Submissions that attack their grading: none passes, nothing outside the scratch folder is touched, nothing survives.

Each submission is the buggy program of `missing-optimizer-step` with a file of `submissions/` behind it. `EFFECTS`
says of each what else must be true of how it ended.
"""

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from redgreenbench.reference_bugs.engine.pool import Pool
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder, read_folder
from redgreenbench.reference_bugs.verdict import Verdict, grade_program

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ATTACKS = sorted(path.stem for path in (HERE / "submissions").glob("*.py"))
SECRET = "CANARY-7f3a91"
SECONDS = 1
SPENT = f"used more than {SECONDS} s of CPU"

Effect = Callable[[Verdict], bool]


def refused(verdict: Verdict) -> bool:
    """It was told no, went on, and its training is as wrong as before."""
    return verdict.steps["imports"] is True and verdict.failed_check == "it-learns"


def prints(pattern: str) -> Effect:
    return lambda verdict: refused(verdict) and re.search(pattern, verdict.output) is not None


def ends(*outcomes: str) -> Effect:
    return lambda verdict: verdict.outcome in outcomes


def says(outcome: str, words: str) -> Effect:
    return lambda verdict: verdict.outcome == outcome and words in verdict.reason


def fails_the_first_check(words: str) -> Effect:
    """Its answer is heard, found wanting in these words, and its process is as it was."""
    return lambda v: (
        v.failed_check == "it-learns" and v.outcome == "fail" and re.search(words, v.reason) is not None
    )


def refused_memory(verdict: Verdict) -> bool:
    """It met its memory limit; on a busy machine its time may end before."""
    ended = verdict.outcome == "timeout" and SPENT in verdict.reason
    return ended or (verdict.outcome in ("memory", "timeout") and "ran out of memory" in verdict.reason)


DENIED = r"Permission denied|Operation not permitted|No such file"
EFFECTS: dict[str, Effect] = {
    "read_canary_file": prints(DENIED),
    "read_hidden_checks": refused,
    "import_our_package": prints("No module named"),
    "read_parent_memory": prints(DENIED),
    "read_parent_memory_by_syscall": refused,
    "ptrace_parent": refused,
    "print_environment": prints("OMP_NUM_THREADS"),
    "read_descriptors": refused,
    "symlink_out_of_scratch": prints(DENIED),
    "open_by_handle": refused,
    "search_frames_for_expectations": refused,
    "print_verdict": prints("all checks passed"),
    "answer_before_asked": says("protocol", "channel"),
    "answer_for_the_driver": lambda v: v.failed_check == "it-learns" and v.outcome in ("fail", "exit"),
    # Where the next question comes while its second answer fills the channel, both sides wait until its rest is over.
    "answer_twice": ends("protocol", "timeout"),
    "garbage_on_the_channel": says("protocol", "channel"),
    "oversized_announcement": says("protocol", "more than is allowed"),
    "oversized_message": says("protocol", "more than is allowed"),
    "deep_message": ends("protocol", "timeout"),
    "pickle_message": says("protocol", "malformed"),
    "torch_file_message": says("protocol", "malformed"),
    "lying_safetensors": says("protocol", "malformed"),
    "patch_comparisons": refused,
    "patch_the_probe": refused,
    "patch_the_state_copy": refused,
    "patch_the_optimizer": lambda v: v.failed_check == "each-batch-counts",
    "patch_random_numbers": refused,
    "patch_clocks": says("timeout", SPENT),
    "subclassed_tensors": lambda v: v.failed_check == "it-learns",
    "shifting_dictionary": lambda v: v.failed_check == "it-learns",
    "exit_zero_at_once": says("exit", "ended its own process"),
    "exit_zero_in_training": says("exit", "ended its own process"),
    "exit_as_the_machinery": says("exit", "ended its own process"),
    "system_exit": says("exit", "SystemExit"),
    "atexit_verdict": says("exit", "SystemExit"),
    "ignore_signals_and_spin": ends("timeout"),
    "sleep_for_ever": says("timeout", f"it rested {2 * SECONDS} s"),
    "spin_while_loading": says("timeout", SPENT),
    "busy_thread_keeps_the_process": ends("exit", "protocol"),
    "segmentation_fault": says("crash", "SIGSEGV"),
    "abort": ends("crash"),
    "fork_without_end": lambda v: "PermissionError" in v.reason and v.failed_check == "imports",
    "fork_by_every_call": refused,
    "daemon": prints("not permitted"),
    "run_a_command": prints("not permitted"),
    "threads_without_end": ends("fail", "memory", "timeout", "crash", "exit"),
    "fill_memory": refused_memory,
    "fill_memory_with_tensors": refused_memory,
    "fill_shared_memory": prints(DENIED),
    "fill_disk": lambda v: v.outcome == "disk" or "No space left" in v.reason,
    "fill_disk_with_names": ends("timeout", "disk", "fail"),
    "flood_output": ends("timeout"),
    "flood_output_then_lie": prints('"correct": true'),
    "exhaust_descriptors": lambda v: v.failed_check in ("it-learns", "imports"),
    "connect_to_the_host": prints("not permitted"),
    "sockets_by_other_calls": refused,
    "write_outside": prints(DENIED + "|Read-only"),
    "change_canary": prints(DENIED),
    "change_torch_on_disk": prints(DENIED + "|Read-only"),
    "leave_modules_behind": refused,
    "kill_neighbours": prints("not permitted"),
    "leave_the_namespaces": refused,
    "reach_into_the_kernel": refused,
    "regain_rights": prints("not permitted|not allowed"),
    "other_calling_conventions": refused,
    "header_bomb": says("protocol", "a header of"),
    "flood_of_reasons": says("protocol", "more than is allowed"),
    "one_tensor_at_many_places": says("protocol", "stands at two places"),
    "terminal_injection": prints("not permitted|Inappropriate"),
    "sniff_and_hang": ends("timeout"),
    "wall_clock_in_import_hook": ends("timeout"),
    "answer_in_advance": lambda v: (
        v.outcome == "protocol" and "tampered with its channel" in v.checks[1]["message"]
    ),
    "half_a_frame": says("exit", "ended its own process"),
    "frame_of_nothing": says("protocol", "malformed"),
    "same_keys_twice": refused,
    "value_and_error": says("protocol", "an answer to another question"),
    "numbers_that_are_none": fails_the_first_check("weights is float where state is expected"),
    "number_of_a_million_digits": says("protocol", "malformed"),
    "names_of_no_characters": fails_the_first_check(r"\\x1b\]0;x\\x07, <script>, z.*\\ud800"),
    "error_of_odd_parts": fails_the_first_check("it raises A: "),
    "stowaway_tensors": says("protocol", "does not mention"),
    "overlapping_tensors": says("protocol", "malformed"),
    "shapes_that_overflow": says("protocol", "malformed"),
    "tensors_without_data": fails_the_first_check("meta tensor"),
    "one_number_expanded": says("memory", "ran out of memory"),
    "second_voice": says("protocol", "malformed"),
    "channel_to_a_file": says("exit", "ended its own process"),
    "channel_on_the_output": says("protocol", "bytes that are not a message"),
    "channel_without_waiting": says("exit", "ended its own process"),
    "close_the_output": lambda v: refused(v) and v.output == "",
    "replace_the_modules": refused,
    "replace_the_builtins": ends("exit", "fail"),
    "trace_the_driver": lambda v: "it returned correct" in v.reason,
    "words_after_the_end": lambda v: refused(v) and "last word" not in v.output,
    "timers_in_the_driver": ends("exit", "crash"),
    "end_by_alarm": says("crash", "SIGALRM"),
    "stack_without_end": says("crash", "SIGSEGV"),
    "file_cut_under_a_map": says("crash", "SIGBUS"),
    "code_of_the_machine": lambda v: "by its own code: Operation not permitted" in v.output,
    "become_another_program": prints("not permitted"),
    "devices_and_kernel_files": prints(DENIED),
    "rare_sockets": prints("not permitted"),
    "loosen_its_own_wall": prints("not permitted"),
    "take_the_machine": prints("not permitted"),
    "memory_of_the_kernel": prints("not permitted"),
    "signals_by_descriptor": lambda v: prints("not permitted")(v) and "owned" not in v.output,
    "climb_by_descriptors": prints(DENIED),
    "files_larger_than_allowed": prints("File too large"),
    "names_that_break_lines": prints("made 308 files"),
    "remember_the_questions": prints("nothing is remembered"),
    "predict_the_draws": prints("nothing predicted"),
    "lying_exceptions": lambda v: (
        v.failed_check == "it-learns" and "\x1b" not in v.reason and len(v.reason) < 3000
    ),
    "chain_of_exceptions": fails_the_first_check("it raises"),
    "right_at_first": lambda v: v.failed_check == "each-batch-counts",
    "loader_with_workers": lambda v: re.search(DENIED, v.reason) is not None and "answered" not in v.output,
    "download_weights": prints("not permitted"),
    "addresses_without_memory": prints("Cannot allocate memory"),
    "expression_without_end": ends("timeout"),
    "file_that_has_no_name": lambda v: v.outcome == "disk" or "No space left" in v.reason,
}


@dataclass
class Host:
    """Things of this machine that no submission may reach."""

    canary: Path
    port: int
    neighbour: "subprocess.Popen[bytes]"
    heard: list[str] = field(default_factory=list)

    def state(self) -> object:
        """Names, contents, modes, owners and times of all that a submission could change."""
        found = []
        for path in [*sorted(self.canary.rglob("*")), self.canary]:
            about = path.lstat()
            contents = path.read_bytes() if stat.S_ISREG(about.st_mode) else b""
            attributes = os.listxattr(path) if not path.is_socket() else []
            found.append(
                (
                    str(path),
                    contents,
                    about.st_mode,
                    about.st_uid,
                    about.st_gid,
                    about.st_mtime_ns,
                    attributes,
                )
            )
        return found


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    canary = Path("/tmp") / f"redgreen-canary-{os.getpid()}"
    (canary / "open").mkdir(parents=True)
    canary.chmod(0o777)
    (canary / "open").chmod(0o777)
    (canary / "secret.txt").write_text(SECRET)
    (canary / "open" / "file.txt").write_text("untouched")
    (canary / "open" / "file.txt").chmod(0o666)
    listeners = []
    tcp = socket.create_server(("127.0.0.1", 0))
    port = tcp.getsockname()[1]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", port))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(canary / "socket"))
    unix.listen()
    listeners += [tcp, udp, unix]
    neighbour = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    there = Host(canary, port, neighbour)

    def listen(listener: socket.socket) -> None:
        try:
            listener.accept() if listener.type == socket.SOCK_STREAM else listener.recv(10)
            there.heard.append(str(listener))
        except OSError:
            return

    for listener in listeners:
        listener.settimeout(3600)
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
    yield there
    neighbour.kill()
    neighbour.wait()
    for listener in listeners:
        listener.close()
    shutil.rmtree(canary)


@pytest.fixture(scope="module")
def bug(tmp_path_factory: pytest.TempPathFactory) -> BugFolder:
    folder = tmp_path_factory.mktemp("bugs") / "missing-optimizer-step"
    shutil.copytree(bug_folder("missing-optimizer-step").path, folder)
    about = (folder / "bug.yaml").read_text()
    about = re.sub(r"seconds: .*", f"seconds: {SECONDS}", re.sub(r"memory_mb: .*", "memory_mb: 512", about))
    (folder / "bug.yaml").write_text(about)
    return read_folder(folder)


# What attacks the grading from within a process, by its channel, its modules or its end, meets the same in every mode.
BY_GRADING = frozenset((HERE / "by_grading.txt").read_text().split())
# These end by their time or memory alone, which the same lines limit in every mode, and take longest.
BY_LIMITS = frozenset((HERE / "by_limits.txt").read_text().split())
FULL = pytest.param("full", marks=pytest.mark.needs("bwrap", "landlock"))
LANDLOCK = pytest.param("landlock", marks=pytest.mark.needs("landlock"))


@pytest.fixture(scope="module")
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    os.environ["OPENAI_API_KEY"] = SECRET
    try:
        with Pool(2, request.param) as workers, ThreadPoolExecutor(2) as both:
            list(both.map(lambda _: passes(workers), range(2)))  # warm before processes are counted
            yield workers
    finally:
        del os.environ["OPENAI_API_KEY"]


def descendants() -> set[int]:
    """All processes below this one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
    found = {os.getpid()}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def passes(pool: Pool, name: str = "missing-optimizer-step") -> Verdict:
    """A grade of a reference fix, with the time that it has outside these tests."""
    honest = bug_folder(name)
    return grade_program(honest, honest.mended, pool, seed=1)


def test_every_attack_has_its_own_expectation() -> None:
    assert set(EFFECTS) == set(ATTACKS)
    assert set(ATTACKS) > BY_GRADING | BY_LIMITS


@pytest.mark.parametrize("attack", sorted(set(ATTACKS) - BY_GRADING - BY_LIMITS))
@pytest.mark.parametrize("pool", [FULL, LANDLOCK], indirect=True)
def test_an_attack_fails_and_leaves_no_trace(attack: str, pool: Pool, host: Host, bug: BugFolder) -> None:
    fails_and_leaves_no_trace(attack, pool, host, bug)


@pytest.mark.parametrize("attack", sorted(BY_GRADING))
@pytest.mark.parametrize("pool", [LANDLOCK], indirect=True)
def test_an_attack_on_the_grading_fails_and_leaves_no_trace(
    attack: str, pool: Pool, host: Host, bug: BugFolder
) -> None:
    fails_and_leaves_no_trace(attack, pool, host, bug)


@pytest.mark.parametrize("attack", sorted(BY_LIMITS))
@pytest.mark.parametrize(
    "pool", [pytest.param("full", marks=[*FULL.marks, pytest.mark.slow]), LANDLOCK], indirect=True
)
def test_an_attack_that_ends_by_its_limits_leaves_no_trace(
    attack: str, pool: Pool, host: Host, bug: BugFolder
) -> None:
    fails_and_leaves_no_trace(attack, pool, host, bug)


def fails_and_leaves_no_trace(attack: str, pool: Pool, host: Host, bug: BugFolder) -> None:
    constants = (
        f"CANARY = {str(host.canary)!r}\nPORT = {host.port}\nNEIGHBOUR = {host.neighbour.pid}\n"
        f"REPOSITORY = {str(ROOT)!r}\n"
    )
    code = (HERE / "submissions" / f"{attack}.py").read_text()
    before, processes = host.state(), descendants()
    shared = set(os.listdir("/dev/shm"))
    with ThreadPoolExecutor(2) as both:
        running = both.submit(grade_program, bug, f"{bug.program}\n{constants}{code}", pool)
        # What meets no wall has no way to a neighbour.
        beside = None if attack in BY_GRADING else both.submit(passes, pool)
        verdict = running.result()
        assert beside is None or beside.result().correct, "a good fix beside it must still pass"
    assert not verdict.correct
    assert EFFECTS[attack](verdict), "\n".join([verdict.outcome, *verdict.lines(), verdict.output])
    shown = "\n".join([*verdict.lines(), verdict.output])
    assert SECRET not in shown
    assert "LEAK" not in shown, shown
    assert host.state() == before
    assert host.heard == []
    assert host.neighbour.poll() is None
    assert set(os.listdir("/dev/shm")) == shared
    after = passes(pool, "scoring-keeps-a-graph")  # a short one
    assert after.correct, after.lines()
    assert "LEAK" not in after.output
    deadline = time.monotonic() + 5
    # A pool may have started its second worker meanwhile; what must not exist is a child of a sandbox.
    while _children_of_sandboxes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _children_of_sandboxes() == []
    assert len(descendants()) <= len(processes) + 6


def _children_of_sandboxes() -> list[int]:
    found = []
    for pid in descendants():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
            if "zygote.start" in command and "bwrap" not in command.split("\0")[0]:
                found += [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            continue
    return found
