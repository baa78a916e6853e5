from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import Task, eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, Model, ModelOutput, ModelUsage, get_model

# inspect keeps one display per process, so the first run would decide for every later test.
os.environ["INSPECT_DISPLAY"] = "none"

SKILL = """---
name: {name}
description: Helps with tests.
metadata: {{version: "7"}}
---
{body}
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graders' replies are cached on disk; a test must not see another's."""
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("redgreenbench.reports.cache.cache_folder", lambda: tmp_path / "tables")


Scripted = Callable[[str, str], str]
"""What a scripted model answers to (system message, user message)."""


@pytest.fixture
def make_skill(tmp_path: Path) -> Callable[..., Path]:
    def make(
        name: str = "my-skill", body: str = "Always say ROUTE: performance-profiling.", **sheets: str
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
