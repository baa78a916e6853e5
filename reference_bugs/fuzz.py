"""Odd answers and odd bytes, drawn by hypothesis: what no check and no reader foresaw must be a failed fix all the same.

The first part runs `judge` in this process on answers of the trusted reference that were changed in a drawn way. Nothing
may escape it, and nothing that was changed may be graded as correct. The second part gives drawn bytes to everything
that reads what a child wrote: only the errors that are meant for it may come out, in little time and memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from redgreenbench.reference_bugs.checking import Check
from redgreenbench.reference_bugs.engine.child import Child
from redgreenbench.reference_bugs.engine.inside import framing, wire
from redgreenbench.reference_bugs.engine.inside.framing import HEADER, MAX_ANSWER, WireError
from redgreenbench.reference_bugs.engine.outcome import (
    Budget,
    SubmissionFailed,
    Usage,
    answer_value,
    failure_of,
)
from redgreenbench.reference_bugs.folder import BugFolder
from redgreenbench.reference_bugs.grading import TrustedProgram, judge, load_checks

__all__ = ["READERS", "FuzzResult", "Mutation", "fuzz_bug", "fuzz_reader"]

SECONDS, MEGABYTES = 2.0, 512
"""What one example may take of a reader: seconds of CPU, and growth of the process."""


@dataclass
class FuzzResult:
    """What fuzzing one bug or one reader showed.

    Attributes:
        what: Name of the bug or reader.
        examples: How many were drawn and ran.
        changed: How many of them changed an answer, or were refused by the reader.
        seconds: Wall-clock seconds.
        problem: The shrunk counter-example and what it did; empty where the property held.
    """

    what: str
    examples: int = 0
    changed: int = 0
    seconds: float = 0.0
    problem: str = ""


# --- answers -----------------------------------------------------------------------------------------------------------


class _CachedReference:
    """A program of ours whose answers are kept, so that the same question costs nothing twice."""

    def __init__(self, program: TrustedProgram) -> None:
        self._program = program
        self._answers: dict[str, Any] = {}
        self.returns = program.returns

    def ask(self, probe: str, inputs: dict[str, Any], seed: int) -> dict[str, Any]:
        """An answer, in memory of its own."""
        key = _fingerprint([probe, seed, inputs])
        if key not in self._answers:
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    self._answers[key] = self._program.ask(probe, inputs, seed)
            except SubmissionFailed as failure:
                self._answers[key] = failure
        answer = self._answers[key]
        if isinstance(answer, SubmissionFailed):
            raise answer
        return cast(dict[str, Any], _copied(answer))


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _fingerprint(value: Any) -> str:
    """Equal for values that no check could tell apart: forms, types and numbers, without the sign of zero."""
    digest = hashlib.blake2b(digest_size=16)

    def add(part: Any) -> None:
        if isinstance(part, torch.Tensor):
            digest.update(f"T{part.dtype}{tuple(part.shape)}".encode())
            even = part + 0 if part.is_floating_point() else part
            digest.update(even.contiguous().flatten().view(torch.uint8).numpy().tobytes())
        elif isinstance(part, dict):
            digest.update(f"D{len(part)}".encode())
            for key in sorted(part):
                digest.update(key.encode("utf-8", "surrogatepass") + b"\0")
                add(part[key])
        elif isinstance(part, list):
            digest.update(f"L{len(part)}".encode())
            for item in part:
                add(item)
        elif isinstance(part, int | float) and not isinstance(part, bool):
            same = float(part) + 0.0 if abs(part) < 2**63 or isinstance(part, float) else hex(part)
            digest.update(f"N{same!r}".encode())
        else:
            digest.update(f"{type(part).__name__}{part!a}".encode())

    add(value)
    return digest.hexdigest()


def _nested(depth: int) -> Any:
    value: Any = 1.0
    for _ in range(depth):
        value = [value]
    return value


# What stands for a value, whatever it was.
VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "10**400": lambda: 10**400,
    "-10**400": lambda: -(10**400),
    "2**63": lambda: 2**63,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "-0.0": lambda: -0.0,
    "1e308": lambda: 1e308,
    "True": lambda: True,
    "False": lambda: False,
    "a lone surrogate": lambda: "\ud800",
    "a number as text": lambda: "0.5",
    "an empty list": list,
    "an empty state": dict,
    "nested lists": lambda: _nested(9),
    "a list of text": lambda: ["\udfff"],
    "a tensor without dimensions": lambda: torch.tensor(0.5),
    "an empty tensor": lambda: torch.zeros(0),
    "an empty tensor of three dimensions": lambda: torch.zeros(3, 0, 2),
    "a tensor of 8 dimensions": lambda: torch.ones(1, 1, 1, 1, 1, 1, 1, 2),
    "a large tensor": lambda: torch.zeros(1 << 20),
    "a tensor of truths": lambda: torch.ones(2, dtype=torch.bool),
    "a state of truths": lambda: {"weight": torch.ones(2, dtype=torch.bool)},
    "a state of numbers": lambda: {"weight": 1.0},
}


def _with_last_entry(tensor: torch.Tensor, value: float) -> torch.Tensor:
    if not tensor.is_floating_point() or not tensor.numel():
        return tensor
    tensor = tensor.clone(memory_format=torch.contiguous_format)
    tensor.view(-1)[-1] = value
    return tensor


def _filled_with(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda tensor: torch.full_like(tensor, value if tensor.is_floating_point() else int(value))


def _as_type(kind: torch.dtype) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda tensor: tensor.to(kind)


TENSORS: dict[str, Callable[[torch.Tensor], Any]] = {
    **{
        f"as {kind}".replace("torch.", ""): _as_type(kind)
        for kind in (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.bool)
    },
    "with a dimension more": lambda t: t.unsqueeze(0),
    "with a dimension more at the end": lambda t: t.unsqueeze(-1),
    "flat": lambda t: t.flatten(),
    "its first entry": lambda t: t[:1] if t.dim() else t,
    "without its last entry": lambda t: t[:-1] if t.dim() else t,
    "twice": lambda t: torch.cat([t, t]) if t.dim() else t,
    "none of it": lambda t: t.flatten()[:0],
    "its sum": lambda t: t.sum(),
    "transposed": lambda t: t.transpose(0, -1).contiguous() if t.dim() else t,
    "the wrong way round": lambda t: t.flip(0) if t.dim() else t,
    "negative": lambda t: -t if t.dtype != torch.bool else ~t,
    "zeros": _filled_with(0),
    "ones": _filled_with(1),
    "its first entry everywhere": lambda t: torch.full_like(t, t.flatten()[0].item()) if t.numel() else t,
    "1e30 everywhere": lambda t: torch.full_like(t, 1e30) if t.is_floating_point() else t,
    "nan everywhere": lambda t: torch.full_like(t, math.nan) if t.is_floating_point() else t,
    "one nan": lambda t: _with_last_entry(t, math.nan),
    "one inf": lambda t: _with_last_entry(t, math.inf),
    "one -inf": lambda t: _with_last_entry(t, -math.inf),
    "as a list": lambda t: t.flatten()[:100].tolist(),
    "as one number": lambda t: float(t.flatten()[0]) if t.numel() else t,
}
LISTS: dict[str, Callable[[list[Any]], Any]] = {
    "the wrong way round": lambda v: v[::-1],
    "none of it": lambda v: [],
    "its first entry": lambda v: v[:1],
    "without its last entry": lambda v: v[:-1],
    "without its first entry": lambda v: v[1:],
    "twice": lambda v: v + v,
    "one entry twice": lambda v: v + v[-1:],
    "its first entry everywhere": lambda v: [v[0]] * len(v) if v else v,
    "its last entry everywhere": lambda v: [v[-1]] * len(v) if v else v,
    "in a list": lambda v: [v],
    "each in a list": lambda v: [[item] for item in v],
    "as a state": lambda v: {str(i): item for i, item in enumerate(v)},
    "with None": lambda v: [*v, None],
    "None for its entries": lambda v: [None] * len(v),
    "100,000 entries": lambda v: (
        (v[:1] or [0.0]) * 10**5 if not v or not isinstance(v[0], dict | list) else v
    ),
}


def _rotated_values(value: dict[str, Any]) -> dict[str, Any]:
    items = list(value.values())
    return dict(zip(value, items[1:] + items[:1], strict=True))


DICTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "none of it": lambda v: {},
    "without its first entry": lambda v: {k: v[k] for k in list(v)[1:]},
    "without its last entry": lambda v: {k: v[k] for k in list(v)[:-1]},
    "with an entry more": lambda v: {**v, "more": torch.zeros(2)},
    "with an entry under a surrogate": lambda v: {**v, "\ud800": torch.zeros(2)},
    "under other names": lambda v: {f"{k}.x": item for k, item in v.items()},
    "under empty names": lambda v: {"": next(iter(v.values()))} if v else v,
    "values in turn": _rotated_values,
    "one object for all": lambda v: dict.fromkeys(v, next(iter(v.values()))) if v else v,
    "as a list": lambda v: list(v.values()),
    "names as values": lambda v: {k: k for k in v},
}
NUMBERS: dict[str, Callable[[float], Any]] = {
    "as truth": bool,
    "as text": str,
    "negative": lambda v: -v,
    "larger": lambda v: 2 * v + 1,
    "in a list": lambda v: [v],
    "as a tensor": lambda v: torch.tensor(float(v)),
}
KINDS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "tensor": TENSORS,
    "list": LISTS,
    "dict": DICTS,
    "number": NUMBERS,
}


def _is_kind(kind: str, value: Any) -> bool:
    types: dict[str, Any] = {
        "tensor": torch.Tensor,
        "list": list,
        "dict": dict,
        "number": int | float,
        "value": object,
    }
    return isinstance(value, types[kind]) and not (kind == "number" and isinstance(value, bool))


@dataclass(frozen=True)
class Mutation:
    """A way in which all answers of a program are odd.

    Attributes:
        kind: Which values it is about: ``tensor``, ``list``, ``dict``, ``number``, or any ``value``.
        how: What becomes of them, one of the names above.
        which: The how manieth of them, from 0, counted round; -1: all.
        probe: The how manieth probe's answers, counted round; -1: those of all.
    """

    kind: str
    how: str
    which: int
    probe: int = -1

    def __call__(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with the change in it."""
        count = sum(1 for _ in self._places(answer, True))
        if not count:
            return answer
        chosen = -1 if self.which < 0 else self.which % count
        return cast(dict[str, Any], self._change(answer, chosen, [0], True))

    def _places(self, value: Any, top: bool) -> Iterator[None]:
        if _is_kind(self.kind, value) and not (top and self.kind != "dict"):
            yield
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                yield from self._places(item, False)

    def _change(self, value: Any, chosen: int, seen: list[int], top: bool) -> Any:
        mine = _is_kind(self.kind, value) and not (top and self.kind != "dict")
        hit = mine and chosen in (-1, seen[0])
        seen[0] += mine
        if hit and (chosen >= 0 or not top):
            changed = VALUES[self.how]() if self.kind == "value" else KINDS[self.kind][self.how](value)
            # An answer is a dict, or the protocol ends there.
            return changed if not top or isinstance(changed, dict) else value
        if isinstance(value, dict):
            return {key: self._change(item, chosen, seen, False) for key, item in value.items()}
        if isinstance(value, list):
            return [self._change(item, chosen, seen, False) for item in value]
        return value


@st.composite
def _mutations(draw: st.DrawFn) -> Mutation:
    kind = draw(st.sampled_from(["value", "tensor", "list", "dict", "number"]))
    how = draw(st.sampled_from(list(VALUES if kind == "value" else KINDS[kind])))
    some = st.one_of(st.just(-1), st.integers(0, 40))
    return Mutation(kind, how, draw(some), draw(st.one_of(st.just(-1), st.integers(0, 4))))


@dataclass
class _MutatedReference:
    """The reference with answers that are changed."""

    recorded: _CachedReference
    mutation: Mutation

    def ask(self, probe: str, inputs: dict[str, Any], seed: int) -> dict[str, Any]:
        answer = self.recorded.ask(probe, inputs, seed)
        return self.mutation(answer) if _mutates(self.mutation, probe, self.recorded) else answer


def _mutates(mutation: Mutation, probe: str, recorded: _CachedReference) -> bool:
    probes = list(recorded.returns)
    return mutation.probe < 0 or probes[mutation.probe % len(probes)] == probe


MAY_DIFFER: dict[str, dict[str, set[str]]] = {
    # Any architecture will do, so that nobody knows the names, shapes and values of its weights.
    "nan-after-five-epochs": {"weights": set(), "logits": {"negative"}},
    "shape-mismatch-after-flatten": {
        "before": set(),
        "after": set(),
        "gradients": set(),
        "shapes": set(),
        "images": {"negative"},
        "logits": {"negative"},  # those of a network that is as fresh
    },
    # What counts is that the loss falls, as it does with a bias more or less.
    "cnn-rate-never-lowered": {"trained": set()},
    "residual-net-constant-rate": {"trained": set()},
    # All steps cost about the same, so that their order says nothing, and their sum is compared with room.
    "table-standardized-every-batch": {"work": {"the wrong way round", "larger"}},
    "hook-added-every-epoch": {"operations": {"the wrong way round"}},
    "prefix-read-for-every-bell": {"work": {"larger"}},
    # What counts is whether the weights come to rest, and that rates rise and fall, as they do the other way round.
    "onecycle-max-rate-too-high": {"weights": set(), "seen": set(), "rates": {"the wrong way round"}},
    # What counts is which kinds are told, as many networks tell them.
    "kinds-numbered-per-set": {"weights": set()},
    # What counts of a trace is how large its steps are.
    "post-norm-transformer-without-warmup": {"trace": set()},
    # Directions have no sign.
    "eigh-reads-empty-triangle": {"directions": {"negative"}},
    # A script may train any number of networks.
    "teacher-scores-detached": {"sizes": set()},
    # The same error for every size of a batch is what is right, in any order.
    "batchnorm-learns-from-validation": {"errors": set()},
    # Counted in a check of its own, where there is one.
    "resume-with-fresh-optimizer": {"epochs": set()},
    # A network in float64 is right.
    "float64-numpy-input": {"weights": {"as float64"}, "prices": {"as float64"}},
    # What counts is the loss of the outputs, whatever their type; where the last steps' are others, that of the final ones.
    "plateau-constant-adam-rate": {"final": {"as float64", "as float16", "as bfloat16"}, "last": set()},
}
"""Keys of answers that a right fix may give otherwise, and how (empty: in any way): such a change must not escape, but
may pass."""


@dataclass
class _ObservedReference:
    """The reference, and what it was asked."""

    recorded: _CachedReference
    answers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def ask(self, probe: str, inputs: dict[str, Any], seed: int) -> dict[str, Any]:
        self.answers.append((probe, self.recorded.ask(probe, inputs, seed)))
        return cast(dict[str, Any], _copied(self.answers[-1][1]))


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        database=None,
        deadline=None,
        print_blob=False,
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )


def fuzz_bug(bug: BugFolder, examples: int, start: int = 0) -> FuzzResult:
    """Judges odd answers to the questions of one bug.

    Args:
        bug: The bug.
        examples: How many ways of being odd to draw.
        start: Seed of what is drawn.
    """
    recorded = _CachedReference(TrustedProgram(bug.mended_files, bug.entry, bug.probe))
    checks = load_checks(bug.checks)
    result = FuzzResult(bug.name)
    began = time.monotonic()
    key = f"fuzz{start}"

    def correct(program: Any, some: list[Check]) -> bool:
        return judge(bug, lambda: program, cast(TrustedProgram, recorded), some, key).correct

    answers: dict[str, list[tuple[str, dict[str, Any], dict[str, str]]]] = {}
    for check in checks:
        right = _ObservedReference(recorded)
        if not correct(right, [check]):
            result.problem = f"the reference itself fails {check.id}"
            return result
        # A check asks the same probe again and again: the first and the last answer of each stand for them.
        ends = {probe: answer for probe, answer in reversed(right.answers)}, dict(right.answers)
        answers[check.id] = [
            (probe, answer, {k: _fingerprint(v) for k, v in answer.items()})
            for some in ends
            for probe, answer in some.items()
        ]

    free = MAY_DIFFER.get(bug.name, {})
    last = ""

    @seed(start)
    @_settings(examples)
    @given(_mutations(), st.integers(0, len(checks) - 1))
    def holds(mutation: Mutation, first: int) -> None:
        nonlocal last
        result.examples += 1
        known: list[str] = []
        counted = False
        for check in checks[first:] + checks[:first]:
            keys: set[str] = set()
            for probe, answer, prints in answers[check.id]:
                if not _mutates(mutation, probe, recorded):
                    continue
                odd = mutation(_copied(answer))
                keys |= {k for k in {*odd, *prints} if k not in odd or _fingerprint(odd[k]) != prints.get(k)}
            if not keys:
                continue  # a check whose answers stay as they are passes, as it did above
            result.changed += not counted
            counted = True
            try:
                passed = correct(_MutatedReference(recorded, mutation), [check])
            except Exception as error:
                last = f"{mutation}: {check.id} lets {type(error).__name__} escape: {error}"[:600]
                raise
            if not passed:
                return
            keys -= {key for key, hows in free.items() if not hows or mutation.how in hows}
            known += [f"{', '.join(sorted(keys))} in {check.id}"] if keys else []
        if known:
            last = f"{mutation}: graded as correct, although it changes {'; '.join(known)}"
            raise AssertionError(last)

    try:
        holds()
    except Exception as error:
        result.problem = last or f"{type(error).__name__}: {error}"
    result.seconds = time.monotonic() - began
    return result


# --- bytes -------------------------------------------------------------------------------------------------------------

NONCE = "0123456789abcdef"

_TEXT = st.one_of(
    st.sampled_from(["nonce", "value", "error", "type", "$tensor", "t0", "\ud800", ""]), st.text(max_size=8)
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.just(10**400),
    st.floats(),
    _TEXT,
    st.just("x" * 5000),
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
    max_leaves=12,
)
_TENSOR = st.sampled_from(
    [
        torch.zeros(2, 3),
        torch.zeros(0),
        torch.tensor(1.5),
        torch.ones(4, dtype=torch.int64),
        torch.ones(2, dtype=torch.bool),
        torch.ones(2, dtype=torch.int8),
        torch.full((3,), math.nan, dtype=torch.float64),
    ]
)
_ERRORS = st.one_of(
    _JSON,
    st.dictionaries(st.sampled_from(["type", "message", "line", "text", "function"]), _JSON, max_size=5),
)


def _header(draw: st.DrawFn) -> bytes:
    """A header of safetensors that may lie, with data behind it that may be too short or too long."""
    entry = st.fixed_dictionaries(
        {
            "dtype": st.one_of(st.sampled_from(["F32", "F64", "I64", "BOOL", "F8_E4M3", "X"]), _LEAVES),
            "shape": st.one_of(st.lists(st.integers(-1, 2**62), max_size=10), st.just([2, 3]), _JSON),
            "data_offsets": st.one_of(st.lists(st.integers(-1, 2**63), max_size=3), st.just([0, 24]), _JSON),
        }
    )
    names = st.sampled_from(["t0", "t1", "__metadata__", "\ud800", ""])
    table = draw(st.one_of(st.dictionaries(names, st.one_of(entry, _JSON), max_size=4), _JSON))
    text = json.dumps(table).encode()
    length = draw(st.one_of(st.just(len(text)), st.integers(0, 2**64 - 1), st.integers(0, 64)))
    return (
        struct.pack("<Q", length)
        + text
        + draw(st.binary(max_size=64))
        + bytes(draw(st.sampled_from([0, 24, 48])))
    )


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Bytes instead of an answer: random, almost valid, or valid with a false field."""
    way = draw(st.sampled_from(["bytes", "message", "json", "tensors", "deep"]))
    if way == "bytes":
        return draw(st.binary(max_size=200))
    blob = b""
    if way in ("message", "tensors"):
        value = {f"k{i}": tensor for i, tensor in enumerate(draw(st.lists(_TENSOR, max_size=3)))}
        kind = draw(st.sampled_from(["value", "error"]))
        whole = wire.pack({"nonce": draw(st.sampled_from([NONCE, ""])), kind: value})
        size, _ = framing.part_sizes(whole[: HEADER.size])
        text = whole[HEADER.size : HEADER.size + size]
        blob = whole[HEADER.size + size :]
        if way == "tensors":
            blob = _header(draw)
    elif way == "json":
        answer = {"nonce": NONCE, draw(st.sampled_from(["value", "error", "\ud800"])): draw(_ERRORS)}
        text = json.dumps(draw(st.one_of(st.just(answer), _JSON))).encode()
        if draw(st.booleans()):
            blob = _header(draw)
    else:
        unit, close = draw(
            st.sampled_from([("[", "]"), ('{"a":', "}"), ("1" * 9, ""), ('"a', '"'), ("[1,", "1]")])
        )
        times = draw(st.integers(1, 60_000))
        text = (unit * times + (close * times if draw(st.booleans()) else "")).encode()
    if draw(st.booleans()):
        places = draw(st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=3))
        changed = bytearray(text)
        for place, byte in places:
            if changed:
                changed[place % len(changed)] = byte
        text = bytes(changed)
    lengths = [len(text), len(blob)]
    if draw(st.integers(0, 3)) == 0:
        lengths[draw(st.integers(0, 1))] = draw(st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 300)))
    magic = draw(st.sampled_from([framing.MAGIC] * 7 + [b"RGB2"]))
    frame = HEADER.pack(magic, *lengths) + text + blob
    cut = draw(st.integers(0, 7))
    if cut == 0:
        frame = frame[: draw(st.integers(0, len(frame)))]
    return frame + draw(st.binary(max_size=8)) if cut == 1 else frame


class _IdleParent:
    """In the place of the zygote."""

    def end(self, grace: float) -> Usage:
        """Says that nothing was used."""
        return Usage(status=-9, killed=True)

    def own_seconds(self) -> float:
        """It only rests."""
        return 0.0

    def scratch_bytes(self) -> int:
        """Nothing was written."""
        return 0


def _ask_child(frame: bytes, stays: bool) -> None:
    """One question to a child that answers with a frame, then closes its end or stays."""
    here, there = socket.socketpair()
    pipe, other = os.pipe()
    child = Child(_IdleParent(), here, pipe, Budget(seconds=0.05), 1 << 20)

    def answer() -> None:
        with contextlib.suppress(OSError, WireError):
            question = wire.unpack(framing.receive(there.fileno()))
            there.sendall(frame.replace(NONCE.encode(), question["nonce"].encode()))
        if not stays:
            there.close()

    beside = threading.Thread(target=answer)
    beside.start()
    try:
        child.ask("train", {}, 0)
    finally:
        child.end()
        beside.join()
        there.close()
        os.close(other)


def _read_answer(frame: bytes, outcome: str) -> None:
    answer_value(outcome, frame, NONCE, Budget())


def _read_error(error: Any) -> None:
    failure = failure_of(error)
    if not isinstance(failure, SubmissionFailed) or len(str(failure)) > 1000:
        raise AssertionError(f"{failure!r:.200} is no failure of at most 1,000 characters")
    raise failure


READERS: dict[str, tuple[Callable[..., Any], tuple[st.SearchStrategy[Any], ...], type[Exception]]] = {
    "wire.unpack": (lambda frame: wire.unpack(frame, MAX_ANSWER), (frames(),), WireError),
    "framing.part_sizes": (lambda frame: framing.part_sizes(frame[:16], MAX_ANSWER), (frames(),), WireError),
    "outcome.answer_value": (
        _read_answer,
        (frames(), st.sampled_from(["done", "done", "done", "timeout", "rested", "gone", "large"])),
        SubmissionFailed,
    ),
    "outcome.failure_of": (_read_error, (_ERRORS,), SubmissionFailed),
    "Child._exchange": (_ask_child, (frames(), st.booleans()), SubmissionFailed),
}
"""Whatever reads what a child wrote: what to call, with what, and the one error that may come out."""


def fuzz_reader(name: str, examples: int, start: int = 0) -> FuzzResult:
    """Gives odd bytes to a reader.

    Args:
        name: One of `READERS`.
        examples: How many to draw.
        start: Seed of what is drawn.
    """
    call, given_to, meant = READERS[name]
    result = FuzzResult(name)
    began = time.monotonic()
    last = ""

    @seed(start)
    @_settings(examples)
    @given(st.tuples(*given_to))
    def holds(drawn: tuple[Any, ...]) -> None:
        nonlocal last
        result.examples += 1
        peak, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        shown = ", ".join(f"{part!r:.300}" for part in drawn)
        try:
            call(*drawn)
        except meant:
            result.changed += 1
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            last = f"{shown}: {type(error).__name__}: {error}"[:1000]
            raise AssertionError(last) from error
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) >> 10
        spent = time.process_time() - cpu
        if grown > MEGABYTES or spent > SECONDS:
            last = f"{shown}: took {spent:.1f} s and {grown} MB"
            raise AssertionError(last)

    try:
        holds()
    except Exception as error:
        result.problem = last or f"{type(error).__name__}: {error}"
    result.seconds = time.monotonic() - began
    return result
