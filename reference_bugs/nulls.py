"""Programs that do no work, made for any bug: what a check lets pass for one of them, it does not check.

Some are programs (nothing, constants, an echo, the fix of another bug), some are the buggy program or the reference
with the probing replaced from within, so that the answers have the right form and say nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from redgreenbench.reference_bugs.files import PROGRAM, Files, program_text, split_name
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder, bug_names

__all__ = ["Null", "nulls_of", "other_bug"]


@dataclass(frozen=True)
class Null:
    """A program that does no work.

    Attributes:
        name: What it does instead, in a few words.
        files: Its files.
    """

    name: str
    files: Files

    @property
    def source(self) -> str:
        """The program as one text."""
        return program_text(self.files)


CONSTANTS = {
    "0.0": "0.0",
    "1.0": "1.0",
    "nan": "float('nan')",
    "None": "None",
    "zeros": "torch.zeros_like(first) if isinstance(first, torch.Tensor) else torch.zeros(1)",
}

_CONSTANT_MODULE = '''
import torch


def _first(args, kwargs):
    values = [*args, *kwargs.values()]
    return next((v for v in values if isinstance(v, torch.Tensor)), values[0] if values else None)


def _same(*args, **kwargs):
    first = _first(args, kwargs)
    return {value}


class _Anything(torch.nn.Module):
    """Takes any arguments, has any attribute, and holds whatever state it is given."""

    def __init__(self, *args, **kwargs):
        super().__init__()
        self.__dict__["_held"] = {{"weight": torch.zeros(1)}}

    def __getattr__(self, name):
        if name.startswith("__") or name in self.__dict__.get("_parameters", ()):
            raise AttributeError(name)
        return _Anything()

    def load_state_dict(self, state, *args, **kwargs):
        self.__dict__["_held"] = {{name: tensor.clone() for name, tensor in state.items()}}

    def state_dict(self, *args, **kwargs):
        return dict(self.__dict__["_held"])

    def forward(self, *args, **kwargs):
        return _same(*args, **kwargs)

'''

# What follows runs in the child, behind the program: `_answer` gives one probe's answer by its RETURNS and its inputs.
_HELPERS = '''

import sys as _sys
import torch as _torch


def _tensors(value):
    if isinstance(value, _torch.Tensor):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)


_TYPES = {"float32": _torch.float32, "float64": _torch.float64, "int64": _torch.int64, "bool": _torch.bool}


def _type(kind):
    return _TYPES.get(kind, _torch.float32)


def _state_of(inputs):
    """A state among the inputs, else all their tensors."""
    for value in inputs.values():
        if isinstance(value, dict) and value and all(isinstance(v, _torch.Tensor) for v in value.values()):
            return value
    return {name: value for name, value in inputs.items() if isinstance(value, _torch.Tensor)}


def _number_of(inputs):
    return next((v for v in inputs.values() if isinstance(v, (int, float)) and not isinstance(v, bool)), 0.0)


def _empty(kind, inputs):
    return {"number": 0, "flag": False, "text": "", "state": {}, "anystate": {}}.get(
        kind, _torch.zeros(0, dtype=_type(kind)) if kind in ("tensor", *_TYPES) else []
    )


def _constant(value):
    def answer(kind, inputs):
        if kind in ("number", "flag", "text"):
            return {"number": value, "flag": True, "text": str(value)}[kind]
        if kind in ("numbers", "texts"):
            return [value if kind == "numbers" else str(value)] * 5
        if kind == "lists":
            return [[value] * 5] * 5
        whole = 0 if value != value else value
        flat = lambda t: _torch.full_like(t, value if t.is_floating_point() else whole)
        if kind in ("state", "anystate", "states"):
            state = {name: flat(t) for name, t in _state_of(inputs).items()} or {"weight": _torch.full((1,), value)}
            return [state] * 5 if kind == "states" else state
        return _torch.full((1,), value if "float" in kind or kind == "tensor" else whole).to(_type(kind))

    return answer


def _like(change):
    def answer(kind, inputs):
        first = next(_tensors(inputs), _torch.zeros(1))
        if kind == "number":
            return change(_torch.tensor(float(_number_of(inputs)))).item()
        if kind in ("flag", "text"):
            return True if kind == "flag" else str(_number_of(inputs))
        if kind == "numbers":
            return change(first.flatten()[:1000].float()).tolist()
        if kind == "texts":
            return [str(value) for value in inputs.values()]
        if kind == "lists":
            return change(first.reshape(len(first), -1)[:, :1000].float()).tolist() if first.dim() else [[0.0]]
        if kind in ("state", "anystate", "states"):
            state = {name: change(t) for name, t in _state_of(inputs).items()} or {"weight": change(first)}
            times = _number_of({k: v for k, v in inputs.items() if k == "epochs"}) or 1
            return [state] * int(times) if kind == "states" else state
        fitting = [t for t in _tensors(inputs) if t.dtype == _type(kind)]
        return change(fitting[0] if fitting else first.to(_type(kind)))

    return answer


def _of_form(real, change, inputs):
    """The same counts, keys, shapes and types as a right answer, with other things in it."""
    if isinstance(real, _torch.Tensor):
        return change(real, inputs)
    if isinstance(real, dict):
        given = _state_of(inputs)
        return {k: _of_form(v, change, {"it": given[k]} if k in given else inputs) for k, v in real.items()}
    if isinstance(real, list):
        return [_of_form(v, change, inputs) for v in real]
    if isinstance(real, bool) or not isinstance(real, (int, float)):
        return real
    return type(real)(change(_torch.tensor(float(real)), inputs).item())


def _filled(value):
    return lambda tensor, inputs: _torch.full_like(tensor, value)


def _echoed(tensor, inputs):
    flat = next(_tensors(inputs), _torch.zeros(1)).flatten()
    flat = flat if len(flat) else _torch.zeros(1)
    return flat.repeat(tensor.numel() // len(flat) + 1)[: tensor.numel()].reshape(tensor.shape).to(tensor.dtype)

'''

# The driver's own function is replaced.
_BY_DRIVER = """
_driver = _sys.modules["driver"]
_run = _driver.run_probe


def _fake(program, probe, name, inputs, seed, threads):
    return {answer}


_driver.run_probe = _fake
"""
# The probe module is loaded after the program, so its functions are replaced when the first question comes.
_BY_PROBE = """
_seed = _torch.manual_seed


def _lazily(seed):
    probe = _sys.modules.get("probe")
    for name in getattr(probe, "RETURNS", ()):
        setattr(probe, name, lambda program, probe=probe, name=name, **inputs: {answer})
    return _seed(seed)


_torch.manual_seed = _lazily
"""
_BY_KIND = "{{key: {how}(kind, inputs) for key, kind in probe.RETURNS[name].items()}}"
_BY_FORM = "_of_form(_run(program, probe, name, inputs, seed, threads), {how}, inputs)"

ANSWERS = {
    "empty answers": "_empty",
    "answers of 0": "_constant(0.0)",
    "answers of 1": "_constant(1.0)",
    "answers of nan": "_constant(float('nan'))",
    "zeros like the inputs": "_like(_torch.zeros_like)",
    "the inputs as answers": "_like(lambda t: t.clone())",
}
FORMS = {
    "zeros of the right form": "_filled(0)",
    "ones of the right form": "_filled(1)",
    "the inputs in the right form": "_echoed",
}


def nulls_of(bug: BugFolder) -> Iterator[Null]:
    """Programs that do none of the work of a bug's program.

    Args:
        bug: Any bug's folder.

    Raises:
        PatchError: A reference fix does not fit its program.
    """
    yield Null("empty text", dict.fromkeys(bug.files, ""))
    for name, value in CONSTANTS.items():
        yield Null(f"constant {name}", _constants(bug, value))
    yield Null("echo", _constants(bug, "first"))
    other = other_bug(bug)
    yield Null(f"fix of {other.name}", other.mended_files)
    for name, how in ANSWERS.items():
        answer = _BY_KIND.format(how=how)
        yield Null(name, _with_code(bug, bug.files, _BY_DRIVER.format(answer=answer)))
    for name in ("zeros like the inputs", "the inputs as answers"):
        answer = _BY_KIND.format(how=ANSWERS[name])
        yield Null(f"{name}, by the probe", _with_code(bug, bug.files, _BY_PROBE.format(answer=answer)))
    for name, how in FORMS.items():
        answer = _BY_FORM.format(how=how)
        yield Null(name, _with_code(bug, bug.mended_files, _BY_DRIVER.format(answer=answer)))


def _with_code(bug: BugFolder, files: Files, code: str) -> Files:
    """A program with code behind the file that its user runs."""
    return files | {bug.entry: files[bug.entry] + _HELPERS + code}


def _constants(bug: BugFolder, value: str) -> Files:
    """A program in which every name of the contract exists and does nothing, and nothing else is."""
    parts = dict.fromkeys(bug.files, _CONSTANT_MODULE.format(value=value))
    for name in bug.entry_points:
        path, bare = split_name(name, bug.files)
        kind = next((type(node) for node in _top_definitions(bug.files[path]) if node.name == bare), None)
        if kind is ast.ClassDef:
            parts[path] += f"\nclass {bare}(_Anything):\n    pass\n"
        elif kind is ast.FunctionDef:
            parts[path] += f"\n{bare} = _same\n"
        else:
            parts[path] += f"\n{bare} = _same()\n"
    return parts


def _top_definitions(text: str) -> list[ast.ClassDef | ast.FunctionDef]:
    return [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef | ast.FunctionDef)]


def other_bug(bug: BugFolder) -> BugFolder:
    """The bug that shares the most names with this one, if none of them has the same arguments or definition.

    What another program defines as this one does, or can do in its place, may be right here, so that it would be no null
    submission.
    """
    own = _definitions(tuple(bug.mended_files.items()))

    def common(name: str) -> int:
        theirs = _definitions(tuple(bug_folder(name).mended_files.items()))
        shared = [entry for entry in bug.entry_points if entry in theirs and entry in own]
        pairs = [(theirs[entry], own[entry]) for entry in shared]
        # Probes call by position, so that as many arguments can be the same work.
        alike = any(mine == other or (takes > 1 and takes == also) for (mine, takes), (other, also) in pairs)
        return -1 if alike else len(shared)

    # The first by name where several share as many.
    return bug_folder(
        max((name for name in bug_names(private=False) if name != bug.name), key=lambda name: common(name))
    )


@cache
def _definitions(files: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, int]]:
    """Each function and class of a program: its definition, and a function's number of arguments."""
    definitions: dict[str, tuple[str, int]] = {}
    for path, text in files:
        module = "" if path == PROGRAM else path.removesuffix(".py").replace("/", ".") + "."
        for node in _top_definitions(text):
            takes = len(node.args.args) if isinstance(node, ast.FunctionDef) else 0
            definitions[module + node.name] = (ast.dump(node), takes)
    return definitions
