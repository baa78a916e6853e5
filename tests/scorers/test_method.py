"""The detectors of an agent's method against labelled transcripts, and what they do in cases that no transcript shows.

The detectors were improved on these transcripts, so that agreement here flatters them, most of all for `hypothesis`,
which hears words: unseen prose holds causes told in words that it does not know.
"""

import json
import math
from typing import Any

import pytest
from click.testing import CliRunner
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ContentReasoning, ContentText
from inspect_ai.scorer import Score

from redgreenbench.cli import main
from redgreenbench.evals.agents.history import History
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder, bug_names
from redgreenbench.scorers.calibration.agreement import agreement
from redgreenbench.scorers.calibration.transcripts import (
    LABELS,
    Transcript,
    Turn,
    load_transcripts,
    method_pairs,
    replay,
)
from redgreenbench.scorers.method import score_method, states_cause

TRANSCRIPTS = load_transcripts()
FLOORS = {"reproduced": 0.8, "read_error": 0.6, "hypothesis": 0.6, "one_change": 0.8, "verified": 0.8}
"""Cohen's kappa that a detector has to reach."""
NEAR = "several things changed in a few lines side by side are counted as one place"
BEYOND = {
    ("no-run-user-traceback-shape", "one_change"): NEAR,
    ("user-words-float64", "one_change"): NEAR,
}
"""Where a detector is known to disagree with the label, and why."""


def recorded(
    turns: list[dict[str, Any]], bug: BugFolder, watched: bool = True
) -> tuple[list[ChatMessage], History]:
    return replay([Turn.model_validate(turn) for turn in turns], bug, watched)


def scored(transcript: Transcript) -> Score:
    bug = bug_folder(transcript.bug)
    return score_method(*replay(transcript.turns, bug), bug, None)


def label_of(transcript: Transcript, label: str) -> bool | None:
    value: bool | None = getattr(transcript.labels, label)
    return value


def found(score: Score, label: str) -> bool | None:
    assert isinstance(score.value, dict)
    value = score.value[label]
    assert isinstance(value, float)
    return None if math.isnan(value) else bool(value)


def test_the_labelled_set_is_broad_and_balanced() -> None:
    assert len(TRANSCRIPTS) == len({t.id for t in TRANSCRIPTS}) == 36
    assert len({t.bug for t in TRANSCRIPTS}) >= 8
    assert sum(t.labels.read_error is not None for t in TRANSCRIPTS) >= 18
    for label in LABELS:
        given = [said for t in TRANSCRIPTS if (said := label_of(t, label)) is not None]
        assert 0.4 <= sum(given) / len(given) <= 0.6, label
    # What the detectors are known not to understand stays a small, named part.
    assert len(BEYOND) <= 3


@pytest.mark.parametrize("label", LABELS)
def test_a_detector_agrees_with_the_reader_beyond_chance(label: str) -> None:
    assert agreement(list(method_pairs()[f"method.{label}"].values())).kappa >= FLOORS[label]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda t: t.id)
def test_a_transcript_is_judged_as_a_reader_would(
    transcript: Transcript, label: str, request: pytest.FixtureRequest
) -> None:
    if reason := BEYOND.get((transcript.id, label)):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    assert found(scored(transcript), label) == label_of(transcript, label)


RUN = {"bash": "python program.py"}
FIX = {"bash": "sed -i s/64/57600/ program.py", "patch": "fixes/reference"}
SHAPE = "shape-mismatch-after-flatten"
CAUSE = "The cause is the input size of fc1."
ERROR = "Line 18 multiplies 4x57600 with 64x128."


def values(turns: list[dict[str, Any]], watched: bool = True) -> dict[str, bool | None]:
    bug = bug_folder(SHAPE)
    messages, history = recorded(turns, bug, watched)
    score = score_method(messages, history, bug, None)
    return {label: found(score, label) for label in LABELS}


def test_without_a_change_only_running_and_reading_are_judged() -> None:
    assert values([{"says": ERROR, "calls": [RUN]}]) == {
        "reproduced": True,
        "read_error": True,
        "hypothesis": None,
        "one_change": None,
        "verified": None,
    }
    assert values([{"says": "Hello."}])["reproduced"] is False


def test_a_change_of_which_only_the_turn_is_known_is_the_last_call_of_that_turn() -> None:
    turns = [{"says": CAUSE, "calls": [RUN, FIX]}, {"calls": [RUN]}]
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


def test_reasoning_counts_as_said() -> None:
    bug = bug_folder(SHAPE)
    messages, history = recorded([{"calls": [RUN]}, {"calls": [FIX]}], bug)
    assert isinstance(messages[3], ChatMessageAssistant)
    messages[3].content = [ContentReasoning(reasoning=f"{ERROR} {CAUSE}"), ContentText(text="Editing.")]
    score = score_method(messages, history, bug, None)
    assert found(score, "read_error") is True
    assert found(score, "hypothesis") is True


def test_comments_that_open_a_command_count_as_said_and_others_do_not() -> None:
    opening = FIX | {"bash": f"#!/bin/bash\n# {ERROR}\n# {CAUSE}\n{FIX['bash']}"}
    assert values([{"calls": [opening]}])["hypothesis"] is True
    assert values([{"calls": [opening]}])["read_error"] is True
    inside = FIX | {"bash": f"{FIX['bash']}\n# {ERROR}\n# {CAUSE}"}
    assert values([{"calls": [inside]}])["hypothesis"] is False
    assert values([{"calls": [inside]}])["read_error"] is False


def test_what_tools_print_is_not_said() -> None:
    shown = RUN | {"output": bug_folder(SHAPE).symptom + f"\n{CAUSE}"}
    told = values([{"calls": [shown]}, {"calls": [FIX]}])
    assert (told["read_error"], told["hypothesis"]) == (False, False)


def test_a_figure_of_the_error_is_not_found_inside_another() -> None:
    assert values([{"says": "Line 18 multiplies 14x576001 with 640x1280."}])["read_error"] is False


@pytest.mark.parametrize("name", bug_names())
def test_every_reference_fix_is_one_change_and_a_new_program_is_none(name: str) -> None:
    bug = bug_folder(name)
    for change, single in (
        ({"patch": "fixes/reference"}, True),
        ({"program": "\n".join(f"x{i} = {i}" for i in range(60))}, False),
    ):
        messages, history = recorded([{"calls": [RUN | change]}], bug)
        assert found(score_method(messages, history, bug, None), "one_change") is single


@pytest.mark.parametrize(
    "text",
    [
        "You never zero the gradients between batches.",
        "ReduceLROnPlateau is in mode min although accuracy is passed to it.",
        "Root cause: the model returns probabilities and the loss wants logits.",
        "log(1 - p) becomes -inf once p rounds to 1.",
        "The position buffer stays on the CPU since it's a plain attribute.",
        "There are several possible causes:\n- the rate\n- the data\n\nI think it is the rate.",
        pytest.param(
            "A tensor of the GPU meets an index tensor of the CPU in forward.",
            marks=pytest.mark.xfail(reason="a cause told without a word of fault or reason", strict=True),
        ),
    ],
)
def test_a_stated_cause_is_heard(text: str) -> None:
    assert states_cause(text)


@pytest.mark.parametrize(
    "text",
    [
        "The loss is NaN from epoch 6 on.",
        "Training is fine but validation accuracy is poor.",
        "I'm going to add gradient clipping and a smaller rate.",
        "The program prints ten lines and exits with an error.",
        "Is the learning rate too high?",
        "It could be the data, the rate or the initialisation.",
        "Possible reasons:\n\n1. the rate is too high\n2. the optimizer is never stepped",
    ],
)
def test_a_plan_a_report_or_a_list_of_what_may_be_states_no_cause(text: str) -> None:
    assert not states_cause(text)


def test_the_command_shows_them_beside_the_other_detectors() -> None:
    done = CliRunner().invoke(main, ["calibrate", "--json"])
    assert done.exit_code == 0, done.output
    detectors = json.loads(done.stdout)["detectors"]
    assert {f"method.{label}" for label in LABELS} < set(detectors)
    assert detectors["method.read_error"]["n"] == 24
