from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import eval
from inspect_ai.log import EvalLog

from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.tasks.debugging import debugging

BUG = bug_folder("missing-optimizer-step")


def block(program: str) -> str:
    return f"```python\n{program}\n```\n"


@pytest.fixture
def put_off(scripted, tmp_path: Path) -> Callable[..., EvalLog]:
    """A run whose programs are put off: RED is wrong, GREEN is right, and one arm gives no program."""

    def reply(system: str, user: str) -> str:
        if "<skill" in system:
            return block(BUG.mended)
        return block(BUG.program.replace("lr=1e-3", "lr=1e-1"))

    def run(execution: str = "later", **options: object) -> EvalLog:
        task = debugging(
            scenarios="debugging-techniques/model-not-learning", device="cpu", execution=execution
        )
        (log,) = eval(task, model=scripted(reply), log_dir=str(tmp_path / "logs"), display="none", **options)
        assert log.status == "success", log.error
        return log

    return run
