"""The engine: what it isolates with, what it calls whose fault, and that it recovers."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from redgreenbench.reference_bugs.engine import host
from redgreenbench.reference_bugs.engine import pool as pool_module
from redgreenbench.reference_bugs.engine.child import Child
from redgreenbench.reference_bugs.engine.host import Host, choose_mode, detect_isolation
from redgreenbench.reference_bugs.engine.outcome import (
    Budget,
    EngineError,
    MachineBusy,
    SubmissionFailed,
    Usage,
)
from redgreenbench.reference_bugs.engine.pool import GraderError, Pool, Request, Worker
from redgreenbench.reference_bugs.engine.zygote import Zygote
from redgreenbench.reference_bugs.folder import bug_folder, read_folder
from redgreenbench.reference_bugs.submission import apply_patch
from redgreenbench.reference_bugs.verdict import grade_program

BUG = "missing-optimizer-step"
confined = pytest.mark.needs("landlock")


def ended(*pids: int | str) -> None:
    """Processes end within ten seconds."""
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def reference() -> str:
    bug = bug_folder(BUG)
    return bug.mended


@confined
def test_a_fix_passes_and_the_bug_does_not(worker: Worker) -> None:
    bug = bug_folder(BUG)
    verdict = grade_program(bug, reference(), worker)
    assert verdict.correct
    assert verdict.minimal
    assert all(state in (True, None) for state in verdict.steps.values())
    assert verdict.engine["mode"] == choose_mode()
    assert verdict.usage["cpu"] > 0
    verdict = grade_program(bug, bug.program, worker)
    assert not verdict.correct
    assert verdict.steps["imports"]
    assert verdict.steps["symptom_gone"] is False
    assert verdict.failed_check == "it-learns"
    assert "of its own training data are classified right" in verdict.reason


@confined
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("self.fc1", "self.first", "has other parameters than before: it lacks fc1.bias, fc1.weight; it has"),
        (", epochs=10):", "):\n    epochs = 10", "it cannot be used as before: TypeError"),
    ],
)
def test_a_program_that_is_used_otherwise_is_told_so(worker: Worker, old: str, new: str, words: str) -> None:
    verdict = grade_program(bug_folder(BUG), reference().replace(old, new), worker)
    assert not verdict.correct
    assert words in verdict.reason
    assert "state_dict" not in verdict.reason


@confined
def test_without_bubblewrap_fixes_are_graded_behind_the_inner_wall_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    detect_isolation.cache_clear()
    try:
        assert "apt-get install bubblewrap" in detect_isolation().bubblewrap
        worker = Worker(choose_mode())
        verdict = grade_program(bug_folder(BUG), reference(), worker)
    finally:
        detect_isolation.cache_clear()
    assert verdict.correct
    assert verdict.engine["mode"] == "landlock"
    checker, zygote = worker.pids
    os.kill(checker, signal.SIGKILL)
    ended(zygote)  # which does not outlive its checker
    worker.close()


@confined
@pytest.mark.parametrize("name", ["shape-mismatch-after-flatten", "nan-from-saturated-bce", BUG])
def test_a_brief_grade_says_the_same_of_the_symptom_and_of_being_right(worker: Worker, name: str) -> None:
    bug = bug_folder(name)
    sources = [
        bug.program,
        *(apply_patch(bug.program, p.text) for p in (bug.reference, *bug.workarounds[:3])),
    ]
    for source in sources:
        full, brief = (grade_program(bug, source, worker, 1, brief=brief) for brief in (False, True))
        assert brief.correct == full.correct
        assert [brief.steps[s] for s in ("imports", "runs", "symptom_gone")] == [
            full.steps[s] for s in ("imports", "runs", "symptom_gone")
        ]
        assert brief.reason == full.reason


@confined
def test_the_same_seed_gives_the_same_verdict(worker: Worker) -> None:
    bug = bug_folder(BUG).program
    one, two = (worker.grade(Request(BUG, bug, 3)) for _ in range(2))
    assert one["findings"] == two["findings"]


@confined
def test_a_comment_draws_no_other_inputs_and_each_grade_draws_its_own(worker: Worker) -> None:
    source = f"{reference()}\n_logits = Classifier.forward\nClassifier.forward = lambda s, x: print(float(x.sum())) or _logits(s, x)\n"
    given = [worker.grade(Request(BUG, f"{source}#{comment}", 3))["output"] for comment in ("a", "b")]
    assert given[0] == given[1]
    drawn = [worker.grade(Request(BUG, source)) for _ in range(2)]
    assert drawn[0]["output"] != drawn[1]["output"]
    again = worker.grade(Request(BUG, source, drawn[0]["engine"]["seed"]))
    assert again["output"] == drawn[0]["output"]


@confined
@pytest.mark.parametrize(
    ("code", "outcome", "words"),
    [
        ("raise ValueError('as it is')", "fail", "ValueError: as it is (line 44"),
        ("def broken(:", "fail", "SyntaxError"),
        ("import nonexistent_module", "fail", "No module named 'nonexistent_module'"),
        ("raise SystemExit(0)", "exit", "SystemExit"),
    ],
)
def test_a_program_that_cannot_be_loaded_says_why(
    worker: Worker, code: str, outcome: str, words: str
) -> None:
    bug = bug_folder(BUG)
    verdict = grade_program(bug, f"{reference()}\n{code}\n", worker)
    assert verdict.steps["imports"] is False
    assert verdict.outcome == outcome
    assert words in verdict.reason
    assert verdict.failed_check == "imports"


@confined
def test_what_a_program_raises_is_told_with_its_line(worker: Worker) -> None:
    source = reference().replace("            loss.backward()\n", "            loss.backwards()\n")
    verdict = grade_program(bug_folder(BUG), source, worker)
    assert re.search(r"has no attribute 'backwards' \(line \d+: loss.backwards\(\)\)", verdict.reason)
    assert verdict.outcome == "fail"


@confined
def test_output_is_shown_and_unicode_survives(worker: Worker) -> None:
    verdict = grade_program(
        bug_folder(BUG), reference() + "\nprint('größer 🔥 \\ud800'.encode('utf-8', 'replace'))\n", worker
    )
    assert verdict.correct, verdict.lines()
    verdict = grade_program(bug_folder(BUG), reference() + "\nprint('größer 🔥')\n", worker)
    assert "größer 🔥" in verdict.output


@confined
def test_a_dead_sandbox_is_replaced_a_slow_one_gives_no_verdict_and_a_closed_pool_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A folder of its own, since other tests make theirs at the same time; short, for the sake of socket names.
    own = Path(tempfile.mkdtemp(prefix="own-", dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    monkeypatch.setenv("TMPDIR", str(own))
    with Pool(1, choose_mode()) as pool:
        assert pool.grade(Request(BUG, reference()))["findings"]["outcome"] == "pass"
        (worker,) = pool._workers
        checker, zygote = worker.pids
        os.kill(zygote, signal.SIGKILL)
        with pytest.raises(GraderError, match="sandbox"):
            worker.grade(Request(BUG, reference()))
        os.kill(checker, signal.SIGKILL)
        left_by_the_killed = set(own.glob("redgreen-*"))
        assert pool.grade(Request(BUG, reference()))["findings"]["outcome"] == "pass"
        (another,) = pool._workers
        with pytest.raises(GraderError, match="took too long"):
            another.grade(Request(BUG, reference() + "\nimport time\ntime.sleep(1)\n"), seconds=0.3)
    ended(checker, zygote, *another.pids)
    assert set(own.glob("redgreen-*")) <= left_by_the_killed
    shutil.rmtree(own)  # torch keeps a folder of its own there


@confined
def test_a_flaw_in_a_check_is_no_verdict_on_the_fix(worker: Worker, tmp_path: Path) -> None:
    folder = tmp_path / BUG
    shutil.copytree(bug_folder(BUG).path, folder)
    text = (
        (folder / "checks.py").read_text().replace("    images, targets = _data(grade, 256)\n", "    1 / 0\n")
    )
    (folder / "checks.py").write_text(text)
    with pytest.raises(GraderError, match="ZeroDivisionError"):
        worker.grade(Request(str(folder), reference()))


@confined
def test_a_checker_ends_with_its_killed_caller_in_the_middle_of_a_grade(tmp_path: Path) -> None:
    folder = tmp_path / BUG
    shutil.copytree(bug_folder(BUG).path, folder)
    checks = (folder / "checks.py").read_text()
    (folder / "checks.py").write_text(
        f"{checks}\nopen({str(tmp_path / 'here')!r}, 'w')\nimport time\ntime.sleep(600)\n"
    )
    code = (
        "import sys\nfrom redgreenbench.reference_bugs.engine.pool import Request, Worker\n"
        "worker = Worker('landlock')\nprint(*worker.pids, flush=True)\n"
        "worker.grade(Request(sys.argv[1], 'x'))\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    pids = caller.stdout.readline().split()
    deadline = time.monotonic() + 60
    while not (tmp_path / "here").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    caller.kill()
    caller.wait()
    caller.stdout.close()
    ended(*pids)


class Slow:
    """A zygote whose child never answers."""

    def __init__(self, own: Callable[[float], float | None]) -> None:
        self._started = time.monotonic()
        self._own = own

    def own_seconds(self) -> float | None:
        return self._own(time.monotonic() - self._started)

    def end(self, grace: float) -> Usage:
        return Usage(cpu=0.1)

    def scratch_bytes(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("own", "error", "words"),
    [
        (lambda seconds: seconds, MachineBusy, "too busy to tell"),
        (lambda seconds: None, MachineBusy, "too busy to tell"),
        (lambda seconds: 0.0, SubmissionFailed, "it rested"),
    ],
    ids=["waits for a processor", "the kernel does not say", "rests"],
)
def test_a_program_is_blamed_for_its_own_time_alone(
    own: Callable[[float], float | None], error: type[Exception], words: str
) -> None:
    ours, theirs = socket.socketpair()
    read, write = os.pipe()
    child = Child(Slow(own), ours, read, Budget(seconds=0.1), 1 << 20)  # type: ignore[arg-type]
    with pytest.raises(error, match=words):
        child.load({}, "program.py", "", 1, "cpu")
    theirs.close()
    os.close(write)


def test_a_busy_machine_gets_a_second_try_and_then_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy:
        tries = 0

        def __init__(self, mode: str, device: str) -> None: ...

        def grade(self, request: Request, relay: object) -> dict:
            Busy.tries += 1
            raise GraderError("too busy", busy=True)

        def close(self) -> None: ...

    monkeypatch.setattr(pool_module, "Worker", Busy)
    with Pool(1, "full") as pool, pytest.raises(GraderError) as raised:
        pool.grade(Request(BUG, ""))
    assert Busy.tries == 2
    assert raised.value.busy


@confined
@pytest.mark.parametrize("ignored", ["", "signal.signal(signal.SIGXCPU, lambda *_: None)"])
def test_cpu_time_is_the_limit(tmp_path: Path, worker: Worker, ignored: str) -> None:
    folder = tmp_path / BUG
    shutil.copytree(bug_folder(BUG).path, folder)
    about = (folder / "bug.yaml").read_text()
    (folder / "bug.yaml").write_text(re.sub("seconds: .*", "seconds: 1", about))
    source = f"{reference()}\nimport signal\n{ignored}\nwhile True: pass"
    verdict = grade_program(read_folder(folder), source, worker)
    assert verdict.outcome == "timeout"
    assert "used more than 1 s of CPU" in verdict.reason


def test_the_caller_needs_no_torch() -> None:
    code = (
        "import sys; import redgreenbench.cli, redgreenbench.reference_bugs.engine.pool, redgreenbench.scorers.execution, "
        "redgreenbench.reference_bugs.verdict, redgreenbench._registry; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_ground_floor_runs_from_a_bare_checkout(tmp_path: Path) -> None:
    """Without this distribution, inspect-ai or pydantic."""
    code = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('inspect_ai', 'pydantic', 'click', 'rich'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "from redgreenbench.reference_bugs import commands\n"
        "from redgreenbench.reference_bugs.engine import checker\n"
        "from redgreenbench.reference_bugs.__main__ import main\n"
        "main(['record', '--check', 'shape-mismatch-after-flatten'])\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "as recorded" in done.stdout, done.stderr


def test_a_gpu_run_without_a_gpu_is_skipped_with_the_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from redgreenbench.reference_bugs.__main__ import main

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["verify", "--device", "cuda"]) == 0
    assert capsys.readouterr().out.startswith("skipped: no GPU")


@pytest.mark.parametrize(
    ("found", "wanted", "words"),
    [
        (Host("no bwrap", "", 7), "full", "use the mode 'landlock'"),
        (Host("no bwrap", "no Landlock", 0), None, "set REDGREEN_UNSAFE_EXEC=1"),
        (Host("", "no Landlock", 0), "landlock", "cannot be confined here: no Landlock"),
        (Host("", "", 7), "unsafe", "set REDGREEN_UNSAFE_EXEC=1"),
        (Host("", "", 7), "chroot", "the modes are full, landlock, unsafe"),
    ],
)
def test_a_machine_that_cannot_isolate_is_told_so(
    monkeypatch: pytest.MonkeyPatch, found: Host, wanted: str | None, words: str
) -> None:
    monkeypatch.setattr(host, "detect_isolation", lambda: found)
    monkeypatch.delenv(host.UNSAFE, raising=False)
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        choose_mode(wanted)
    assert "\n" not in str(caught.value)


def test_the_strongest_mode_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(host.UNSAFE, "1")
    for found, mode in (
        (Host("", "", 7), "full"),
        (Host("x", "", 7), "landlock"),
        (Host("x", "y", 0), "unsafe"),
    ):
        monkeypatch.setattr(host, "detect_isolation", lambda found=found: found)
        assert choose_mode() == mode


def test_the_sandbox_reads_torch_and_nothing_of_ours() -> None:
    import torch

    python = host.libraries()
    hidden = [place for place, _ in python.covered]
    readable = [*python.readable(walled=False), *host.system_paths(hidden)]
    ours = Path(__file__).parents[2]
    for path in readable:
        assert not Path(path).name.lower().startswith("redgreen"), path
        assert not (ours / "reference_bugs" / BUG).is_relative_to(path), path
    folder = Path(torch.__file__).parent
    assert any(folder.is_relative_to(path) for path in readable)


@pytest.mark.needs("bwrap", "landlock")
def test_a_program_sees_no_path_of_this_machine(worker: Worker) -> None:
    source = (
        "import sys, torch\nprint([*sys.path, *sys.orig_argv, sys.prefix, sys.executable, torch.__file__])"
    )
    shown = worker.grade(Request(BUG, source))["output"]
    assert "/opt/libraries/torch/__init__.py" in shown
    for path in (Path(__file__).parents[2], Path(sys.prefix), Path.home()):
        assert f"{path}/" not in shown


def test_a_folder_that_cannot_be_listed_is_said_and_nothing_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    python = host.libraries()

    def refused(folder: Path) -> Iterator[Path]:
        if folder == python.standard:
            raise PermissionError(13, "Permission denied", str(folder))
        return original(folder)

    original = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", refused)
    assert host._inner() == (
        f"this user cannot list {python.standard}, which Python is imported from: Permission denied"
    )


@confined
def test_the_unsafe_mode_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(host.UNSAFE, "1")
    worker = Worker(choose_mode("unsafe"))
    answer = worker.grade(Request(BUG, reference()))
    worker.close()
    assert answer["engine"]["mode"] == "unsafe"
    assert answer["findings"]["outcome"] == "pass"


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("bug.yaml", "family: training-loop", "family: mystery", "family: no 'mystery'; take one of shape"),
        ("bug.yaml", "seconds: 20", "seconds: soon", "seconds: a number above 0"),
        ("bug.yaml", "  reference:", "  first:", "name 'reference' first"),
        ("bug.yaml", "title:", "titel:", "this field is required"),
        ("bug.yaml", "location: train", "location: train\nplace: here", "place: no such field"),
        ("bug.yaml", "    fails: it-learns\n  step-once", "  step-once", "give it `about` and `fails`"),
        ("bug.yaml", "  zero-grad-after-step: ", "  another: ", "another.patch is missing"),
        ("bug.yaml", "shows: '(?s)", "shows: '((?s)", "not a regular expression"),
    ],
)
def test_a_flawed_folder_is_told_so(tmp_path: Path, file: str, old: str, new: str, words: str) -> None:
    folder = tmp_path / BUG
    shutil.copytree(bug_folder(BUG).path, folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=re.escape(words)):
        read_folder(folder)


@pytest.mark.parametrize("file", ["probe.py", "checks.py", "symptom.txt", "program.py"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    folder = tmp_path / BUG
    shutil.copytree(bug_folder(BUG).path, folder)
    (folder / file).unlink()
    with pytest.raises(ValueError, match=f"{file} is missing"):
        read_folder(folder)


@confined
@pytest.mark.parametrize("status", [1, 69, 70, 71, 255])
def test_no_exit_status_of_a_program_is_the_machinerys_fault(worker: Worker, status: int) -> None:
    for when in ("", "def train(*_, **__):\n    "):
        verdict = grade_program(
            bug_folder(BUG), f"{reference()}\n{when}__import__('os')._exit({status})\n", worker
        )
        assert (verdict.correct, verdict.outcome) == (False, "exit")


@confined
def test_a_child_that_cannot_confine_itself_is_the_machinerys_fault() -> None:
    zygote = Zygote("landlock")
    try:
        zygote.address_space = 1 << 70  # no limit that the kernel takes
        with pytest.raises(EngineError, match="could not confine itself"):
            zygote.fork(Budget())
    finally:
        zygote.close()


def test_types_of_what_runs_in_the_sandbox_are_checked() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    untyped = {name for override in project["tool"]["mypy"]["overrides"] for name in override["module"]}
    assert not untyped & {path.stem for path in host.INSIDE.glob("*.py")}
