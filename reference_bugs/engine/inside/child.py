"""One grade's child: confined already, it loads the submission and answers the checker's questions.

It is not trusted: from the moment that the submission's first byte runs, everything in this process may
lie. That is why it holds nothing worth stealing and says nothing that the checker believes.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

import torch

if TYPE_CHECKING:
    from redgreenbench.reference_bugs.engine.inside import driver, wire
else:
    import driver
    import wire

CHANNEL = 3


def serve() -> NoReturn:
    """Answers requests on the channel until it closes; never returns."""
    try:
        _serve()
    except wire.Closed:
        pass
    except BaseException:
        traceback.print_exc()
    os._exit(0)


def _serve() -> None:
    first = wire.unpack(wire.receive(CHANNEL))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    device = first["device"]
    if device == "cuda":
        torch.cuda.set_per_process_memory_fraction(first["memory_fraction"])
    torch.set_num_threads(first["threads"])
    try:
        program = driver.load_module("program", first["program"], driver.PROGRAM)
        probe = driver.load_module("probe", first["probe"], "probe.py")
    except driver.ProgramError as error:
        _reply({"nonce": first["nonce"], "error": error.error})
        return
    _reply({"nonce": first["nonce"], "value": {}})
    while True:
        request = wire.unpack(wire.receive(CHANNEL))
        _reply({"nonce": request["nonce"], **_answer(program, probe, request, first["threads"], device)})


def _answer(program: Any, probe: Any, request: dict[str, Any], threads: int, device: str) -> dict[str, Any]:
    inputs = driver.to_device(request["inputs"], device)
    try:
        return {"value": driver.run_probe(program, probe, request["probe"], inputs, request["seed"], threads)}
    except driver.ProgramError as error:
        return {"error": error.error}


def _reply(message: dict[str, Any]) -> None:
    try:
        frame = wire.pack(message)
    except BaseException as error:
        frame = wire.pack({"nonce": message["nonce"], "error": driver.describe(error)})
    wire.send(CHANNEL, frame)
