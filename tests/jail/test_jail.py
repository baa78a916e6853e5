"""The sandbox `jail` as inspect uses it: its tools work in it, it refuses where it cannot isolate, it leaves nothing."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import anyio
import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessageTool, ModelOutput, ModelUsage, get_model
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import bash, python, text_editor
from inspect_ai.util import SandboxEnvironment, SandboxEnvironmentSpec
from inspect_ai.util._sandbox.registry import registry_find_sandboxenv

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.jail import JailConfig, JailSandboxEnvironment
from redgreenbench.reference_bugs.engine import jail as engine
from redgreenbench.reference_bugs.engine.jail import why_not

works = pytest.mark.needs("jail")
Make = Callable[..., JailSandboxEnvironment]


def left_on_disk() -> set[str]:
    return {name for name in os.listdir(tempfile.gettempdir()) if name.startswith("redgreen-jail-")}


@pytest.fixture
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder in which no other test makes jails."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def use(calls: list[tuple[str, dict[str, object]]], tmp_path: Path, **sample: object) -> EvalLog:
    """An eval in which a scripted model makes these calls, one a turn."""
    outputs = [ModelOutput.for_tool_call("mockllm/model", name, arguments) for name, arguments in calls]
    outputs.append(ModelOutput.from_content("mockllm/model", "done"))
    for output in outputs:
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    task = Task(
        dataset=[Sample(input="Work.", files={"program.py": "print('before')\n"}, **sample)],
        solver=[use_tools(bash(timeout=20), python(timeout=20), text_editor(timeout=30)), generate()],
        sandbox="jail",
    )
    (log,) = eval(
        task, model=get_model("mockllm/model", custom_outputs=outputs), log_dir=str(tmp_path / "logs")
    )
    return log


@works
def test_the_tools_of_inspect_work_in_it(tmp_path: Path, own_tmp: Path) -> None:
    calls: list[tuple[str, dict[str, object]]] = [
        ("bash", {"command": "pwd; cat program.py; echo written > note.txt"}),
        (
            "python",
            {"code": "import torch, numpy; print(open('note.txt').read(), torch.ones(2, 2).sum().item())"},
        ),
        ("text_editor", {"command": "view", "path": "/project/program.py"}),
        (
            "text_editor",
            {
                "command": "str_replace",
                "path": "/project/program.py",
                "old_str": "before",
                "new_str": "after",
            },
        ),
        ("bash", {"command": "python3 program.py; ls -A ~"}),
        ("text_editor", {"command": "undo_edit", "path": "/project/program.py"}),
        ("bash", {"command": "cat program.py"}),
    ]
    log = use(calls, tmp_path)
    assert log.status == "success", log.error
    assert log.samples is not None
    replies = [m for m in log.samples[0].messages if isinstance(m, ChatMessageTool)]
    assert [reply.error for reply in replies] == [None] * len(calls)
    texts = [reply.text for reply in replies]
    assert texts[0] == "/project\nprint('before')\n"
    assert texts[1].split() == ["written", "4.0"]
    assert "print('before')" in texts[2]
    assert texts[4] == "after\n"
    assert texts[6] == "print('before')\n"
    assert list(own_tmp.glob("redgreen-jail-*")) == []


def test_it_is_registered_under_its_name() -> None:
    (entry,) = [e for e in entry_points(group="inspect_ai") if e.name == "redgreenbench"]
    assert entry.load().JailSandboxEnvironment is JailSandboxEnvironment
    assert registry_find_sandboxenv("jail") is JailSandboxEnvironment


def test_a_machine_without_walls_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("REDGREEN_UNSAFE_EXEC", "1")
    caches = (why_not, engine._program)
    for cached in caches:
        cached.cache_clear()
    try:
        with pytest.raises(InputError, match=r"jail.*bwrap is not installed.*apt-get install bubblewrap"):
            anyio.run(JailSandboxEnvironment.task_init, "task", None)
        with pytest.raises(InputError, match="bwrap is not installed"):
            anyio.run(JailSandboxEnvironment.sample_init, "task", None, {})
    finally:
        for cached in caches:
            cached.cache_clear()


@works
def test_a_bubblewrap_that_fails_is_refused_with_its_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    refusing.chmod(0o755)
    real = engine._program
    monkeypatch.setattr(engine, "_program", lambda name: str(refusing) if name == "bwrap" else real(name))
    caches = (why_not, engine._root_is_refused, engine._options)
    for cached in caches:
        cached.cache_clear()
    try:
        assert "setting up uid map: Permission denied" in why_not()
        assert "--sandbox docker" in why_not()
    finally:
        for cached in caches:
            cached.cache_clear()


@pytest.mark.anyio
@works
async def test_nothing_is_left_after_a_sample(own_tmp: Path) -> None:
    made = await JailSandboxEnvironment.sample_init("task", None, {})
    assert len(left_on_disk()) == 1
    deep = "for i in $(seq 300); do mkdir dddddddddddddddddddddddddddddd && cd dddddddddddddddddddddddddddddd; done"
    await made["default"].exec(
        ["bash", "-c", f"mkdir locked; touch locked/x; chmod 000 locked . ; {deep}; true"]
    )
    await JailSandboxEnvironment.sample_cleanup("task", None, made, False)
    assert left_on_disk() == set()


@pytest.mark.anyio
@works
async def test_nothing_is_left_after_a_cancelled_command(own_tmp: Path) -> None:
    made = await JailSandboxEnvironment.sample_init("task", None, {})
    environment = made["default"]
    with anyio.move_on_after(0.5) as scope:
        await environment.exec(["sh", "-c", "while :; do echo x >> log; sleep 0.01; done; echo marker-8842"])
    assert scope.cancelled_caught
    commands = [_text(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [command for command in commands if "marker-8842" in command]
    await JailSandboxEnvironment.sample_cleanup("task", None, made, True)
    assert left_on_disk() == set()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.mark.anyio
@works
async def test_only_folders_of_dead_runs_are_cleaned_up(own_tmp: Path, make_jail: Make) -> None:
    code = "import os; from redgreenbench.reference_bugs.engine.jail import Jail; Jail(); Jail(); os._exit(1)"
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(own_tmp)}, timeout=60, check=False
    )
    living = make_jail()
    young = left_on_disk()
    assert len(young) == 3
    await JailSandboxEnvironment.cli_cleanup(None)
    assert left_on_disk() == young
    for name in young:
        os.utime(own_tmp / name, (0, 0))
    await JailSandboxEnvironment.cli_cleanup(None)
    assert left_on_disk() == {living._jail.folder.name}


@pytest.mark.anyio
@works
async def test_a_command_that_is_not_there_says_so_without_the_walls(make_jail: Make) -> None:
    jail = make_jail()
    done = await jail.exec(["no-such-program"])
    assert done.returncode == 127
    assert "no-such-program" in done.stderr
    assert not [word for word in ("bwrap", "setpriv", "prlimit", "redgreen") if word in done.stderr]
    done = await jail.exec(["true"], cwd="nowhere")
    assert not done.success
    assert "nowhere" in done.stderr


@pytest.mark.anyio
@works
async def test_variables_of_the_caller_do_not_reach_what_builds_the_walls(make_jail: Make) -> None:
    jail = make_jail()
    done = await jail.exec(
        ["sh", "-c", "echo $LD_PRELOAD $A"], env={"LD_PRELOAD": "/nothing.so", "A": "a b;c"}
    )
    assert done.stdout == "/nothing.so a b;c\n"
    # The loader complains once, for the shell, and not for the programs that run before it.
    assert done.stderr.count("/nothing.so") == 1


@pytest.mark.anyio
@works
async def test_limits_come_from_a_file(tmp_path: Path, own_tmp: Path) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("disk_mb: 8\nseconds: 30\n")
    made = await JailSandboxEnvironment.sample_init("task", str(limits), {})
    done = await made["default"].exec(["sh", "-c", "head -c 20M /dev/zero > big; sleep 5"])
    assert "more than 8 MiB" in done.stderr
    await JailSandboxEnvironment.sample_cleanup("task", None, made, False)
    limits.write_text("disk: 8\n")
    with pytest.raises(InputError, match=r"disk: .*the limits are disk_mb, files, memory_mb"):
        await JailSandboxEnvironment.task_init("task", str(limits))
    with pytest.raises(InputError, match="cannot be read"):
        await JailSandboxEnvironment.task_init("task", str(tmp_path / "none.yaml"))


def test_limits_survive_a_log() -> None:
    spec = SandboxEnvironmentSpec("jail", JailConfig(disk_mb=9))
    kept = json.loads(spec.model_dump_json())
    assert JailSandboxEnvironment.config_deserialize(kept["config"]) == JailConfig(disk_mb=9)


@pytest.mark.anyio
@works
async def test_another_user_is_refused(make_jail: Make) -> None:
    jail: SandboxEnvironment = make_jail()
    with pytest.raises(RuntimeError, match="as 'user' only"):
        await jail.exec(["id"], user="root")
    assert (await jail.exec(["whoami"], user="user")).stdout == "user\n"


def as_ordinary_user() -> list[str]:
    """A prefix that runs a command as a user without rights, who can still enter where this interpreter lies."""
    command = ["bwrap", "--dev-bind", "/", "/", "--cap-drop", "ALL"]
    command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    prefix = Path(sys.base_prefix)
    closed = [folder for folder in [*reversed(prefix.parents), prefix] if not folder.stat().st_mode & 0o001]
    if closed:
        command += [
            "--perms",
            "0755",
            "--tmpfs",
            str(closed[0]),
            "--perms",
            "0755",
            "--dir",
            str(prefix.parent),
        ]
        for folder in reversed(prefix.parent.relative_to(closed[0]).parents):
            command += ["--perms", "0755", "--dir", str(closed[0] / folder)]
        command += ["--ro-bind", str(prefix), str(prefix)]
    return [*command, "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--"]


@pytest.mark.slow
@pytest.mark.needs("root", "jail")
def test_the_jail_holds_for_an_ordinary_user_too(tmp_path: Path) -> None:
    """A shell's attacks again by a user without capabilities: other walls, in a user namespace.

    REDGREEN_ALL_ATTACKS=1 runs all the rest again too.
    """
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chown(folder, 1000, 1000)
        command = [*as_ordinary_user(), "env", f"HOME={folder}", f"TMPDIR={folder}"]
        command += [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow"]
        every = bool(os.environ.get("REDGREEN_ALL_ATTACKS"))
        files = (
            "test_shell_attacks.py",
            *(("test_jail.py", "test_attacks_from_a_shell.py") if every else ()),
        )
        command += [str(here / name) for name in files]
        done = subprocess.run(
            command, cwd=here.parents[1], capture_output=True, text=True, timeout=500, check=False
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    # The one that needs root. Nothing else may be left out.
    assert (" 1 skipped" if every else " passed in") in done.stdout.splitlines()[-1]
    assert every or "skipped" not in done.stdout.splitlines()[-1]


@pytest.mark.needs("root", "jail")
def test_root_without_the_right_to_change_its_user_is_refused() -> None:
    code = "from redgreenbench.reference_bugs.engine.jail import why_not; print(why_not())"
    outer = [
        "bwrap",
        "--unshare-user",
        "--uid",
        "1000",
        "--gid",
        "1000",
        "--cap-drop",
        "ALL",
        "--dev-bind",
        "/",
        "/",
    ]
    done = subprocess.run(
        [*outer, sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert "bubblewrap does not work for root here" in done.stdout, done.stderr
