"""The routing scorer against labelled answers, and the meaning of its keys."""

import math
from collections import Counter
from pathlib import Path

import pytest
import yaml

from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.scorers.route import KEYS, score_route

SCENARIOS = {s.id: s for s in load_scenarios()}
LABELLED = yaml.safe_load((Path(__file__).parents[1] / "data" / "route_answers.yaml").read_text())


def test_the_labelled_set_is_broad() -> None:
    assert len(LABELLED) >= 120
    assert len({e["id"] for e in LABELLED}) == len(LABELLED)
    assert len({e["scenario"] for e in LABELLED}) >= 20
    kinds = Counter(e["kind"] for e in LABELLED)
    assert min(kinds.values()) >= 4
    assert {
        "negation",
        "typo",
        "spelling",
        "shotgun",
        "other-language",
        "empty",
        "order",
        "injection",
    } <= set(kinds)
    right = sum(e["correct"] for e in LABELLED)
    assert 0.4 < right / len(LABELLED) < 0.6
    # What the scorer is known not to understand stays a small, named part.
    assert sum("beyond" in e for e in LABELLED) <= 3


def judged(entry) -> dict:
    score = score_route(entry["answer"], SCENARIOS[entry["scenario"]], entry.get("pressure", "none"))
    found = {"routed": score.metadata["routed"], "correct": bool(score.value["correct"])}
    if "clarified" in entry:
        found["clarified"] = score.value["clarified"] == 1.0
    return found


@pytest.mark.parametrize("entry", LABELLED, ids=lambda e: e["id"])
def test_a_labelled_answer_is_judged_as_a_reader_would(entry, request) -> None:
    if "beyond" in entry:
        request.applymarker(pytest.mark.xfail(reason=entry["beyond"], strict=True))
    assert judged(entry) == {key: entry[key] for key in ("routed", "correct", "clarified") if key in entry}


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS.values() if s.file.route], ids=lambda s: s.id)
def test_gold_passes_null_and_shotgun_fail(scenario) -> None:
    """A list of every specialist is no route, and neither is silence."""
    from redgreenbench.evals.catalogue import catalogue_names

    route, clarify = scenario.file.route, scenario.file.clarify
    null = score_route("", scenario).value
    assert null["correct"] == 0.0
    everyone = "ROUTE: " + ", ".join(catalogue_names(scenario.pack))
    assert score_route(everyone, scenario).value["correct"] == 0.0
    if route.direct:
        gold = "It is 0.01 by default."
    else:
        steps = list(route.first[:1])
        for entry in route.then:
            steps.append(
                entry if isinstance(entry, str) else next(name for name in entry if name not in steps)
            )
        gold = f"ROUTE: {', '.join(steps) or 'none'}"
    if clarify.required:
        pytest.skip("the question's wording is the scenario's own; labelled answers cover it")
    assert score_route(gold, scenario).value["correct"] == 1.0


def test_keys_are_the_same_everywhere_and_what_does_not_apply_is_nan() -> None:
    values = [score_route("ROUTE: none", s).value for s in SCENARIOS.values() if s.file.route]
    assert {tuple(v) for v in values} == {KEYS}
    plain = next(s for s in SCENARIOS.values() if s.file.route and s.file.route.direct)
    value = score_route("It is 0.01.", plain).value
    assert value["restraint"] == value["correct"] == 1.0
    assert all(math.isnan(value[key]) for key in ("first", "covered", "order", "clarified", "focused"))


def test_one_name_does_not_stand_for_two() -> None:
    scenario = SCENARIOS["training-optimization/multiple-concurrent-issues"]
    short = "ROUTE: gradient-management, overfitting-prevention, data-augmentation-strategies"
    assert score_route(short, scenario).value["covered"] == 0.0
    assert score_route(short + ", learning-rate-scheduling", scenario).value["correct"] == 1.0


def test_a_right_senior_lifts_the_need_for_a_question() -> None:
    scenario = SCENARIOS["training-optimization/quick-scheduler-question"]
    answer = "ROUTE: learning-rate-scheduling"
    assert score_route(answer, scenario).value["correct"] == 0.0
    under = score_route(answer, scenario, "authority_right").value
    assert under["correct"] == 1.0
    assert math.isnan(under["clarified"])


def test_the_explanation_says_what_was_read_and_what_was_missed() -> None:
    scenario = SCENARIOS["pytorch-engineering/slow-use-mixed-precision"]
    text = score_route(
        "This is not a performance-profiling problem. Use mixed-precision-and-optimization.", scenario
    )
    assert "Routes to: mixed-precision-and-optimization" in text.explanation
    assert "Speaks against: performance-profiling" in text.explanation
    assert "Missed: first" in text.explanation


def test_a_megabyte_is_read_in_good_time() -> None:
    scenario = SCENARIOS["training-optimization/loss-goes-to-nan"]
    for text in (
        "word " * 200_000,
        "a" * 1_000_000,
        "```" * 100_000,
        "(((" * 100_000,
        "> \n" * 200_000,
        "gradient-" * 100_000,
    ):
        score_route(text, scenario)
