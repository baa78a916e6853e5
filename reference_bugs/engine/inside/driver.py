"""Loads a program and does with it what a bug's ``probe.py`` says: the same code on both sides of the wall.

Nothing that comes out of here is evidence by itself. The checker draws the inputs, computes what must come
out by running the same probe on the reference, and compares.
"""

from __future__ import annotations

import itertools
import linecache
import random
import sys
import traceback
import types
from typing import Any

import numpy as np
import torch

PROGRAM = "program.py"
PROBE = "probe.py"
MESSAGE_LIMIT = 1500


class ProgramError(Exception):
    """What a program raised, in the words of `describe`."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['type']}: {error['message']}")
        self.error = error


def load_module(name: str, source: str, filename: str) -> types.ModuleType:
    """Executes a source text as a module that is not ``__main__``.

    Raises:
        ProgramError: Whatever it raised, an attempt to exit included.
    """
    module = types.ModuleType(name)
    module.__file__ = filename
    sys.modules[name] = module
    # Tracebacks show the program's own lines although there is no such file here.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    try:
        exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)
    except BaseException as error:
        raise ProgramError(describe(error)) from error
    return module


def run_probe(
    program: types.ModuleType,
    probe: types.ModuleType,
    name: str,
    inputs: dict[str, Any],
    seed: int,
    threads: int,
) -> dict[str, Any]:
    """Runs one probe.

    Args:
        program: The program under test.
        probe: The module of its bug's probes.
        name: Function of ``probe`` to call as ``name(program, **inputs)``.
        inputs: Tensors and plain values that the checker drew.
        seed: For the random numbers of Python, numpy and torch.
        threads: Threads of torch.

    Raises:
        ProgramError: Whatever the probe or the program raised.
    """
    try:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        result = getattr(probe, name)(program, **inputs)
    except BaseException as error:
        raise ProgramError(describe(error)) from error
    return dict(result)


def to_device(value: Any, device: str) -> Any:
    """The same inputs with their tensors on a device; on the CPU they stay as they are."""
    if device == "cpu":
        return value
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: to_device(item, device) for key, item in value.items()}
    if isinstance(value, list):
        return [to_device(item, device) for item in value]
    return value


def describe(error: BaseException) -> dict[str, Any]:
    """An exception in a form that can be sent: its type, message, and where in the program it arose."""
    line, function, text = 0, "", ""
    if isinstance(error, SyntaxError) and error.filename == PROGRAM:
        line, text = error.lineno or 0, (error.text or "").strip()
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == PROGRAM:
            line, function, text = frame.lineno or 0, frame.name, (frame.line or "").strip()
    try:
        message = _other_parameters(error) or str(error.msg if isinstance(error, SyntaxError) else error)
    except BaseException:
        message = "(its message cannot be shown)"
    return {
        "type": type(error).__name__[:100],
        "message": message[:MESSAGE_LIMIT],
        "line": line,
        "function": function[:100],
        "text": text[:200],
        "in_use": not line and any(f.filename == PROBE for f in traceback.extract_tb(error.__traceback__)),
    }


def _other_parameters(error: BaseException) -> str:
    """Where a network cannot take the weights that a probe hands in, how its parameters differ; else empty."""
    places = list(traceback.walk_tb(error.__traceback__))
    for (caller, _), (frame, _) in itertools.pairwise(places):
        if frame.f_code.co_name == "load_state_dict" and caller.f_code.co_filename == PROBE:
            module, state = frame.f_locals["self"], frame.f_locals["state_dict"]
            own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
            before = {name: tuple(tensor.shape) for name, tensor in state.items()}
            lacks, has = sorted(before.keys() - own.keys()), sorted(own.keys() - before.keys())
            shapes = [
                f"{n} is {own[n]} instead of {before[n]}"
                for n in before
                if own.get(n, before[n]) != before[n]
            ]
            parts = [
                f"it lacks {', '.join(lacks)}" if lacks else "",
                f"it has {', '.join(has)} besides" if has else "",
                *shapes,
            ]
            return (
                f"{type(module).__name__} has other parameters than before: {'; '.join(filter(None, parts))}"
            )
    return ""
