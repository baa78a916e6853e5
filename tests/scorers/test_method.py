"""The detectors of an agent's method against labelled transcripts, and what they do in cases that no transcript shows.

The detectors were improved on these transcripts, so that agreement here flatters them, most of all for `hypothesis`,
which hears words: unseen prose holds causes told in words that it does not know.
"""

import hashlib
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
)
from inspect_ai.scorer import Score
from inspect_ai.tool import ToolCall
from inspect_ai.util import Store

from redgreenbench.evals.agents.history import History, Snapshot, Spent
from redgreenbench.reference_bugs.extraction import apply_patch
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder, bug_names
from redgreenbench.scorers.method import score_method, states_cause

TRANSCRIPTS = yaml.safe_load((Path(__file__).parents[1] / "data" / "agent_transcripts.yaml").read_text())
LABELS = ("reproduced", "read_error", "hypothesis", "one_change", "verified")
FLOORS = {"reproduced": 0.8, "read_error": 0.6, "hypothesis": 0.6, "one_change": 0.8, "verified": 0.8}
"""Cohen's kappa that a detector has to reach."""
NEAR = "several things changed in a few lines side by side are counted as one place"
BEYOND = {
    ("no-run-user-traceback-shape", "one_change"): NEAR,
    ("user-words-float64", "one_change"): NEAR,
}
"""Where a detector is known to disagree with the label, and why."""
ARGUMENT = {"bash": "command", "python": "code"}


def program_after(call: dict[str, Any], bug: BugFolder) -> str | None:
    """The program's text after a call that changed it; None where it did not."""
    if "program" in call:
        return call["program"].rstrip("\n")
    if "patch" not in call:
        return None
    if call["patch"] == "original":
        return bug.program
    return apply_patch(bug.program, (bug.path / f"{call['patch']}.patch").read_text("utf-8")).rstrip("\n")


def recorded(
    turns: list[dict[str, Any]], bug: BugFolder, watched: bool = True
) -> tuple[list[ChatMessage], History]:
    """A transcript as messages and history.

    Args:
        turns: The assistant's turns, as in the file of transcripts.
        bug: The bug that they work on.
        watched: Whether single calls were watched; otherwise only the turn of a change is known.
    """
    texts: dict[str, str] = {}
    snapshots: list[Snapshot] = []

    def see(text: str, turn: int = 0, calls: int = 0, call: str = "") -> None:
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        if snapshots and snapshots[-1].digest == digest:
            return
        texts[digest] = text
        snapshots.append(Snapshot(digest=digest, spent=Spent(turns=turn, calls=calls), call=call))

    see(bug.program)
    messages: list[ChatMessage] = [ChatMessageUser(content="My program fails. Please help.")]
    done, text = 0, bug.program
    for number, turn in enumerate(turns, 1):
        calls, answers = [], []
        for given in turn.get("calls", ()):
            done += 1
            function = next(name for name in ("bash", "python", "text_editor") if name in given)
            argument = given[function]
            arguments = argument if isinstance(argument, dict) else {ARGUMENT[function]: argument}
            calls.append(ToolCall(id=f"call-{done}", function=function, arguments=arguments))
            answers.append(
                ChatMessageTool(
                    content=given.get("output", ""), tool_call_id=f"call-{done}", function=function
                )
            )
            text = program_after(given, bug) or text
            if watched:
                see(text, number, done, f"call-{done}")
        see(text, number, done)
        messages.append(ChatMessageAssistant(content=turn.get("says", ""), tool_calls=calls or None))
        messages.extend(answers)
    # Without a store of its own it would share the process's default one.
    return messages, History(
        store=Store(),
        snapshots=snapshots,
        texts=texts,
        total=Spent(turns=len(turns), calls=done),
        ended="done",
    )


def scored(transcript: dict[str, Any]) -> Score:
    bug = bug_folder(transcript["bug"])
    messages, history = recorded(transcript["turns"], bug)
    return score_method(messages, history, bug, None)


def found(score: Score, label: str) -> bool | None:
    assert isinstance(score.value, dict)
    value = score.value[label]
    assert isinstance(value, float)
    return None if math.isnan(value) else bool(value)


def kappa(pairs: list[tuple[bool, bool]]) -> float:
    """Cohen's kappa of two readers: (observed - expected) / (1 - expected) agreement (Cohen 1960)."""
    n = len(pairs)
    observed = sum(a == b for a, b in pairs) / n
    first, second = sum(a for a, _ in pairs) / n, sum(b for _, b in pairs) / n
    expected = first * second + (1 - first) * (1 - second)
    return (observed - expected) / (1 - expected)


def agreement(label: str) -> list[tuple[bool, bool]]:
    """Label and detector of each transcript to which the label applies."""
    return [
        (t["labels"][label], found(scored(t), label) is True)
        for t in TRANSCRIPTS
        if t["labels"][label] is not None
    ]


def test_the_labelled_set_is_broad_and_balanced() -> None:
    assert len(TRANSCRIPTS) == len({t["id"] for t in TRANSCRIPTS}) == 36
    bugs = Counter(t["bug"] for t in TRANSCRIPTS)
    assert len(bugs) >= 8
    assert sum(t["labels"]["read_error"] is not None for t in TRANSCRIPTS) >= 18
    for label in LABELS:
        given = [t["labels"][label] for t in TRANSCRIPTS if t["labels"][label] is not None]
        assert 0.4 <= sum(given) / len(given) <= 0.6, label
    # What the detectors are known not to understand stays a small, named part.
    assert len(BEYOND) <= 3


@pytest.mark.parametrize("label", LABELS)
def test_a_detector_agrees_with_the_reader_beyond_chance(label: str) -> None:
    pairs = agreement(label)
    counts = Counter(pairs)
    told = (
        f"{len(pairs)} transcripts: {counts[True, True]} both yes, {counts[False, False]} both no, "
        f"{counts[True, False]} missed, {counts[False, True]} over; kappa {kappa(pairs):.2f}"
    )
    assert kappa(pairs) >= FLOORS[label], told


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda t: t["id"])
def test_a_transcript_is_judged_as_a_reader_would(
    transcript: dict[str, Any], label: str, request: pytest.FixtureRequest
) -> None:
    if reason := BEYOND.get((transcript["id"], label)):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    assert found(scored(transcript), label) == transcript["labels"][label]


def test_kappa_is_one_for_agreement_and_nought_for_chance() -> None:
    assert kappa([(True, True), (False, False)]) == 1.0
    assert kappa([(True, True), (True, False), (False, True), (False, False)]) == 0.0
    # 20 both yes, 15 both no, 5 and 10 apart: (0.7 - 0.5) / (1 - 0.5).
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    assert kappa(pairs) == pytest.approx(0.4)


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
