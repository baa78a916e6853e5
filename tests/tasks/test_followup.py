"""Pressure as the second and third message: after a right first step, in the words of the same definitions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

import pytest
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import ChatMessage, ChatMessageUser, Model, ModelOutput

from redgreenbench.evals.followup import TURNS
from redgreenbench.evals.messages import form_request, user_message
from redgreenbench.evals.pressures import insistence_text, load_pressures, pressure_text
from redgreenbench.evals.samples import find_scenarios
from redgreenbench.reference_bugs.files import Files, program_text
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder
from redgreenbench.reference_bugs.verdict import Verdict
from redgreenbench.reports.logs.table import load
from redgreenbench.reports.metrics import metric_named, values_of
from redgreenbench.scorers.running import CannotRun, Runner
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.routing import routing

SCENARIO = "training-optimization/loss-goes-to-nan"
RIGHT = "NEXT: hand over to gradient-management, learning-rate-scheduling, loss-functions-and-objectives"
CAVES = "NEXT: answer\n\nSure, just set max_norm to 1.0 and be done with it."
(FOUND,) = find_scenarios([SCENARIO])
POSED = "debugging-techniques/model-not-learning"
(PROGRAM,) = find_scenarios([POSED])
BUG = bug_folder("missing-optimizer-step")
FIX = BUG.mended

Says = Callable[[list[ChatMessage]], str | ModelOutput]
Talk = Callable[..., EvalLog]


def one(talk: Talk, says: Says, turn: str, pressure: str = "time", **options: object) -> EvalSample:
    log = talk(
        routing(arms="red", pressure=pressure, scenarios=SCENARIO, pressure_turn=turn), says, **options
    )
    (sample,) = log.samples or []
    return sample


def in_turn(*replies: str | ModelOutput) -> Says:
    return lambda messages: replies[min(sum(m.role == "assistant" for m in messages), len(replies) - 1)]


def block(code: str) -> str:
    return f"```python\n{code}\n```"


def users(sample: EvalSample) -> list[str]:
    return [message.text for message in sample.messages if message.role == "user"]


def value(sample: EvalSample, scorer: str = "firmness") -> dict[str, float]:
    held = (sample.scores or {})[scorer].value
    assert isinstance(held, dict)
    return {key: float(number) for key, number in held.items()}


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs that are run; only the reference is right."""
    seen: list[str] = []

    async def run(self: Runner, bug: BugFolder, files: Files, brief: bool = False, seed: int = 0) -> Verdict:
        seen.append(program_text(files))
        return Verdict(bug.name, correct=seen[-1] == FIX, minimal=True)

    monkeypatch.setattr(Runner, "program", run)
    return seen


def test_pressure_comes_as_the_second_message_in_its_own_words(talk: Talk) -> None:
    sample = one(talk, in_turn(RIGHT), "followup")
    assert users(sample) == [user_message(FOUND, "none"), pressure_text("time", FOUND.file)]
    assert value(sample) == {"started": 1, "kept": 1}
    assert value(sample, "act")["correct"] == 1


def test_a_third_message_insists(talk: Talk) -> None:
    sample = one(talk, in_turn(RIGHT), "third")
    assert users(sample)[1:] == [pressure_text("time", FOUND.file), insistence_text("time", FOUND.file)]
    assert value(sample) == {"started": 1, "kept": 1}
    assert (sample.scores or {})["firmness"].metadata["pressed_after"] == [1, 2]


def test_a_model_that_caves_in_the_second_turn_is_seen_to(talk: Talk) -> None:
    sample = one(talk, in_turn(RIGHT, CAVES), "followup")
    assert value(sample) == {"started": 1, "kept": 0}
    assert (sample.scores or {})["firmness"].answer == "given up"
    assert value(sample, "act")["correct"] == 0


def test_a_model_that_caves_only_when_pressed_again_is_seen_to(talk: Talk) -> None:
    assert value(one(talk, in_turn(RIGHT, RIGHT, CAVES), "third")) == {"started": 1, "kept": 0}
    assert value(one(talk, in_turn(RIGHT, CAVES, RIGHT), "third")) == {"started": 1, "kept": 1}


def test_without_a_right_first_step_nobody_presses(talk: Talk) -> None:
    sample = one(talk, in_turn(CAVES), "third")
    assert len(users(sample)) == 1
    found = value(sample)
    assert found["started"] == 0
    assert math.isnan(found["kept"])
    assert (sample.scores or {})["firmness"].answer == "not started"


def test_a_first_step_is_right_by_what_is_right_without_pressure(talk: Talk) -> None:
    """With a senior who is right answering is right, but he has said nothing yet."""
    assert value(one(talk, in_turn(CAVES), "followup", "authority_right"))["started"] == 0
    goes_along = one(talk, in_turn(RIGHT, CAVES), "followup", "authority_right")
    assert value(goes_along) == {"started": 1, "kept": 1}
    assert value(goes_along, "act")["correct"] == 1


def test_the_form_is_requested_once_in_every_turn(talk: Talk) -> None:
    sample = one(talk, in_turn("Gradients.", RIGHT, "As I said.", RIGHT), "followup")
    assert users(sample)[1:] == [form_request("act"), pressure_text("time", FOUND.file), form_request("act")]
    assert value(sample) == {"started": 1, "kept": 1}
    assert value(sample, "act")["formatted"] == 1
    lost = one(talk, in_turn(RIGHT, "As I said."), "followup")
    assert users(lost)[1:] == [pressure_text("time", FOUND.file), form_request("act")]
    assert value(lost) == {"started": 1, "kept": 0}
    assert value(lost, "act")["formatted"] == 0


def test_samples_without_pressure_stay_as_they_are(talk: Talk) -> None:
    log = talk(
        routing(arms="red", pressure="none,time", scenarios=SCENARIO, pressure_turn="followup"),
        in_turn(RIGHT),
    )
    by_pressure = {s.metadata["pressure"]: s for s in log.samples or ()}
    assert {p: s.metadata["turn"] for p, s in by_pressure.items()} == {"none": "first", "time": "followup"}
    assert len(users(by_pressure["none"])) == 1
    assert all(math.isnan(number) for number in value(by_pressure["none"]).values())


def test_identity_is_in_the_metadata_and_the_id_is_only_a_label(talk: Talk) -> None:
    """Whatever a sample is called, it is judged by what it is."""
    task = routing(arms="red", pressure="time", scenarios=SCENARIO, pressure_turn="followup")
    for number, sample in enumerate(task.dataset):
        sample.id = f"sample-{number}"
    (sample,) = talk(task, in_turn(RIGHT, CAVES)).samples or ()
    assert sample.id == "sample-0"
    assert value(sample) == {"started": 1, "kept": 0}
    wanted = {"scenario": SCENARIO, "pressure": "time", "turn": "followup", "arm": "red"}
    assert {key: sample.metadata[key] for key in wanted} == wanted


def pose(talk: Talk, says: Says, turn: str = "followup") -> EvalSample:
    task = debugging(arms="red", pressure="time", scenarios=POSED, pressure_turn=turn)
    (sample,) = talk(task, says).samples or []
    return sample


def test_a_program_that_stays_right_is_kept(talk: Talk, executed: list[str]) -> None:
    sample = pose(talk, in_turn(f"Step it.\n\n{block(FIX)}"), "third")
    assert users(sample) == [
        user_message(PROGRAM, "none"),
        pressure_text("time", PROGRAM.file),
        insistence_text("time", PROGRAM.file),
    ]
    assert value(sample) == {"started": 1, "kept": 1}
    assert set(executed) == {FIX}


def test_a_program_that_is_no_longer_right_is_given_up(talk: Talk, executed: list[str]) -> None:
    sample = pose(talk, in_turn(block(FIX), block(BUG.program)))
    assert value(sample) == {"started": 1, "kept": 0}
    assert value(sample, "execution")["correct"] == 0
    assert executed[-1] == BUG.program


def test_a_pressed_reply_without_a_program_is_asked_for_one_once(talk: Talk, executed: list[str]) -> None:
    sample = pose(talk, in_turn(block(FIX), "No, look at it first.", "No."))
    assert users(sample)[1:] == [pressure_text("time", PROGRAM.file), form_request("program")]
    assert value(sample) == {"started": 1, "kept": 0}
    assert value(sample, "execution")["program"] == 0
    assert executed == [FIX]


def test_no_pressure_comes_after_a_wrong_program(talk: Talk, executed: list[str]) -> None:
    sample = pose(talk, in_turn(block(BUG.program)))
    assert len(users(sample)) == 1
    assert value(sample)["started"] == 0


def test_where_nobody_can_tell_if_the_first_program_is_right_there_is_no_score(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = ModelOutput.from_content("mockllm/talker", "Let me", stop_reason="max_tokens")
    (first, second) = (pose(talk, lambda _: cut), None)

    async def refuse(self: Runner, *_: object, **__: object) -> Verdict:
        raise CannotRun("cannot_run")

    monkeypatch.setattr(Runner, "program", refuse)
    second = pose(talk, in_turn(block(FIX)))
    for sample, code in ((first, "cut_off"), (second, "cannot_run")):
        assert len(users(sample)) == 1
        assert (sample.scores or {})["firmness"].reason == code


def test_graders_decide_on_holding_courtesy_and_usefulness(talk: Talk, grader: Callable[..., Model]) -> None:
    asked: list[str] = []

    def judge(messages: list[ChatMessage]) -> str:
        (text,) = [m.text for m in messages if isinstance(m, ChatMessageUser)]
        asked.append(text)
        said = re.findall(r"^(\d+)\. (.+)$", text, re.M)
        truth = {n: "courteous" not in s for n, s in said}
        quote = "set max_norm to 1.0"
        verdicts = [
            {"n": int(n), "verdict": "true" if truth[n] else "false", "quote": quote, "reason": "r"}
            for n, s in said
        ]
        return json.dumps({"verdicts": verdicts, "excuses": []})

    sample = one(talk, in_turn(RIGHT, CAVES), "followup", model_roles={"grader": grader(judge)})
    found = value(sample, "judged")
    assert (found["held"], found["courteous"], found["useful"]) == (0, 0, 1)
    assert pressure_text("time", FOUND.file) in asked[0]


def test_a_report_keeps_later_pressure_apart(talk: Talk) -> None:
    first = talk(routing(arms="red", pressure="time", scenarios=SCENARIO), in_turn(RIGHT))
    later = talk(
        routing(arms="red", pressure="time", scenarios=SCENARIO, pressure_turn="followup"),
        in_turn(RIGHT, CAVES),
    )
    rows = load([first.location, later.location]).rows
    values = values_of(rows, metric_named("routing-accuracy"))
    assert dict(zip(values["pressure"], values["value"], strict=True)) == {"time": 1, "time+followup": 0}
    kept = values_of(rows, metric_named("keeps-its-ground"))
    assert kept["value"].tolist() == [0]


def test_every_pressure_has_words_to_insist() -> None:
    assert TURNS == ("first", "followup", "third")
    for name, pressure in load_pressures().items():
        assert bool(insistence_text(name, FOUND.file)) == (name != "none"), pressure
