"""Activation, and routes of a model that loads skills itself, on written calls."""

import asyncio
import math

import pytest
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ModelName, ModelOutput
from inspect_ai.scorer import Score, Target
from inspect_ai.solver import TaskState

from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.evals.skilltools import SkillCall, SkillCalls
from redgreenbench.scorers.act import act, consulted_specialists
from redgreenbench.scorers.activation import activation

SCENARIOS = {s.id: s for s in load_scenarios()}
NEEDS = SCENARIOS["training-optimization/which-optimizer"]
PLAIN = SCENARIOS["training-optimization/control-cross-entropy-logits"]
NEAR = SCENARIOS["pytorch-engineering/control-serving-latency"]
POSITIVE = SCENARIOS["training-optimization/positive-gradient-management"]
VAGUE = SCENARIOS["training-optimization/vague-not-working-well"]
RIGHT = ("optimization-algorithms", "learning-rate-scheduling")
PACK = "training-optimization"


def load(name: str, turn: int = 1, exists: bool = True) -> SkillCall:
    return SkillCall(tool="load_skill", name=name, skill_exists=exists, existed=exists, turn=turn)


def read(name: str, path: str, existed: bool = True) -> SkillCall:
    return SkillCall(tool="read_skill_file", name=name, path=path, skill_exists=True, existed=existed, turn=2)


def scored(scorer, calls, scenario, skill="router", sheets=1, placebo=False, reply="NEXT: answer") -> Score:
    metadata = {
        "scenario": scenario.id,
        "pressure": "none",
        "arm": "placebo" if placebo else "green",
        "tested": "router",
        "pack": scenario.pack,
        "skill": skill,
        "sheets": sheets,
        "delivery": "tool",
    }
    messages = [ChatMessageUser(content="?"), ChatMessageAssistant(content=reply)]
    output = ModelOutput.from_content("m", reply)
    state = TaskState(
        ModelName("mockllm/m"),
        "id",
        1,
        "?",
        messages,
        target=Target("x"),
        metadata=metadata,
        store={},
        output=output,
    )
    SkillCalls(store=state.store).calls = calls
    return asyncio.run(scorer()(state, Target("x")))


def values(calls, scenario, skill="router", sheets=1, placebo=False) -> dict[str, float]:
    value = scored(activation, calls, scenario, skill, sheets, placebo).value
    return {key: number for key, number in value.items() if not math.isnan(number)}


@pytest.mark.parametrize(
    ("calls", "scenario", "skill", "sheets", "expected"),
    [
        ([], NEEDS, "router", 1, {"recall": 0, "invented": 0}),
        ([load("router")], NEEDS, "router", 1, {"recall": 1, "precision": 1, "sheets": 0, "invented": 0}),
        ([load("router")], NEEDS, "router", 0, {"recall": 1, "precision": 1, "invented": 0}),
        (
            [load("router"), read("router", "tools.md")],
            NEEDS,
            "router",
            1,
            {"recall": 1, "precision": 1, "sheets": 1, "invented": 0},
        ),
        (
            [load("router"), read("router", "../tools.md", existed=False)],
            NEEDS,
            "router",
            1,
            {"recall": 1, "precision": 1, "sheets": 0, "invented": 0},
        ),
        ([read("router", "SKILL.md")], NEEDS, "router", 0, {"recall": 1, "precision": 1, "invented": 0}),
        ([load("gradient-management")], NEEDS, "router", 1, {"recall": 0, "invented": 0}),
        ([load("rooter", exists=False)], NEEDS, "router", 1, {"recall": 0, "invented": 1}),
        ([], PLAIN, "router", 1, {"restraint": 1, "invented": 0}),
        ([load("router")], PLAIN, "router", 0, {"restraint": 0, "precision": 0, "invented": 0}),
        ([load("router")], NEAR, "router", 0, {"restraint": 0, "precision": 0, "invented": 0}),
        ([load("ml-production")], NEAR, "router", 1, {"restraint": 1, "invented": 0}),
        ([load("gradient-management")], NEEDS, None, None, {"invented": 0}),
        ([load("gradient-management")], POSITIVE, "router", 1, {"control": 1, "invented": 0}),
        ([load("gradient-management")], POSITIVE, None, None, {"control": 1, "invented": 0}),
        ([load("router")], POSITIVE, "router", 1, {"control": 0, "invented": 0}),
    ],
)
def test_each_value_is_what_the_calls_say(calls, scenario, skill, sheets, expected) -> None:
    assert values(calls, scenario, skill, sheets) == expected


def test_a_placebo_is_never_needed() -> None:
    assert values([load("router")], NEEDS, sheets=0, placebo=True) == {"precision": 0, "invented": 0}
    assert values([], NEEDS, sheets=0, placebo=True) == {"invented": 0}
    assert values([], PLAIN, sheets=0, placebo=True) == {"restraint": 1, "invented": 0}


def routed(calls, reply="NEXT: answer", scenario=NEEDS) -> Score:
    return scored(act, calls, scenario, reply=reply)


def test_a_route_is_whom_the_model_consulted_in_order() -> None:
    right = routed([load(RIGHT[0], 1), load(RIGHT[1], 2)])
    assert right.metadata["names"] == list(RIGHT)
    assert right.value["correct"] == 1.0
    wrong = routed([load("performance-profiling", 1), load(RIGHT[0], 2)])
    assert (wrong.value["first"], wrong.value["correct"]) == (0.0, 0.0)


def test_whom_the_line_names_comes_after_whom_it_consulted() -> None:
    got = routed([load(RIGHT[0])], f"NEXT: hand over to {RIGHT[1]}")
    assert got.metadata["names"] == list(RIGHT)
    assert routed([], f"NEXT: hand over to {', '.join(RIGHT)}").value["correct"] == 1.0


def test_a_reply_that_asks_hands_over_to_nobody() -> None:
    got = routed([load("gradient-management")], "NEXT: ask\nWhat does the loss do?", VAGUE)
    assert (got.answer, got.value["correct"]) == ("ask", 1.0)


def test_a_router_consults_its_specialists_by_reading_its_sheets() -> None:
    calls = [
        load("router"),
        read("router", "gradient-management.md"),
        read("router", "sheets/loss-functions-and-objectives/a.md"),
    ]
    assert consulted_specialists(calls, PACK, ["router"]) == (
        "gradient-management",
        "loss-functions-and-objectives",
    )
    assert (
        consulted_specialists(
            [read("router", "tools.md"), read("router", "gone.md", existed=False)], PACK, ["router"]
        )
        == ()
    )
    other = [read("placebo", "gradient-management.md")]
    assert consulted_specialists(other, PACK, ["router"]) == ()


def test_the_skill_under_test_and_what_does_not_exist_are_nobody() -> None:
    calls = [load("router", 1), load("nobody", 1, exists=False), load(RIGHT[0], 2)]
    assert consulted_specialists(calls, PACK, ["router"]) == (RIGHT[0],)
    assert consulted_specialists([load(RIGHT[0])], PACK, [RIGHT[0]]) == ()


def test_a_plain_question_is_answered_without_consulting() -> None:
    assert routed([], scenario=PLAIN).value["restrained"] == 1.0
    assert routed([load("router")], scenario=PLAIN).value["restrained"] == 1.0
    assert routed([load("loss-functions-and-objectives")], scenario=PLAIN).value["restrained"] == 0.0
    assert routed([], "NEXT: ask", PLAIN).value["restrained"] == 0.0


def test_consulting_everybody_is_not_focused() -> None:
    names = ["overfitting-prevention", "hyperparameter-tuning", "debugging-techniques", "ml-production"]
    late = routed([load(name) for name in (*RIGHT, *names)])
    assert (late.value["focused"], late.value["correct"]) == (0.0, 0.0)
