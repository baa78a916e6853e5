"""One grade's child: confined already, it loads the submission and answers the checker's questions.

It is not trusted: from the moment that the submission's first byte runs, everything in this process may
lie. That is why it holds nothing worth stealing and says nothing that the checker believes.
"""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import torch

if TYPE_CHECKING:
    from redgreenbench.reference_bugs.engine.inside import driver, framing, wire
else:
    import driver
    import framing
    import wire

CHANNEL = 3
MEMORY_FRACTION = 0.2  # of a GPU


def serve() -> NoReturn:
    """Answers requests on the channel until it closes; never returns."""
    try:
        _serve()
    except framing.Closed:
        pass
    except BaseException:
        traceback.print_exc()
    os._exit(0)


def _serve() -> None:
    first = wire.unpack(framing.receive(CHANNEL))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    submission = Submission(first)
    framing.send(CHANNEL, pack_result(first["nonce"], submission.load))
    while submission.loaded:
        request = wire.unpack(framing.receive(CHANNEL))
        framing.send(CHANNEL, pack_result(request["nonce"], functools.partial(submission.answer, request)))


class Submission:
    """A submission beside the probes of its bug.

    Args:
        message: files and entry of the program, probe (a source text), threads, device.
    """

    def __init__(self, message: dict[str, Any]) -> None:
        self._message = message
        self.loaded = False

    def load(self) -> dict[str, Any]:
        """Executes the program and the probes.

        Raises:
            driver.ProgramError: What one of them raised.
        """
        message = self._message
        if message["device"] == "cuda":
            torch.cuda.set_per_process_memory_fraction(MEMORY_FRACTION)
        torch.set_num_threads(message["threads"])
        program = driver.Program(message["files"], message["entry"])
        program.enter()
        self._program = program.load()
        self._probe = driver.load_probe(message["probe"])
        self.loaded = True
        return {}

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What a probe returns: probe (its name), inputs, seed.

        Raises:
            driver.ProgramError: What it or the program raised.
        """
        inputs = driver.to_device(question["inputs"], self._message["device"])
        return driver.run_probe(
            self._program, self._probe, question["probe"], inputs, question["seed"], self._message["threads"]
        )


def pack_result(nonce: str, call: Callable[[], dict[str, Any]]) -> bytes:
    """A frame of what a call returns, or of what it raises."""
    try:
        return wire.pack({"nonce": nonce, "value": call()})
    except driver.ProgramError as error:
        return wire.pack({"nonce": nonce, "error": error.error})
    except BaseException as error:  # an answer that cannot be sent
        return wire.pack({"nonce": nonce, "error": driver.describe(error)})
