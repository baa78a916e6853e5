"""Whole runs of the decision task with scripted models: who picks what, under which letter, and what is read of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import ChatMessage, ModelOutput

from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.catalogue import Scenario, load_scenarios
from redgreenbench.evals.decisions import LETTERS, decision_of, options_shown
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.vocabulary import AUTHORITY_RIGHT
from redgreenbench.reports.logs.table import load
from redgreenbench.reports.metrics import load_metrics, values_of
from redgreenbench.scorers.answer import Settings
from redgreenbench.tasks.decision import decision
from redgreenbench.tasks.routing import routing

Talk = Callable[..., EvalLog]
SCENARIOS = {s.id: s for s in load_scenarios() if s.file.decision}
NAN = "training-optimization/loss-goes-to-nan"


def picks(choose: Callable[[Scenario], str]) -> Callable[[list[ChatMessage]], str]:
    """A model that knows the key, and replies with the letter of the option that is chosen by its text."""

    def say(messages: list[ChatMessage]) -> str:
        asked = next(m.text for m in messages if m.role == "user")
        scenario = max(
            (s for s in SCENARIOS.values() if asked.startswith(s.file.prompt)),
            key=lambda s: len(s.file.prompt),
        )
        step = choose(scenario)
        (letter,) = [line[0] for line in asked.splitlines() if line[1:] == f") {step}"]
        return letter

    return say


def values(sample: EvalSample) -> dict[str, float]:
    value = sample.scores["decision"].value
    assert isinstance(value, dict)
    return {key: float(number) for key, number in value.items() if not math.isnan(number)}


def test_gold_is_right_everywhere_and_under_every_pressure_that_applies(talk: Talk) -> None:
    right = picks(lambda s: decision_of(s).right)
    calm = talk(decision(arms="green"), right).samples
    assert {s.metadata["scenario"] for s in calm} == set(SCENARIOS)
    # Under pressure one scenario and one control of each pack: what is posed of each is tested without a run.
    some = {(s.pack, bool(s.file.control)): s.id for s in SCENARIOS.values()}
    pressed = talk(decision(arms="green", pressure="all", scenarios=",".join(some.values())), right).samples
    assert {s.metadata["pressure"] for s in pressed} >= {"none", "authority", AUTHORITY_RIGHT}
    for sample in (*calm, *pressed):
        found = values(sample)
        assert found.pop("correct") == found.pop("formatted") == 1, sample.id
        assert not any(found.values())
        assert sample.scores["audit"].value["valid"] == 1


@pytest.mark.parametrize("role", ["baseline", "shortcut"])
def test_who_picks_a_wrong_option_shows_its_pattern(talk: Talk, role: str) -> None:
    def wrong(scenario: Scenario) -> str:
        return next(o.step for o in decision_of(scenario).wrong if o.stands_for == role)

    posed = [s for s in SCENARIOS.values() if not s.file.control]
    one_of_each = {o.pattern: s.id for s in posed for o in decision_of(s).wrong if o.stands_for == role}
    asked = ",".join(sorted(set(one_of_each.values())))
    log = talk(decision(arms="red", scenarios=asked), picks(wrong))
    for sample in log.samples:
        option = next(
            o for o in decision_of(SCENARIOS[sample.metadata["scenario"]]).wrong if o.stands_for == role
        )
        found, about = values(sample), sample.scores["decision"].metadata
        assert (found["correct"], found[role]) == (0, 1)
        assert (about["stands_for"], about["pattern"]) == (role, option.pattern)
        assert about["patterns"][option.pattern] == 1
        assert sum(about["patterns"].values()) == 1


def test_who_treats_controls_as_cases_over_fires(talk: Talk) -> None:
    def fires(scenario: Scenario) -> str:
        return next(o.step for o in decision_of(scenario).wrong if o.stands_for == "over_firing")

    asked = ",".join(s.id for s in SCENARIOS.values() if s.file.control)
    log = talk(decision(arms="red", scenarios=asked), picks(fires))
    rows = load([log.location]).rows
    rates = {
        n: values_of(rows, load_metrics()[n])["value"].mean()
        for n in ("decision-over-firing", "decision-controls")
    }
    assert rates == {"decision-over-firing": 1, "decision-controls": 0}
    assert values_of(rows, load_metrics()["decision-accuracy"]).empty


def test_who_always_says_the_same_letter_is_at_chance_over_four_epochs(talk: Talk) -> None:
    asked = ",".join([NAN, "memory-error", "shape-mismatch"])
    log = talk(decision(arms="red,green", scenarios=asked), lambda _: "B", epochs=4)
    by_scenario: dict[tuple[str, str], list[float]] = {}
    for sample in log.samples:
        key = (sample.metadata["scenario"], sample.metadata["arm"])
        by_scenario.setdefault(key, []).append(values(sample)["correct"])
    assert all(sum(found) == 1 for found in by_scenario.values())
    assert len(by_scenario) == 6


def test_options_stand_last_and_are_the_same_in_all_arms(talk: Talk) -> None:
    log = talk(decision(arms="red,generic,placebo,green", scenarios=NAN), lambda _: "A", epochs=2)
    asked = {
        (s.metadata["arm"], s.epoch): next(m.text for m in s.messages if m.role == "user")
        for s in log.samples
    }
    assert len({asked[arm, 1] for arm, _ in asked}) == 1
    assert asked["red", 1] != asked["red", 2]
    scenario = SCENARIOS[NAN]
    for epoch in (1, 2):
        steps = decision_of(scenario).steps
        lines = [f"{x}) {steps[p]}" for x, p in zip(LETTERS, options_shown(scenario, epoch), strict=True)]
        assert "\n".join(lines) in asked["red", epoch]
        assert asked["red", epoch].endswith(prompt_template("decide").rsplit("\n", 1)[-1])


def test_no_letter_gets_one_request_and_then_counts_as_nothing_picked(talk: Talk) -> None:
    said = iter(["I would ask first.", "c", "Well.", "Still no letter."])
    log = talk(decision(arms="red", scenarios=f"{NAN},memory-error"), lambda _: next(said), max_samples=1)
    late, never = log.samples
    again = prompt_template("decide_again")
    assert [m.text for m in late.messages if m.role == "user"][1:] == [again]
    assert late.scores["decision"].answer == "C"
    assert values(late)["formatted"] == 1
    assert never.scores["decision"].answer == "no letter"
    assert values(never) == {"correct": 0, "formatted": 0}
    assert never.scores["decision"].metadata["patterns"] == {}
    assert len([m for m in never.messages if m.role == "assistant"]) == 2


def test_reasoning_is_no_letter(talk: Talk) -> None:
    log = talk(decision(arms="red", scenarios=NAN), lambda _: "<think>A or B? Perhaps D.</think>\nB")
    (sample,) = log.samples
    assert sample.scores["decision"].answer == "B"


def test_a_call_of_a_tool_that_is_not_there_is_no_letter_and_ends(talk: Talk) -> None:
    def call(_: list[ChatMessage]) -> ModelOutput:
        return ModelOutput.for_tool_call("mockllm/talker", "submit", {"answer": "B"})

    for task in (decision(arms="red", scenarios=NAN), routing(arms="red", scenarios=NAN)):
        (sample,) = talk(task, call).samples
        assert len([m for m in sample.messages if m.role == "assistant"]) == 2
    assert sample.scores["act"].value["formatted"] == 0


def test_a_scenario_that_is_gone_is_named() -> None:
    """As where a log of private scenarios is scored again without them."""
    with pytest.raises(InputError, match=r"pack/gone: no such scenario here.*REDGREEN_PRIVATE"):
        Settings().scenario("pack/gone")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"delivery": "tool"}, "delivery=tool does not go with a decision"),
        ({"sandbox": "docker"}, "sandbox=docker does not go with a decision"),
        ({"mode": "agent"}, "mode=agent does not go with a decision"),
        ({"pressure_turn": "third", "pressure": "time"}, "pressure_turn=third does not go with a decision"),
        ({"scenarios": "positive-gradient-management"}, "none of these scenarios has a `decision`"),
    ],
)
def test_what_does_not_go_with_a_decision_is_said(given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        decision(**given)
