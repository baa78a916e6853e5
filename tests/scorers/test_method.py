"""An agent's method against labelled transcripts, and what its rules do in cases that no transcript shows."""

from typing import Any

import pytest
from inspect_ai.model import ChatMessage

from redgreenbench.evals.agents.history import History
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder, bug_names
from redgreenbench.scorers.calibration.transcripts import Transcript, Turn, load_transcripts, replay
from redgreenbench.scorers.method import KEYS, method_of

TRANSCRIPTS = load_transcripts()
NEAR = "several things changed in a few lines side by side are counted as one place"
BEYOND = {
    ("no-run-user-traceback-shape", "one_change"): NEAR,
}
"""Where a rule is known to disagree with the label, and why."""


def recorded(
    turns: list[dict[str, Any]], bug: BugFolder, watched: bool = True
) -> tuple[list[ChatMessage], History]:
    return replay([Turn.model_validate(turn) for turn in turns], bug, watched)


@pytest.mark.parametrize("label", KEYS)
@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda t: t.id)
def test_a_transcript_is_judged_as_a_reader_would(
    transcript: Transcript, label: str, request: pytest.FixtureRequest
) -> None:
    if reason := BEYOND.get((transcript.id, label)):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    bug = bug_folder(transcript.bug)
    assert method_of(*replay(transcript.turns, bug), bug).get(label) == getattr(transcript.labels, label)


RUN = {"bash": "python program.py"}
FIX = {"bash": "sed -i s/64/57600/ program.py", "patch": "fixes/reference"}
SHAPE = "shape-mismatch-after-flatten"


def values(turns: list[dict[str, Any]], watched: bool = True) -> dict[str, bool]:
    bug = bug_folder(SHAPE)
    return method_of(*recorded(turns, bug, watched), bug)


def test_without_a_change_only_running_is_judged() -> None:
    assert values([{"calls": [RUN]}]) == {"reproduced": True}
    assert values([{"says": "Hello."}]) == {"reproduced": False}


def test_a_change_of_which_only_the_turn_is_known_is_the_last_call_of_that_turn() -> None:
    turns = [{"calls": [RUN, FIX]}, {"calls": [RUN]}]
    assert values(turns, watched=False) == values(turns)
    assert values(turns, watched=False)["reproduced"] is True
    assert values(turns[:1], watched=False)["verified"] is False


def test_parallel_calls_of_a_turn_count_in_their_order() -> None:
    assert values([{"calls": [RUN, FIX]}])["reproduced"] is True
    assert values([{"calls": [RUN, FIX]}])["verified"] is False
    assert values([{"calls": [FIX, RUN]}])["reproduced"] is False
    assert values([{"calls": [FIX, RUN]}])["verified"] is True


def test_a_command_that_changes_and_then_runs_verifies_but_does_not_reproduce() -> None:
    both = {"bash": "sed -i s/64/57600/ program.py && python program.py", "patch": "fixes/reference"}
    found_there = values([{"calls": [both]}])
    assert (found_there["reproduced"], found_there["verified"]) == (False, True)
    # It also stands between this change and the next.
    assert values([{"calls": [both]}, {"calls": [FIX | {"patch": "original"}]}])["one_change"] is True


@pytest.mark.parametrize("name", [n for n in bug_names() if not bug_folder(n).clean])
def test_every_reference_fix_is_one_change_and_a_new_program_is_none(name: str) -> None:
    bug = bug_folder(name)
    for change, single in (
        ({"patch": "fixes/reference"}, True),
        ({"program": "\n".join(f"x{i} = {i}" for i in range(60))}, False),
    ):
        messages, history = recorded([{"calls": [RUN | change]}], bug)
        assert method_of(messages, history, bug)["one_change"] is single
