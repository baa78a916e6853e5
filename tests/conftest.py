from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from inspect_ai import Task, eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, Model, ModelOutput, ModelUsage, get_model

from redgreenbench.evals import catalogue
from redgreenbench.reference_bugs import folder as bugs
from redgreenbench.reference_bugs.engine.host import choose_mode, detect_isolation
from redgreenbench.reference_bugs.engine.jail import why_not
from redgreenbench.reference_bugs.engine.pool import Worker

# inspect keeps one display per process, so the first run would decide for every later test.
os.environ["INSPECT_DISPLAY"] = "none"

SKILL = """---
name: {name}
description: Helps with tests.
metadata: {{version: "7"}}
---
{body}
"""


def _on_path(package: str, *programs: str) -> Callable[[], str]:
    remedy = f"{programs[0]} is not installed (Debian, Ubuntu: apt-get install {package})"
    return lambda: "" if any(map(shutil.which, programs)) else remedy


# Why a part of the system is missing and how to get it, in one line; empty where it is there.
PARTS: dict[str, Callable[[], str]] = {
    "bwrap": lambda: detect_isolation().bubblewrap,
    "landlock": lambda: detect_isolation().inner,
    "jail": why_not,
    "root": lambda: "" if os.geteuid() == 0 else "run the tests as root",
    "chromium": _on_path("chromium", "chromium", "google-chrome"),
    "chromedriver": _on_path("chromium-driver", "chromedriver"),
    "jq": _on_path("jq", "jq"),
    "parallel": _on_path("parallel", "parallel"),
    "slurm": _on_path("slurm-wlm munge", "slurmctld"),
    "ray": lambda: (
        "" if shutil.which("ray") else "ray is not on PATH (pip install ray, in an environment of its own)"
    ),
}


def _skip_without(*parts: str) -> None:
    for part in parts:
        if missing := PARTS[part]():
            pytest.skip(f"needs {part}: {missing}")


@pytest.fixture(autouse=True)
def _no_packs_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own packs and their bugs are known for a process; no test sees another's."""
    monkeypatch.setattr(catalogue, "_own_packs", {})
    monkeypatch.setattr(bugs, "_own_bugs", {})


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test that is marked with `needs` where a part is missing."""
    for marker in item.iter_markers("needs"):
        _skip_without(*marker.args)


@pytest.fixture(scope="session")
def skip_without() -> Callable[..., None]:
    """What the marker `needs` does, for fixtures that know only later what a test needs."""
    return _skip_without


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """A grader in the strongest mode of this machine, for tests that leave it as it is: starting one costs seconds."""
    there = Worker(choose_mode())
    yield there
    there.close()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graders' replies are cached on disk; a test must not see another's."""
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("redgreenbench.reports.logs.cache.cache_folder", lambda: tmp_path / "tables")


@pytest.fixture
def quick_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor without the grade that it makes to see whether fixes are executed, which takes seconds."""
    # The package shows the command under the module's name.
    module = sys.modules["redgreenbench.cli.doctor"]
    monkeypatch.setattr(
        module, "_executed", lambda host: module.Finding("fixes are executed", "ok", "not tried")
    )


Scripted = Callable[[str, str], str]
"""What a scripted model answers to (system message, user message)."""


@pytest.fixture
def make_skill(tmp_path: Path) -> Callable[..., Path]:
    def make(
        name: str = "my-skill",
        body: str = "Always begin with NEXT: hand over to performance-profiling.",
        **sheets: str,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "SKILL.md").write_text(SKILL.format(name=name, body=body))
        for sheet, text in sheets.items():
            (folder / f"{sheet}.md").write_text(text)
        return folder

    return make


@pytest.fixture(scope="session")
def scripted() -> Callable[[Scripted], Model]:
    """A mock model whose outputs carry usage; without it the mock tries to download a tokenizer."""

    def make(answer: Scripted) -> Model:
        def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
            output = ModelOutput.from_content("mockllm/scripted", answer(messages[0].text, messages[-1].text))
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            return output

        return get_model("mockllm/scripted", custom_outputs=reply)

    return make


@pytest.fixture
def grader() -> Callable[..., Model]:
    """A scripted grader: a function of the messages, whose result is text, an output, or an error to raise."""

    def make(answer: Callable[[list[ChatMessage]], object], name: str = "grader") -> Model:
        def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
            given = answer(messages)
            if isinstance(given, Exception):
                raise given
            output = (
                given
                if isinstance(given, ModelOutput)
                else ModelOutput.from_content(f"mockllm/{name}", str(given))
            )
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            return output

        return get_model(f"mockllm/{name}", custom_outputs=reply, memoize=False)

    return make


@pytest.fixture
def run_task(tmp_path: Path, scripted: Callable[[Scripted], Model]) -> Callable[..., EvalLog]:
    def run(task: Task, answer: Scripted, **options: object) -> EvalLog:
        (log,) = eval(task, model=scripted(answer), log_dir=str(tmp_path / "logs"), **options)
        return log

    return run


@pytest.fixture
def git() -> Callable[..., None]:
    """Commits everything in a folder, with a repository made on first use."""

    def commit(folder: Path, verb: str, message: str, tag: str = "") -> None:
        run = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        if not (folder / ".git").exists():
            subprocess.run([*run, "init", "-q"], cwd=folder, check=True)
        subprocess.run([*run, "add", "-A"], cwd=folder, check=True)
        subprocess.run([*run, verb, "-q", "--allow-empty", "-m", message], cwd=folder, check=True)
        if tag:
            subprocess.run([*run, "tag", tag], cwd=folder, check=True)

    return commit
