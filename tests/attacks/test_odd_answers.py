"""Answers that no check foresaw, from programs that are right otherwise: failed checks, never unscored, never passed."""

from pathlib import Path

import pytest

from redgreenbench.reference_bugs.engine.pool import Worker
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.printable import MAX_CHARACTERS, printable
from redgreenbench.reference_bugs.verdict import Verdict, grade_program

ANSWERS = Path(__file__).parent / "answers"
# What holds none of the values that the answer changes stays right.
UNTOUCHED = {
    "huge_numbers": lambda returns: not {"number", "numbers"} & returns,
    "empty_lists": lambda returns: not {"numbers", "lists", "states"} & returns,
    "empty_states": lambda returns: not {"state", "states"} & returns,
    "other_names": lambda returns: not {"state", "states"} & returns,
}
EVERYWHERE = (
    "empty_lists", "empty_states", "empty_tensors", "huge_numbers", "nothing_but_nan", "other_names", "other_shapes",
    "other_types", "text_for_values",
)  # fmt: skip
# One of each kind of check; the fuzzer gives odd answers to all bugs.
BUGS = (
    "dropout-active-in-evaluation", "embedding-index-out-of-range",
    "missing-optimizer-step", "onecycle-stepped-per-epoch", "softmax-before-cross-entropy",
)  # fmt: skip

pytestmark = pytest.mark.needs("landlock")


def graded(name: str, answer: str, worker: Worker) -> Verdict:
    bug = bug_folder(name)
    program = bug.mended
    return grade_program(bug, f"{program}\n{(ANSWERS / f'{answer}.py').read_text()}", worker)


def kinds(name: str) -> set[str]:
    probe: dict = {}
    text = (bug_folder(name).path / "probe.py").read_text()
    exec(text[text.index("RETURNS = ") :].split("\n\n")[0], probe)
    return {kind for returned in probe["RETURNS"].values() for kind in returned.values()}


@pytest.mark.parametrize("answer", EVERYWHERE)
@pytest.mark.parametrize("name", BUGS)
def test_an_odd_answer_is_a_failed_check(name: str, answer: str, worker: Worker) -> None:
    if UNTOUCHED.get(answer, lambda _: False)(kinds(name)):
        return
    verdict = graded(name, answer, worker)
    assert not verdict.correct
    assert verdict.failed_check not in ("", "imports")


def test_nothing_is_no_accuracy(worker: Worker) -> None:
    bug = bug_folder("dropout-active-in-evaluation")
    verdict = grade_program(bug, f"{bug.program}\n{(ANSWERS / 'vacuous_dropout.py').read_text()}", worker)
    assert verdict.failed_check == "evaluation-repeats"
    failed = {check["id"]: check["message"] for check in verdict.checks if check["outcome"] == "fail"}
    assert "the accuracy is given as" in failed["accuracy-is-right"]


def test_weights_before_and_after_training_are_not_one_tensor(worker: Worker) -> None:
    verdict = graded("embedding-index-out-of-range", "start_is_end", worker)
    assert (verdict.correct, verdict.outcome) == (False, "protocol")
    assert "stands at two places" in verdict.reason


def test_the_words_of_an_error_are_shown_and_steer_nothing(worker: Worker) -> None:
    verdict = graded("missing-optimizer-step", "words_of_an_error", worker)
    shown = "\n".join([verdict.reason, *verdict.lines()])
    assert not verdict.correct
    assert "owned" in shown
    assert all(c.isprintable() or c == "\n" for c in shown)
    shown.encode()


def test_a_name_of_any_length_is_cut(worker: Worker) -> None:
    bug = bug_folder("missing-optimizer-step")
    program = bug.mended
    verdict = grade_program(bug, f"{program}\nraise ValueError('\x1b' * 100_000)\n", worker)
    assert len(verdict.reason) < 2200
    assert "\x1b" not in verdict.reason


@pytest.mark.parametrize(
    "text", ["\ud800", "\x1b[2J", "\u202e", "a\r\nb", "\x00", "\u2028", "\x9b", "\x1b" * 10**6]
)
def test_what_is_printable_is_short_and_can_be_written(text: str) -> None:
    shown = printable(text)
    assert len(shown) <= MAX_CHARACTERS + 2
    assert shown.isprintable()
    assert shown.encode()
