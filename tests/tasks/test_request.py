"""The one request for the form of a reply: the same bytes in every arm, exactly one, and none where it is not missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from inspect_ai.event import ModelEvent
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.model import ChatMessage, ModelOutput
from inspect_ai.model._providers.mockllm import MockLLM

from redgreenbench.evals.act_line import act_grammar
from redgreenbench.evals.catalogue import catalogue_names
from redgreenbench.evals.messages import form_request
from redgreenbench.evals.vocabulary import BUILT_IN_ARMS, UNSCORED
from redgreenbench.reference_bugs.files import Files, program_text
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.verdict import Verdict
from redgreenbench.scorers.running import Runner
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

ONE = "training-optimization/which-optimizer"
LINE = "NEXT: hand over to optimization-algorithms, learning-rate-scheduling"
BUG = bug_folder("missing-optimizer-step")
FIX = BUG.mended
POSED = "debugging-techniques/model-not-learning"
ARMS = ",".join(BUILT_IN_ARMS)

Talk = Callable[..., EvalLog]


def block(code: str) -> str:
    return f"```python\n{code}\n```"


def in_turn(*replies: str | ModelOutput) -> Callable[[list[ChatMessage]], str | ModelOutput]:
    """A model that says these one after the other, in each sample."""
    return lambda messages: replies[min(sum(m.role == "assistant" for m in messages), len(replies) - 1)]


def cut(text: str, reason: str = "max_tokens") -> ModelOutput:
    return ModelOutput.from_content("mockllm/talker", text, stop_reason=reason)


def users(sample: EvalSample) -> list[str]:
    return [m.text for m in sample.messages if m.role == "user"]


def score(sample: EvalSample, name: str):
    return (sample.scores or {})[name]


@pytest.fixture
def never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(self: Runner, *_: object, **__: object) -> Verdict:
        raise AssertionError("a program was run")

    monkeypatch.setattr(Runner, "program", refuse)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs that are run, all of them right."""
    seen: list[str] = []

    async def note(self: Runner, bug: object, files: Files, brief: bool = False, seed: int = 0) -> Verdict:
        seen.append(program_text(files))
        verdict = Verdict(BUG.name, correct=True, minimal=True)
        verdict.steps = dict.fromkeys(verdict.steps, True)
        return verdict

    monkeypatch.setattr(Runner, "program", note)
    return seen


def test_a_reply_without_the_line_gets_the_same_request_in_every_arm(talk: Talk) -> None:
    log = talk(routing(arms=ARMS, scenarios=ONE), in_turn("Use Adam.", LINE))
    assert {s.metadata["arm"] for s in log.samples or ()} == set(BUILT_IN_ARMS)
    for sample in log.samples or ():
        assert users(sample)[1:] == [form_request("act")]
        assert [m.text for m in sample.messages if m.role == "assistant"] == ["Use Adam.", LINE]
        act = score(sample, "act")
        assert (act.value["formatted"], act.value["correct"]) == (1, 1)
        assert act.metadata["requested"] is True


def test_there_is_no_second_request(talk: Talk) -> None:
    for task, form in (
        (routing(arms=ARMS, scenarios=ONE), "act"),
        (debugging(arms=ARMS, scenarios=POSED), "program"),
    ):
        for sample in talk(task, lambda _: "asdf").samples or ():
            assert users(sample)[1:] == [form_request(form)]
            found = score(sample, "act" if form == "act" else "execution")
            assert found.value["formatted" if form == "act" else "program"] == 0
            assert found.metadata["requested"] is True


@pytest.mark.usefixtures("programs")
def test_nothing_is_requested_where_the_form_is_there(talk: Talk) -> None:
    for task, reply in (
        (routing(arms=ARMS, scenarios=ONE), LINE),
        (debugging(arms=ARMS, scenarios=POSED), f"Step it.\n\n{block(FIX)}"),
    ):
        for sample in talk(task, in_turn(reply)).samples or ():
            assert len(users(sample)) == 1
            found = score(sample, "act" if "act" in (sample.scores or {}) else "execution")
            assert found.metadata["requested"] is False


def test_nothing_is_requested_where_no_form_was_asked_for(talk: Talk) -> None:
    for task in (
        debugging(arms="red", scenarios="control-argmax-shape"),
        scheduling(arms="red", scenarios="control-steplr-value"),
    ):
        for sample in talk(task, lambda _: "asdf").samples or ():
            assert len(users(sample)) == 1
    for sample in talk(routing(arms="green", scenarios=ONE, delivery="tool"), lambda _: LINE).samples or ():
        assert len(users(sample)) == 1


def test_the_program_of_the_second_reply_is_the_one_that_is_run(talk: Talk, programs: list[str]) -> None:
    log = talk(debugging(arms="red", scenarios=POSED), in_turn("You forgot the step.", block(FIX)))
    (sample,) = log.samples or ()
    assert users(sample)[1:] == [form_request("program")]
    assert programs == [FIX]
    execution = score(sample, "execution")
    assert (execution.value["program"], execution.value["correct"]) == (1, 1)
    assert (execution.metadata["requested"], execution.metadata["how"]) == (True, "whole")


@pytest.mark.usefixtures("never_run")
def test_a_program_that_cannot_be_read_after_the_request_is_none(talk: Talk) -> None:
    partial = "Change `train`:\n\n```python\n            loss.backward()\n            optimizer.step()\n```"
    (sample,) = talk(debugging(arms="red", scenarios=POSED), lambda _: partial).samples or ()
    execution = score(sample, "execution")
    assert execution.value["program"] == execution.value["correct"] == 0
    assert "no program: a code block is no Python" in execution.explanation


@pytest.mark.usefixtures("never_run")
@pytest.mark.parametrize("reason", ["max_tokens", "model_length"])
@pytest.mark.parametrize(
    "text", ["Let me think about", f"Here:\n```python\n{FIX[:400]}", f"Here:\n```python\n{FIX}"]
)
def test_a_program_that_was_cut_off_is_not_asked_for_again_and_unscored(
    talk: Talk, reason: str, text: str
) -> None:
    (sample,) = talk(debugging(arms="red", scenarios=POSED), lambda _: cut(text, reason)).samples or ()
    assert len(users(sample)) == 1
    execution = score(sample, "execution")
    assert execution.reason == "cut_off"
    assert execution.explanation == UNSCORED["cut_off"]
    assert execution.value != execution.value  # NaN: there is no value


@pytest.mark.usefixtures("never_run")
def test_a_program_that_is_cut_off_when_sent_again_is_unscored_too(talk: Talk) -> None:
    (sample,) = (
        talk(debugging(arms="red", scenarios=POSED), in_turn("Step it.", cut("```python\nimport"))).samples
        or ()
    )
    assert users(sample)[1:] == [form_request("program")]
    assert score(sample, "execution").reason == "cut_off"


def test_a_whole_program_before_the_cut_is_run(talk: Talk, programs: list[str]) -> None:
    (sample,) = (
        talk(debugging(arms="red", scenarios=POSED), lambda _: cut(f"{block(FIX)}\n\nThis wor")).samples or ()
    )
    assert len(users(sample)) == 1
    assert programs == [FIX]
    assert score(sample, "execution").value["correct"] == 1


def test_a_line_is_asked_for_even_if_the_reply_was_cut_off(talk: Talk) -> None:
    (sample,) = (
        talk(routing(arms="red", scenarios=ONE), in_turn(cut("Many things matter"), LINE)).samples or ()
    )
    assert users(sample)[1:] == [form_request("act")]
    assert score(sample, "act").value["formatted"] == 1


def test_the_request_stands_in_the_messages_of_the_log(talk: Talk) -> None:
    log = read_eval_log(talk(routing(arms="red", scenarios=ONE), in_turn("Use Adam.", LINE)).location)
    (sample,) = log.samples or ()
    assert [m.role for m in sample.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert sample.messages[3].text == form_request("act")


def grammars(log: EvalLog) -> dict[str, set[str | None]]:
    found: dict[str, set[str | None]] = {}
    for sample in log.samples or ():
        for event in sample.events:
            if isinstance(event, ModelEvent):
                body = event.config.extra_body or {}
                found.setdefault(str(sample.metadata["arm"]), set()).add(body.get("grammar"))
    return found


def test_a_server_that_takes_a_grammar_is_held_to_the_line_in_all_arms_alike(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert grammars(talk(routing(arms=ARMS, scenarios=ONE), in_turn("no", LINE))) == {
        a: {None} for a in BUILT_IN_ARMS
    }
    monkeypatch.setattr(MockLLM, "takes_grammar", True, raising=False)
    held = act_grammar(catalogue_names("training-optimization"))
    assert grammars(talk(routing(arms=ARMS, scenarios=ONE), in_turn("no", LINE))) == {
        a: {held} for a in BUILT_IN_ARMS
    }
    # Where skills are loaded by tools a reply may be a call, and a program is no line.
    tools = talk(routing(arms="red", scenarios=ONE, delivery="tool"), in_turn(LINE))
    assert grammars(tools) == {"red": {None}}
    assert grammars(talk(debugging(arms="red", scenarios=POSED), in_turn("no"))) == {"red": {None}}


def test_the_tested_skill_cannot_be_handed_over_to_by_grammar(
    talk: Talk, make_skill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MockLLM, "takes_grammar", True, raising=False)
    skill = str(make_skill(name="gradient-management"))
    log = talk(routing(skill=skill, scenarios=ONE, pack="training-optimization"), in_turn(LINE))
    (held,) = set.union(*grammars(log).values())
    assert held is not None
    assert '"gradient-management"' not in held
    assert '"optimization-algorithms"' in held
