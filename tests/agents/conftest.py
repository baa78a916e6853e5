from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from inspect_ai import Task, eval
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import ChatMessage, ChatMessageAssistant, Model, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import ToolCall

TOKENS = 10
"""Tokens of every call of a scripted agent."""


@dataclass(frozen=True)
class Step:
    """What a scripted agent does in one turn: what it says, and which tools it calls."""

    says: str = ""
    calls: tuple[tuple[str, dict[str, object]], ...] = field(default=())


def bash(command: str, says: str = "") -> Step:
    return Step(says, (("bash", {"command": command}),))


def write(program: str, says: str = "") -> Step:
    return bash(f"cat > program.py <<'__PROGRAM__'\n{program.rstrip()}\n__PROGRAM__", says)


def submit(text: str) -> Step:
    return Step("", (("submit", {"answer": text}),))


Script = Sequence[Step] | Callable[[list[ChatMessage]], Step]


@pytest.fixture(scope="session")
def agent_model() -> Callable[[Script], Model]:
    """A model that follows a script by the number of its own messages so far; the last step is repeated."""

    def make(script: Script) -> Model:
        def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
            turn = sum(isinstance(m, ChatMessageAssistant) for m in messages)
            step = script(messages) if callable(script) else script[min(turn, len(script) - 1)]
            calls = [
                ToolCall(id=f"c{turn}-{n}", function=f, arguments=a) for n, (f, a) in enumerate(step.calls)
            ]
            output = ModelOutput.from_content("mockllm/agent", step.says)
            output.choices[0].message.tool_calls = calls or None
            output.choices[0].stop_reason = "tool_calls" if calls else "stop"
            output.usage = ModelUsage(input_tokens=TOKENS - 2, output_tokens=2, total_tokens=TOKENS)
            return output

        return get_model("mockllm/agent", custom_outputs=reply, memoize=False)

    return make


@pytest.fixture
def work(
    tmp_path: Path, agent_model: Callable[[Script], Model], skip_without: Callable[..., None]
) -> Callable[..., EvalLog]:
    def run(task: Task, script: Script, **options: object) -> EvalLog:
        if task.sandbox is not None and task.sandbox.type == "jail":
            skip_without("jail")
        (log,) = eval(task, model=agent_model(script), log_dir=str(tmp_path / "logs"), **options)
        return log

    return run


@pytest.fixture
def steps() -> type:
    """The steps that scripts are made of."""

    class Steps:
        pass

    Steps.bash, Steps.write, Steps.submit, Steps.say = bash, write, submit, Step
    return Steps


@pytest.fixture
def only() -> Callable[[EvalLog], EvalSample]:
    def one(log: EvalLog) -> EvalSample:
        assert log.status == "success", log.error
        assert log.samples
        (sample,) = log.samples
        assert sample.error is None, sample.error
        return sample

    return one
