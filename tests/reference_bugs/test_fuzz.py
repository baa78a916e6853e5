"""The short form of the fuzzer, and what it must find: a check and a reader that are too weak."""

import json
import math

import pytest
import torch

from redgreenbench.reference_bugs import fuzz
from redgreenbench.reference_bugs.__main__ import main
from redgreenbench.reference_bugs.checking import Check, Grade
from redgreenbench.reference_bugs.folder import bug_folder, bug_names
from redgreenbench.reference_bugs.fuzz import READERS, Mutation, fuzz_bug, fuzz_reader

# Their references train long, so that they are left to the command.
LONG = {
    "nan-after-five-epochs",
    "plateau-constant-adam-rate",
    "post-norm-transformer-without-warmup",
    "reduce-on-plateau-wrong-metric",
}
BUGS = [name for name in bug_names(private=False) if name not in LONG]
# One of each family with every change, all once a week.
FIRST = {bug_folder(name).about["family"]: name for name in reversed(BUGS)}.values()
CASES = [pytest.param(name, marks=[] if name in FIRST else pytest.mark.slow) for name in BUGS]
SIMPLE = bug_folder("softmax-before-cross-entropy")


@pytest.mark.parametrize("name", CASES)
def test_an_odd_answer_never_escapes_and_is_never_right(name: str) -> None:
    fuzzed = fuzz_bug(bug_folder(name), 30)
    assert fuzzed.problem == ""
    assert fuzzed.examples >= 30
    assert fuzzed.changed > 10


@pytest.mark.parametrize("name", READERS)
def test_odd_bytes_are_refused(name: str) -> None:
    fuzzed = fuzz_reader(name, 100)
    assert fuzzed.problem == ""
    assert fuzzed.examples >= 100
    assert fuzzed.changed > 10


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (fuzz_bug(SIMPLE, 30, start) for start in (3, 3, 4))
    assert (first.examples, first.changed) == (again.examples, again.changed)
    assert first.changed != other.changed or first.problem == other.problem == ""


def weakened(monkeypatch: pytest.MonkeyPatch, run) -> None:
    weak = Check("weak", "cause", "a claim", run)
    monkeypatch.setattr(fuzz, "load_checks", lambda path: [weak])


def data(grade: Grade) -> dict:
    weights = {"fc1.weight": grade.normal(64, 64), "fc1.bias": grade.normal(64)}
    state = weights | {"fc2.weight": grade.normal(10, 64), "fc2.bias": grade.normal(10)}
    return {"state": state, "data": grade.normal(4, 64), "training": False}


def test_a_check_that_believes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    weakened(monkeypatch, lambda grade: grade.ask("predict", **data(grade)) and None)
    fuzzed = fuzz_bug(SIMPLE, 200)
    assert "graded as correct, although it changes classes in weak" in fuzzed.problem


def test_a_check_that_raises_for_the_reference_alone_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(grade: Grade) -> None:
        classes = grade.ask("predict", **data(grade))["classes"]
        if len(classes) != 4:
            raise SystemError("a flaw")

    weakened(monkeypatch, run)
    assert "SystemError" not in fuzz_bug(SIMPLE, 200).problem


def test_a_reader_that_lets_errors_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    _, given_to, meant = READERS["wire.unpack"]
    monkeypatch.setitem(READERS, "wire.unpack", (lambda frame: json.loads(frame[16:]), given_to, meant))
    assert "Error" in fuzz_reader("wire.unpack", 100).problem


@pytest.mark.parametrize(
    ("mutation", "wanted"),
    [
        (Mutation("list", "the wrong way round", -1), {"a": [2.0, 1.0], "b": {"x": 1.0}}),
        (Mutation("number", "larger", 1), {"a": [1.0, 5.0], "b": {"x": 1.0}}),
        (Mutation("dict", "none of it", 1), {"a": [1.0, 2.0], "b": {}}),
        (Mutation("value", "10**400", 0), {"a": 10**400, "b": {"x": 1.0}}),
        (Mutation("tensor", "zeros", -1), {"a": [1.0, 2.0], "b": {"x": 1.0}}),
    ],
)
def test_a_mutation_changes_what_it_says(mutation: Mutation, wanted: dict) -> None:
    assert mutation({"a": [1.0, 2.0], "b": {"x": 1.0}}) == wanted


def test_what_no_check_could_tell_apart_is_the_same() -> None:
    same = fuzz._fingerprint
    assert same([0.0, torch.zeros(2)]) == same([-0.0, -torch.zeros(2)])
    assert same({"a": 1, "b": 2}) == same({"b": 2, "a": 1})
    assert same(1) == same(1.0) != same(True)
    assert same(torch.zeros(2)) != same(torch.zeros(2, dtype=torch.float64))
    assert same(10**400) != same(math.inf)


def test_the_command_says_what_held(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "--bug", SIMPLE.name, "--examples", "20"]) == 0
    assert "softmax-before-cross-entropy: holds: " in capsys.readouterr().out


def test_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "hypothesis", None)
    monkeypatch.delitem(__import__("sys").modules, "redgreenbench.reference_bugs.fuzz")
    assert main(["fuzz", "--bug", SIMPLE.name]) == 2
    assert capsys.readouterr().err == "the fuzzer needs hypothesis; install it: pip install hypothesis\n"
