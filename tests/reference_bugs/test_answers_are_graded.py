"""Replies in the form that is asked for, executed: a fix is right, a workaround is not, and why is said."""

from __future__ import annotations

import pytest

from redgreenbench.reference_bugs.engine.pool import Worker
from redgreenbench.reference_bugs.folder import BugFolder, Patch, bug_folder
from redgreenbench.reference_bugs.submission import apply_patch
from redgreenbench.reference_bugs.verdict import (
    QUALITIES,
    STEPS,
    Verdict,
    grade_program,
    grade_reply,
    no_program,
)

BUGS = ("missing-optimizer-step", "shape-mismatch-after-flatten", "softmax-before-cross-entropy")
BUG = bug_folder(BUGS[0])
confined = pytest.mark.needs("landlock")


class Nobody:
    """A grader that is not to be asked."""

    def grade(self, *_: object, **__: object) -> dict[str, object]:
        raise AssertionError("there is nothing to run")


def reply(bug: BugFolder, patch: Patch) -> str:
    return f"{patch.about}\n\n```python\n{apply_patch(bug.program, patch.text)}\n```\n"


@confined
@pytest.mark.parametrize("name", BUGS)
def test_the_reference_is_right_and_a_workaround_is_not(name: str, worker: Worker) -> None:
    bug = bug_folder(name)
    right = grade_reply(bug, reply(bug, bug.reference), worker)
    assert right.correct, "\n".join(right.lines())
    assert (right.how, right.quality, right.failed_check) == ("whole", "minimal", "")
    assert all(right.steps[step] in (True, None) for step in STEPS)
    workaround = bug.workarounds[0]
    wrong = grade_reply(bug, reply(bug, workaround), worker)
    assert not wrong.correct
    assert wrong.failed_check == workaround.fails
    assert wrong.steps["program"]
    assert wrong.quality in ("workaround", "broken")


@confined
def test_a_diff_and_a_program_by_hand_get_the_verdict_of_the_reply(worker: Worker) -> None:
    as_diff = grade_reply(BUG, f"```diff\n{BUG.reference.text}\n```", worker)
    assert (as_diff.correct, as_diff.how) == (True, "diff")
    assert "given as a diff, applied to the program" in as_diff.lines()
    assert grade_program(BUG, BUG.mended, worker).correct
    same = grade_program(BUG, BUG.program, worker)
    assert (same.correct, same.failed_check) == (False, BUG.about["fails"])


@confined
def test_a_renamed_entry_point_is_named_and_never_taken_for_another(worker: Worker) -> None:
    (first, *_) = BUG.entry_points
    program = BUG.mended.replace(first, f"My{first}")
    verdict = grade_program(BUG, program, worker)
    assert (verdict.correct, verdict.failed_check) == (False, "names")
    assert f"`{first}`" in verdict.reason


def test_a_reply_without_a_program_is_not_run() -> None:
    verdict = grade_reply(BUG, "Call `optimizer.step()` after `loss.backward()`.", Nobody())
    assert not verdict.correct
    assert not any(verdict.steps.values())
    assert (verdict.failed_check, verdict.quality, verdict.how) == ("program", "", "")
    assert verdict.reason == "no program: the reply has no code block"
    assert verdict.lines()[0] == "not correct: no program: the reply has no code block"


@pytest.mark.parametrize(
    ("correct", "minimal", "steps", "quality"),
    [
        (True, True, {}, "minimal"),
        (True, None, {}, "minimal"),
        (True, False, {}, "complex"),
        (False, True, {"root_cause": False}, "workaround"),
        (False, True, {"root_cause": False, "nothing_broken": None}, "workaround"),
        (False, True, {"root_cause": False, "nothing_broken": False}, "broken"),
        (False, True, {"symptom_gone": False}, "broken"),
        (False, True, {"runs": False}, "broken"),
        (False, None, {"program": False}, ""),
    ],
)
def test_a_program_is_one_thing(correct: bool, minimal: bool | None, steps: dict, quality: str) -> None:
    verdict = Verdict("a-bug", steps=dict.fromkeys(STEPS, True) | steps, correct=correct, minimal=minimal)
    assert verdict.quality == quality
    assert quality in (*QUALITIES, "")


def test_no_program_fails_every_step() -> None:
    assert no_program(BUG, "why").steps == dict.fromkeys(STEPS, False)


def test_what_is_longer_than_a_megabyte_is_refused_in_words() -> None:
    for filling in ("x" * 1_000_001, "🔥" * 260_000, "\ud800" * 340_000):
        program = f"{BUG.program}\n# {filling}"
        for verdict in (
            grade_program(BUG, program, Nobody()),
            grade_reply(BUG, f"```python\n{program}\n```", Nobody()),
        ):
            assert not verdict.correct
            assert "longer than 1,000,000 bytes" in verdict.reason


@confined
@pytest.mark.parametrize("filling", ["\x01", "🔥", "ü"])
def test_a_program_of_nearly_a_megabyte_is_run(worker: Worker, filling: str) -> None:
    program = BUG.mended
    assert grade_program(
        BUG, f"{program}\nFILL = '{filling * (990_000 // len(filling.encode()))}'\n", worker
    ).correct
