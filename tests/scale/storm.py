"""A provider in a storm, and a worker that dies in it: every third call is refused, some never answer, and one kills the process.

As a program (`python storm.py LOGS LEDGER DIES`) it runs shard 1 of 2 and dies after so many answers.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path

import anyio
from inspect_ai import Task
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from tenacity import wait_fixed

from redgreenbench.cli.run import build_tasks, run_tasks, shard_tasks, tasks_by_folder
from redgreenbench.evals.sharding import Shard

AT_ONCE = 8


class Refused(Exception):
    """The provider's 429."""


class Storm(ModelAPI):
    """Answers by what is asked alone, and writes every call into a ledger: refused, hung or answered, and to what.

    Args:
        ledger: The file that the calls are written to, a line each.
        dies: Answers after which the process is killed; 0: never.
    """

    def __init__(self, model_name: str, base_url=None, api_key=None, config=None, ledger="", dies=0) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        self.ledger, self.dies, self.calls, self.answers = ledger, dies, 0, 0

    def note(self, kind: str, asked: str) -> None:
        with open(self.ledger, "a") as out:
            out.write(f"{kind} {asked}\n")

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        self.calls += 1
        asked = hashlib.sha256("\n".join(m.text for m in input).encode()).hexdigest()[:16]
        if self.calls % 3 == 0:
            self.note("refused", asked)
            raise Refused("429")
        if self.calls in (5, 11):
            self.note("hung", asked)
            await anyio.sleep(600)
        await anyio.sleep(0.001)
        self.answers += 1
        self.note("answered", asked)
        if self.answers == self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        output = ModelOutput.from_content(
            "storm/x", "NEXT: ask\nWhat did you try?" if int(asked, 16) % 2 else "NEXT: answer\nYes."
        )
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    def should_retry(self, ex: Exception) -> bool:
        return isinstance(ex, Refused)

    def retry_wait(self) -> wait_fixed:
        return wait_fixed(0.01)


@modelapi(name="storm")
def storm() -> type[ModelAPI]:
    """Registers it."""
    return Storm


def tasks() -> list[Task]:
    """What is asked: 3 scenarios under all pressures, in two arms."""
    return build_tasks(["routing"], "v2", ["red", "green"], ["all"], [], 3)


def run_shard(shard: Shard, logs: Path, ledger: Path, dies: int = 0) -> int:
    """Runs a shard as `redgreen run --shard k/n --cache` does; returns the exit code."""
    model = get_model("storm/x", ledger=str(ledger), dies=dies, memoize=False)
    options = {"cache": True, "attempt_timeout": 1, "max_connections": AT_ONCE, "display": "none"}
    ((part, place),) = tasks_by_folder(shard_tasks(tasks(), shard), logs, shard)
    return run_tasks(part, model, place, 1, **options)


if __name__ == "__main__":
    run_shard(Shard(1, 2), Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
