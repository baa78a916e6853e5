"""What a bug's ``checks.py`` is written with: checks, fresh inputs, and comparisons that explain themselves.

A check is a function that takes a `Grade`, asks the submission and the reference the same questions with
inputs drawn on the spot, and raises `Failed` with one line for a person where the answers are wrong. It sees
behaviour only (outputs, gradients, weights); what a submission says about itself proves nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

__all__ = [
    "STAGES",
    "Check",
    "Failed",
    "Grade",
    "Program",
    "check",
    "close",
    "difference",
    "expect",
    "finite",
    "median",
    "moved",
    "same_form",
    "same_gradients",
]

STAGES = ("runs", "symptom", "behaviour", "cause", "collateral")
"""What a check speaks for, in the order of the verdict: the program runs; the symptom is gone; what the user
wanted comes out; the root cause is mended; nothing else was broken."""

State = dict[str, torch.Tensor]


class Failed(Exception):
    """A check found something wrong; the message says what, in one line."""


class Program(Protocol):
    """Something that answers probes: a submission behind its wall, or the reference."""

    def ask(self, probe: str, inputs: dict[str, Any], seed: int) -> dict[str, Any]:
        """Runs a probe and returns what it returned."""


@dataclass(frozen=True)
class Check:
    """A check as its bug declares it.

    Attributes:
        id: Name of the function, with hyphens.
        stage: One of `STAGES`.
        title: What is checked, as a claim that a correct program fulfils.
        run: The function.
    """

    id: str
    stage: str
    title: str
    run: Callable[[Grade], None]


def check(stage: str, title: str) -> Callable[[Callable[[Grade], None]], Check]:
    """Declares a check; the checks of a bug run in the order of their stages, then of their file.

    Raises:
        ValueError: There is no such stage.
    """
    if stage not in STAGES:
        raise ValueError(f"no stage '{stage}'; the stages are {', '.join(STAGES)}")

    def declare(function: Callable[[Grade], None]) -> Check:
        return Check(function.__name__.replace("_", "-"), stage, title, function)

    return declare


class Grade:
    """One submission under one check: its questions and its random numbers.

    The numbers depend on the seed, the bug and the check. The checker draws a seed for each grade, so that a submission
    cannot carry answers that were computed beforehand, and they do not depend on the submission, so that no comment in
    it draws others.

    Args:
        submission: What is judged.
        reference: What it is compared with.
        returns: What each probe returns, by its file's ``RETURNS``.
        key: Anything that makes the random numbers of this grade its own.
        device: ``cpu`` or ``cuda``: where tensors live while a probe runs.
    """

    def __init__(
        self,
        submission: Program,
        reference: Program,
        returns: dict[str, dict[str, str]],
        key: str,
        device: str = "cpu",
    ) -> None:
        self._submission = submission
        self._reference = reference
        self._returns = returns
        self.device = device
        self._key = key
        self._draws = 0

    def generator(self) -> torch.Generator:
        """A fresh generator for one draw; what a submission sees of one draw tells nothing of the next."""
        self._draws += 1
        digest = hashlib.sha256(f"{self._key}:{self._draws}".encode()).hexdigest()
        return torch.Generator().manual_seed(int(digest[:15], 16))

    def normal(self, *shape: int, std: float = 1.0) -> torch.Tensor:
        """Normal numbers, float32, of a shape."""
        return torch.randn(*shape, generator=self.generator()) * std

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """Uniform numbers in [low, high), float32, of a shape."""
        return low + (high - low) * torch.rand(*shape, generator=self.generator())

    def integers(self, low: int, high: int, *shape: int) -> torch.Tensor:
        """Integers in [low, high), int64, of a shape."""
        return torch.randint(low, high, shape, generator=self.generator())

    def seed(self) -> int:
        """A fresh seed."""
        return int(torch.randint(2**31, (), generator=self.generator()))

    def ask(self, probe: str, seed: int | None = None, /, **inputs: Any) -> dict[str, Any]:
        """Runs a probe on the submission.

        Args:
            probe: A function of the bug's ``probe.py``.
            seed: For the random numbers of the program; none: a fresh one.
            inputs: Tensors and plain values.

        Raises:
            Failed: It returned something else than the probe declares.
            SubmissionFailed: It raised, died or took too long.
        """
        answer = self._submission.ask(probe, inputs, self.seed() if seed is None else seed)
        problem = _type_mismatch(answer, self._returns[probe])
        if problem:
            raise Failed(problem)
        return answer

    def reference(self, probe: str, seed: int | None = None, /, **inputs: Any) -> dict[str, Any]:
        """Runs a probe on the reference, here."""
        return self._reference.ask(probe, inputs, self.seed() if seed is None else seed)

    def both(self, probe: str, /, **inputs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Runs a probe with the same inputs and seed on the submission and on the reference."""
        seed = self.seed()
        return self.ask(probe, seed, **inputs), self.reference(probe, seed, **inputs)


_TYPES = (torch.float32, torch.int64, torch.bool)
_KINDS: dict[str, Callable[[Any], bool]] = {
    # Numbers that a float holds, so that no comparison raises.
    "number": lambda v: (
        isinstance(v, float) or (isinstance(v, int) and not isinstance(v, bool) and abs(v) < 2**63)
    ),
    "flag": lambda v: isinstance(v, bool),
    "text": lambda v: isinstance(v, str),
    "numbers": lambda v: isinstance(v, list) and all(_KINDS["number"](item) for item in v),
    "texts": lambda v: isinstance(v, list) and all(isinstance(item, str) for item in v),
    "lists": lambda v: isinstance(v, list) and all(_KINDS["numbers"](item) for item in v),
    # A tensor or a state without anything in it would agree with whatever a check loops over.
    "tensor": lambda v: isinstance(v, torch.Tensor) and v.numel() > 0,
    "float32": lambda v: _KINDS["tensor"](v) and v.dtype == torch.float32,
    "float64": lambda v: _KINDS["tensor"](v) and v.dtype == torch.float64,
    "int64": lambda v: _KINDS["tensor"](v) and v.dtype == torch.int64,
    "bool": lambda v: _KINDS["tensor"](v) and v.dtype == torch.bool,
    # Of the types that a float32 program has: another one is another network, however close its values are.
    "state": lambda v: _KINDS["anystate"](v) and all(t.dtype in _TYPES for t in v.values()),
    "anystate": lambda v: isinstance(v, dict) and bool(v) and all(map(_KINDS["tensor"], v.values())),
    "states": lambda v: isinstance(v, list) and all(_KINDS["state"](item) for item in v),
}


def _type(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return str(value.dtype).removeprefix("torch.") if value.numel() else "empty tensors"
    return type(value).__name__


def _type_mismatch(answer: dict[str, Any], returns: dict[str, str]) -> str:
    if set(answer) != set(returns):
        return f"it returned {', '.join(sorted(answer)) or 'nothing'} instead of {', '.join(sorted(returns))}"
    for key, kind in returns.items():
        if not _KINDS[kind](answer[key]):
            value = answer[key]
            got = type(value).__name__
            if isinstance(value, torch.Tensor):
                got = str(value.dtype).removeprefix("torch.") if value.numel() else "empty"
            elif isinstance(value, dict | list) and not value:
                got = "empty"
            elif isinstance(value, dict):
                got = f"{got} of {', '.join(sorted({_type(item) for item in value.values()}))}"
            return f"{key} is {got} where {kind} is expected"
    return ""


def expect(condition: bool, message: str) -> None:
    """Raises `Failed` unless the condition holds."""
    if not condition:
        raise Failed(message)


def difference(got: Any, want: Any, rtol: float = 1e-4, atol: float = 1e-6, where: str = "") -> str:
    """Where two answers differ, in words; empty where they agree.

    Args:
        got: What the submission returned: tensors, numbers, text, or lists and dicts of them.
        want: What the reference returned.
        rtol: Relative tolerance of tensors and numbers, as in `torch.allclose`.
        atol: Absolute tolerance.
        where: Name of the value, for the words.
    """
    name = where or "the result"
    if isinstance(want, torch.Tensor):
        if not isinstance(got, torch.Tensor):
            return f"{name} is not a tensor"
        if got.shape != want.shape:
            return f"{name} has the shape {tuple(got.shape)} instead of {tuple(want.shape)}"
        a, b = got.double(), want.double()
        if torch.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True):
            return ""
        if not bool(torch.isfinite(a).all()) and bool(torch.isfinite(b).all()):
            return f"{name} is not finite"
        return f"{name} is off by up to {float((a - b).abs().max()):.3g} (values up to {float(b.abs().max()):.3g})"
    if isinstance(want, dict):
        if not isinstance(got, dict) or set(got) != set(want):
            return f"{name} has other entries than expected"
        return next(
            (d for k in want if (d := difference(got[k], want[k], rtol, atol, f"{where}.{k}".lstrip(".")))),
            "",
        )
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            return f"{name} has {len(got) if isinstance(got, list) else 'no'} entries instead of {len(want)}"
        pairs = enumerate(zip(got, want, strict=True))
        return next((d for i, (a, b) in pairs if (d := difference(a, b, rtol, atol, f"{where}[{i}]"))), "")
    if isinstance(want, float) and isinstance(got, int | float):
        same = math.isclose(got, want, rel_tol=rtol, abs_tol=atol) or (math.isnan(got) and math.isnan(want))
        return "" if same else f"{name} is {got:.6g} instead of {want:.6g}"
    return "" if got == want else f"{name} is {got!r:.100} instead of {want!r:.100}"


def close(got: Any, want: Any, what: str = "", rtol: float = 1e-4, atol: float = 1e-6) -> None:
    """Raises `Failed` where two answers differ, see `difference`."""
    words = difference(got, want, rtol, atol, what)
    if words:
        raise Failed(words)


def finite(value: torch.Tensor | State, what: str) -> None:
    """Raises `Failed` where a tensor, or one of a state, holds NaN or infinity, or where there is nothing to look at."""
    expect(len(value) > 0 if isinstance(value, dict) else value.numel() > 0, f"{what} is empty")
    for name, tensor in value.items() if isinstance(value, dict) else [("", value)]:
        if not bool(torch.isfinite(tensor.double()).all()):
            raise Failed(f"{what}{' ' + name if name else ''} is not finite")


def same_form(got: State, want: State, message: str) -> None:
    """Raises `Failed` unless two states have tensors of the same names, shapes and types."""
    form, other = ({name: (t.shape, t.dtype) for name, t in state.items()} for state in (got, want))
    expect(form == other, message)


def same_gradients(got: State, want: State, rtol: float, slack: float) -> None:
    """Raises `Failed` unless each parameter, and nothing else, has its gradient.

    Args:
        got: The gradients of a submission, by the names of their parameters.
        want: Those that are right.
        rtol: What each entry may be off, as a share of it.
        slack: What it may be off besides, as a share of the largest entry of the same gradient.
    """
    for name, gradient in want.items():
        expect(name in got, f"{name} gets no gradient")
        room = slack * float(gradient.abs().max())
        close(got[name], gradient, f"the gradient of {name}", rtol=rtol, atol=room)
    expect(set(got) == set(want), "there are gradients of other parameters than before")


def moved(before: State, after: State, what: str = "training") -> None:
    """Raises `Failed` unless every parameter changed to finite values between two states of the same form."""
    expect(bool(before), "there are no parameters")
    for name, tensor in before.items():
        if name not in after or after[name].shape != tensor.shape:
            raise Failed(f"{name} is missing or has another shape after {what}")
        finite(after[name], f"{name} after {what}")
        # Another type of the same values would not be a move.
        if torch.equal(after[name].double(), tensor.double()):
            raise Failed(f"{name} does not change in {what}")


def median(values: list[float]) -> float:
    """The median, NaN counting as worst (infinity)."""
    ordered = sorted(math.inf if math.isnan(value) else value for value in values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
