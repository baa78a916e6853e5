"""Activation and routing from calls, on written calls."""

import math

import pytest

from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.evals.skillfolder import Skill
from redgreenbench.evals.skilltools import SkillCall
from redgreenbench.scorers.activation import KEYS, score_activation
from redgreenbench.scorers.route import score_calls

SCENARIOS = {s.id: s for s in load_scenarios()}
NEEDS = SCENARIOS["training-optimization/which-optimizer"]
PLAIN = SCENARIOS["training-optimization/control-cross-entropy-logits"]
NEAR = SCENARIOS["pytorch-engineering/control-serving-latency"]
POSITIVE = SCENARIOS["training-optimization/positive-gradient-management"]
SKILL = Skill("router", "Routes.", "1", "0" * 64, "Body.", (("tools.md", "Tools."),))
BARE = Skill("router", "Routes.", "1", "0" * 64, "Body.", ())
ADVICE = "Use AdamW with a learning rate of 3e-4."
RIGHT = ("optimization-algorithms", "learning-rate-scheduling")


def load(name: str, turn: int = 1, exists: bool = True) -> SkillCall:
    return SkillCall(tool="load_skill", name=name, skill_exists=exists, existed=exists, turn=turn)


def read(name: str, path: str, existed: bool = True) -> SkillCall:
    return SkillCall(tool="read_skill_file", name=name, path=path, skill_exists=True, existed=existed, turn=2)


def values(calls, scenario, skill=SKILL, placebo=False) -> dict[str, float]:
    value = score_activation(calls, scenario, skill, placebo).value
    assert tuple(value) == KEYS
    return {key: number for key, number in value.items() if not math.isnan(number)}


@pytest.mark.parametrize(
    ("calls", "scenario", "skill", "expected"),
    [
        ([], NEEDS, SKILL, {"recall": 0, "invented": 0}),
        ([load("router")], NEEDS, SKILL, {"recall": 1, "precision": 1, "sheets": 0, "invented": 0}),
        ([load("router")], NEEDS, BARE, {"recall": 1, "precision": 1, "invented": 0}),
        (
            [load("router"), read("router", "tools.md")],
            NEEDS,
            SKILL,
            {"recall": 1, "precision": 1, "sheets": 1, "invented": 0},
        ),
        (
            [load("router"), read("router", "../tools.md", existed=False)],
            NEEDS,
            SKILL,
            {"recall": 1, "precision": 1, "sheets": 0, "invented": 0},
        ),
        ([read("router", "SKILL.md")], NEEDS, BARE, {"recall": 1, "precision": 1, "invented": 0}),
        ([load("gradient-management")], NEEDS, SKILL, {"recall": 0, "invented": 0}),
        ([load("rooter", exists=False)], NEEDS, SKILL, {"recall": 0, "invented": 1}),
        ([], PLAIN, SKILL, {"restraint": 1, "invented": 0}),
        ([load("router")], PLAIN, BARE, {"restraint": 0, "precision": 0, "invented": 0}),
        ([load("router")], NEAR, BARE, {"restraint": 0, "precision": 0, "invented": 0}),
        ([load("ml-production")], NEAR, SKILL, {"restraint": 1, "invented": 0}),
        ([load("gradient-management")], NEEDS, None, {"invented": 0}),
        ([load("gradient-management")], POSITIVE, SKILL, {"control": 1, "invented": 0}),
        ([load("gradient-management")], POSITIVE, None, {"control": 1, "invented": 0}),
        ([load("router")], POSITIVE, SKILL, {"control": 0, "invented": 0}),
    ],
)
def test_each_value_is_what_the_calls_say(calls, scenario, skill, expected) -> None:
    assert values(calls, scenario, skill) == expected


def test_a_placebo_is_never_needed() -> None:
    assert values([load("router")], NEEDS, BARE, placebo=True) == {"precision": 0, "invented": 0}
    assert values([], NEEDS, BARE, placebo=True) == {"invented": 0}
    assert values([], PLAIN, BARE, placebo=True) == {"restraint": 1, "invented": 0}


def routed(turns, calls, scenario=NEEDS, tested="router"):
    return score_calls(turns, calls, scenario, tested=tested)


def test_a_route_is_what_was_loaded_in_order() -> None:
    score = routed(["", "", ADVICE], [load(RIGHT[0], 1), load(RIGHT[1], 2)])
    assert score.metadata["routed"] == list(RIGHT)
    assert score.value["correct"] == 1.0
    wrong = routed(["", "", ADVICE], [load("performance-profiling", 1), load(RIGHT[0], 2)])
    assert (wrong.value["first"], wrong.value["correct"]) == (0.0, 0.0)


def test_naming_without_loading_routes_nowhere() -> None:
    score = routed(["ROUTE: optimization-algorithms, learning-rate-scheduling"], [])
    assert score.metadata["routed"] == []
    assert score.metadata["named"] == list(RIGHT)
    assert (score.value["first"], score.value["correct"]) == (0.0, 0.0)


def test_what_is_loaded_after_or_with_the_first_recommendation_comes_too_late() -> None:
    for turns, turn in (([ADVICE, "", "Done."], 2), ([ADVICE, "Done."], 1)):
        score = routed(turns, [load(RIGHT[0], turn)])
        assert score.metadata["advised_in_turn"] == 1
        assert score.metadata["routed"] == []
        assert score.metadata["loaded"] == [RIGHT[0]]
        assert score.value["first"] == 0.0
        assert "Loaded only after recommending" in score.explanation
    timely = routed(["I will look at the guide.", ADVICE], [load(RIGHT[0], 1)])
    assert timely.metadata["advised_in_turn"] == 2
    assert timely.value["first"] == 1.0


def test_the_skill_under_test_and_what_does_not_exist_are_nobody_handed_over_to() -> None:
    calls = [load("router", 1), load("nobody", 1, exists=False), load(RIGHT[0], 2)]
    assert routed(["", "", ADVICE], calls).metadata["routed"] == [RIGHT[0]]
    assert routed(["", ADVICE], [load(RIGHT[0])], tested=RIGHT[0]).metadata["routed"] == []


def test_loading_everything_is_not_focused_however_late() -> None:
    names = [
        "optimization-algorithms",
        "gradient-management",
        "overfitting-prevention",
        "hyperparameter-tuning",
    ]
    names += ["debugging-techniques", "performance-profiling", "ml-production", "neural-architectures"]
    late = routed([ADVICE, ""], [load(name, 2) for name in names])
    few = routed(["", ADVICE], [load(name) for name in RIGHT])
    assert (late.value["focused"], few.value["focused"]) == (0.0, 1.0)


def test_a_plain_question_is_answered_without_loading() -> None:
    answer = "It expects raw logits."
    assert routed([answer], [], PLAIN).value["restraint"] == 1.0
    assert routed([answer], [load("router")], PLAIN).value["restraint"] == 1.0
    assert routed([answer, ""], [load("loss-functions-and-objectives")], PLAIN).value["restraint"] == 0.0
    assert routed(["Which loss do you use?"], [], PLAIN).value["restraint"] == 0.0


def test_a_question_counts_from_the_text_of_any_turn() -> None:
    vague = SCENARIOS["training-optimization/model-not-learning"]
    asks = "Does the training loss go down at all, or is it flat?"
    assert vague.file.clarify.required
    assert routed([asks], [], vague).value["clarified"] == 1.0
    assert routed([ADVICE, asks], [], vague).value["clarified"] == 0.0


def test_no_answer_is_no_correct_one() -> None:
    assert routed(["", ""], [load(name) for name in RIGHT]).value["correct"] == 0.0
