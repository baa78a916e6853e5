"""Runs fixes in any sandbox that inspect knows, for those whose grades outgrow one machine.

The checker stays here. What it asks is written into the sandbox as a file beside a small runner, executed
there, and the answer read back with a cap; nothing that comes back is believed. inspect's `local` sandbox
serves to test this path and is no isolation: it inherits the environment, keys included.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from uuid import uuid4

import anyio.from_thread
from inspect_ai.util import OutputLimitExceededError, SandboxEnvironment, sandbox

from redgreenbench.reference_bugs.engine.host import INSIDE
from redgreenbench.reference_bugs.engine.inside.accounting import STATUS
from redgreenbench.reference_bugs.engine.inside.framing import MAX_FRAME
from redgreenbench.reference_bugs.engine.pool import Relay

__all__ = ["sandbox_relay"]

_FILES = ("accounting.py", "child.py", "driver.py", "framing.py", "probing.py", "runner.py", "wire.py")
# Importing torch in a fresh process takes its time, the more on a busy node.
_START_SECONDS = 60


def sandbox_relay() -> Relay:
    """A relay into the sandbox of the sample that is being scored.

    Raises:
        ValueError: The task has none.
    """
    try:
        environment = sandbox()
    except Exception as error:  # inspect raises several kinds for a sample without a sandbox
        raise ValueError(f"there is no sandbox to run fixes in: {error}") from error

    def relay(frame: bytes, seconds: float) -> tuple[str, bytes]:
        # Called in a worker thread; the sandbox lives in the event loop.
        return anyio.from_thread.run(_run, environment, frame, seconds)

    return relay


async def _run(environment: SandboxEnvironment, frame: bytes, seconds: float) -> tuple[str, bytes]:
    # A folder of its own: what an earlier submission left behind must not answer for this one.
    folder = PurePosixPath(f"redgreen-{uuid4().hex}")
    for name in _FILES:
        await environment.write_file(str(folder / name), (INSIDE / name).read_bytes())
    await environment.write_file(str(folder / "request.bin"), frame)
    command = ["python3", "-B", "runner.py", "request.bin", "answer.bin"]
    try:
        try:
            done = await environment.exec(
                command,
                cwd=str(folder),
                timeout=int(seconds) + _START_SECONDS,
                timeout_retry=False,
                env={"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "0"},
            )
        except TimeoutError:
            return "busy", b""
        except (OutputLimitExceededError, UnicodeDecodeError):
            return "large", b""
        outcome = next((word for word, status in STATUS.items() if status == done.returncode), "gone")
        if outcome == "no torch":
            raise RuntimeError(
                f"the sandbox cannot run programs ({done.stderr.strip()[-200:]}); build it from "
                "reference_bugs/engine/images/Dockerfile"
            )
        try:
            answer = await environment.read_file(str(folder / "answer.bin"), text=False)
        except FileNotFoundError:
            return ("gone" if outcome == "done" else outcome), b""
        except OutputLimitExceededError:
            return "large", b""
        return (outcome, answer) if len(answer) <= MAX_FRAME else ("large", b"")
    finally:
        await environment.exec(["rm", "-rf", str(folder)], timeout=30, timeout_retry=False)
