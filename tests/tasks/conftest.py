from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import Task, eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage, get_model

Says = Callable[[list[ChatMessage]], str | ModelOutput]
"""What a model says in a conversation."""


@pytest.fixture
def talk(tmp_path: Path) -> Callable[..., EvalLog]:
    """Runs a task with a model that is a function of the conversation, and expects it to end well."""

    def run(task: Task, says: Says, **options: object) -> EvalLog:
        def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
            said = says(messages)
            output = ModelOutput.from_content("mockllm/talker", said) if isinstance(said, str) else said
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            return output

        model = get_model("mockllm/talker", custom_outputs=reply, memoize=False)
        (log,) = eval(task, model=model, log_dir=str(tmp_path / "logs"), **options)
        assert log.status == "success", log.error
        return log

    return run
