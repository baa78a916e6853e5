"""Loads a program and does with it what a bug's ``probe.py`` says: the same code on both sides of the wall.

Nothing that comes out of here is evidence by itself. The checker draws the inputs, computes what must come
out by running the same probe on the reference, and compares.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import itertools
import linecache
import random
import sys
import traceback
import types
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

PROGRAM = "program.py"
PROBE = "probe.py"
MESSAGE_LIMIT = 1500
_SHOWN: set[str] = set()
"""Paths of the files of programs, in whose lines an error is described."""


class ProgramError(Exception):
    """What a program raised, in the words of `describe`."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['type']}: {error['message']}")
        self.error = error


class Program(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A program, whose files import each other from memory by their own names, before all that is installed.

    Args:
        files: Texts by path; a folder is a package, with or without an ``__init__.py``.
        entry: The path of the file that its user runs, which is imported first.
    """

    def __init__(self, files: Mapping[str, str], entry: str) -> None:
        self._files = {path: files[path] for path in files}
        self._entry = entry
        self._paths: dict[str, str] = {}
        for path in self._files:
            folder, _, file = path.rpartition("/")
            if folder:
                self._paths.setdefault(folder, f"{folder}/__init__.py")
            if file != "__init__.py":
                self._paths[path.removesuffix(".py").replace("/", ".")] = path
        self._before: dict[str, types.ModuleType] = {}
        self._own: dict[str, types.ModuleType] = {}

    def load(self) -> Any:
        """Imports the program, and returns what probes see: a single program's module, or a project's modules by name.

        Raises:
            ProgramError: Whatever it raised, an attempt to exit included.
        """
        for path, text in self._files.items():
            # Tracebacks show the program's own lines although there is no such file here.
            linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
            _SHOWN.add(path)
        try:
            module = importlib.import_module(self._entry.removesuffix(".py"))
        except BaseException as error:
            raise ProgramError(describe(error)) from error
        return module if self._entry == PROGRAM else _Modules(self._paths)

    def enter(self) -> None:
        """Has its files found by imports."""
        self._before = {name: sys.modules.pop(name) for name in self._paths if name in sys.modules}
        sys.modules.update(self._own)
        sys.meta_path.insert(0, self)

    def leave(self) -> None:
        """Puts everything back as it was before `enter`, so that the next program finds its own files."""
        sys.meta_path.remove(self)
        self._own = {name: sys.modules.pop(name) for name in self._paths if name in sys.modules}
        sys.modules.update(self._before)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Where a module of the program is; None for any other."""
        if fullname not in self._paths:
            return None
        place = self._paths[fullname]
        is_package = place.endswith("/__init__.py")
        return importlib.util.spec_from_loader(fullname, self, origin=place, is_package=is_package)

    def exec_module(self, module: types.ModuleType) -> None:
        """Executes a file as a module that is not ``__main__``."""
        module.__file__ = path = self._paths[module.__name__]
        exec(compile(self._files.get(path, ""), path, "exec", dont_inherit=True), module.__dict__)


class _Modules:
    """A project as probes see it: ``program.model.Net`` is what ``model.py`` calls ``Net``."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.__dict__["_names"] = names

    def __getattr__(self, name: str) -> types.ModuleType:
        if name not in self.__dict__["_names"]:
            raise AttributeError(f"there is no {name}.py")
        return importlib.import_module(name)


def load_probe(source: str) -> types.ModuleType:
    """Executes a bug's ``probe.py``."""
    module = types.ModuleType("probe")
    module.__file__ = PROBE
    sys.modules["probe"] = module
    linecache.cache[PROBE] = (len(source), None, source.splitlines(keepends=True), PROBE)
    try:
        exec(compile(source, PROBE, "exec", dont_inherit=True), module.__dict__)
    except BaseException as error:
        raise ProgramError(describe(error)) from error
    return module


def run_probe(
    program: Any,
    probe: types.ModuleType,
    name: str,
    inputs: dict[str, Any],
    seed: int,
    threads: int,
) -> dict[str, Any]:
    """Runs one probe.

    Args:
        program: The program under test, as `Program.load` gives it.
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
    file, line, function, text = PROGRAM, 0, "", ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in _SHOWN:
            file, line, function = frame.filename, frame.lineno or 0, frame.name
            text = (frame.line or "").strip()
    if isinstance(error, SyntaxError) and error.filename in _SHOWN:
        file, line, text = error.filename, error.lineno or 0, (error.text or "").strip()
    try:
        message = _other_parameters(error) or str(error.msg if isinstance(error, SyntaxError) else error)
    except BaseException:
        message = "(its message cannot be shown)"
    return {
        "type": type(error).__name__[:100],
        "message": message[:MESSAGE_LIMIT],
        "file": file[:100],
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
