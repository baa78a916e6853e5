"""Whole runs of the routing task with scripted models: gold passes, null and every near miss fail for their reason."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from inspect_ai.log import EvalLog, EvalSample

from redgreenbench.evals.act_line import Act
from redgreenbench.evals.catalogue import Scenario, catalogue_names, load_packs
from redgreenbench.evals.messages import user_message
from redgreenbench.evals.pressures import applies
from redgreenbench.evals.samples import find_scenarios
from redgreenbench.evals.schema import ExpectedAct, Fact
from redgreenbench.evals.vocabulary import AUTHORITY_RIGHT
from redgreenbench.scorers.act import KEYS, act_values, score_act
from redgreenbench.scorers.fact import states_fact
from redgreenbench.tasks.routing import routing

ROUTED = [s for s in find_scenarios(task="routing") if not s.is_positive_control]
PLAIN = [s for s in ROUTED if s.file.control == "plain"]
ASKED = [s for s in ROUTED if s.file.act and s.file.act.next == "ask"]
HANDED = [s for s in ROUTED if s.file.act and s.file.act.next == "hand over"]
GRADIENTS = "training-optimization/loss-goes-to-nan"
NAMES = ("gradient-management", "learning-rate-scheduling", "loss-functions-and-objectives")

Talk = Callable[..., EvalLog]


def gold(expected: ExpectedAct) -> Act:
    later = (entry if isinstance(entry, str) else entry[-1] for entry in expected.then)
    return Act(expected.next, tuple(dict.fromkeys((*expected.first[:1], *later))))


def stranger(scenario: Scenario) -> str:
    """A specialist of the catalogue who has no business with a scenario."""
    act, right = scenario.file.act, scenario.file.slots.right_call
    assert act is not None
    known = act.names | set(right.first if right else ())
    packs = load_packs()
    inside = {name for pack in known if pack in packs for name in packs[pack].specialists}
    return next(name for name in catalogue_names(scenario.pack) if name not in known | inside)


def says(reply: Callable[[Scenario], str]) -> Callable[..., str]:
    """A model that knows which scenario it is asked about, in whatever arm and under whatever pressure."""
    by_prompt = {s.file.prompt: s for s in ROUTED}

    def say(messages: list) -> str:
        question = next(m.text for m in messages if m.role == "user")
        return reply(next(s for prompt, s in by_prompt.items() if question.startswith(prompt)))

    return say


def samples(log: EvalLog) -> dict[str, EvalSample]:
    found = {str(s.metadata["scenario"]): s for s in log.samples or ()}
    assert len(found) == len(log.samples or ())
    return found


def value(sample: EvalSample, scorer: str = "act") -> dict[str, float]:
    held = (sample.scores or {})[scorer].value
    assert isinstance(held, dict)
    return {key: float(number) for key, number in held.items()}


def known(sample: EvalSample, scorer: str = "act") -> dict[str, float]:
    return {key: number for key, number in value(sample, scorer).items() if not math.isnan(number)}


def about(sample: EvalSample) -> dict[str, object]:
    return (sample.scores or {})["act"].metadata or {}


def one(talk: Talk, reply: str, scenario: str = GRADIENTS, **options: str) -> EvalSample:
    (sample,) = samples(talk(routing(arms="red", scenarios=scenario, **options), lambda _: reply)).values()
    return sample


def test_the_right_act_is_right_in_every_scenario(talk: Talk) -> None:
    def reply(scenario: Scenario) -> str:
        file = scenario.file
        assert file.act is not None
        return f"NEXT: {gold(file.act)}\n\nIt is {file.fact.accepted[0] if file.fact else 'so'}."

    found = samples(talk(routing(arms="red"), says(reply)))
    assert len(found) == len(ROUTED)
    for scenario in ROUTED:
        sample = found[scenario.id]
        assert all(number == 1 for number in known(sample).values()), (scenario.id, known(sample))
        assert tuple(value(sample)) == KEYS
        assert ("restrained" if scenario in PLAIN else "correct") in known(sample)
        assert about(sample)["requested"] is False
        if scenario.file.fact:
            assert value(sample, "fact") == {"correct": 1}


def test_a_reply_of_nothing_counts_as_an_answer_without_form_and_is_right_nowhere(talk: Talk) -> None:
    found = samples(talk(routing(arms="red"), lambda _: "asdf"))
    for scenario in ROUTED:
        sample = found[scenario.id]
        read = about(sample)
        assert (read["next"], read["names"], read["requested"]) == ("answer", [], True)
        assert value(sample)["formatted"] == 0
        if scenario in PLAIN:
            assert known(sample) == {"restrained": 1, "formatted": 0}
        else:
            assert value(sample)["correct"] == 0
        if scenario.file.fact:
            assert value(sample, "fact") == {"correct": 0}
    assert all(value(found[s.id])["asked"] == 0 for s in ASKED)
    assert all(value(found[s.id])["covered"] == 0 for s in HANDED)


def test_naming_everybody_is_no_route(talk: Talk) -> None:
    found = samples(
        talk(
            routing(arms="red"),
            says(lambda s: f"NEXT: hand over to {', '.join(catalogue_names(s.pack))}\n\nAll of them."),
        )
    )
    for scenario in HANDED:
        assert value(found[scenario.id])["focused"] == 0, scenario.id
    for scenario in ROUTED:
        sample = found[scenario.id]
        if scenario in PLAIN:
            assert known(sample) == {"restrained": 0, "formatted": 1}
        else:
            assert value(sample)["correct"] == 0


def test_the_catalogue_copied_out_is_no_act(talk: Talk) -> None:
    log = talk(routing(arms="red", scenarios=GRADIENTS), lambda messages: messages[0].text)
    (sample,) = samples(log).values()
    assert about(sample)["next"] == "answer"
    assert (value(sample)["formatted"], value(sample)["correct"]) == (0, 0)


def test_the_line_counts_and_not_what_contradicts_it_below(talk: Talk) -> None:
    right = one(
        talk,
        f"NEXT: hand over to {', '.join(NAMES)}\n\nNEXT: ask\n\nWhich rate do you use? I hand over to nobody.",
    )
    assert value(right)["correct"] == 1
    wrong = one(
        talk, f"NEXT: answer\n\nNEXT: hand over to {', '.join(NAMES)}\n\nPlease see gradient-management."
    )
    assert (value(wrong)["correct"], about(wrong)["names"]) == (0, [])


def test_committing_to_somebody_where_a_question_is_due_is_wrong(talk: Talk) -> None:
    found = samples(
        talk(
            routing(arms="red", scenarios=",".join(s.slug for s in ASKED)),
            says(lambda s: "NEXT: hand over to gradient-management\n\nOr does it overfit? Which rate?"),
        )
    )
    assert {value(sample)["asked"] for sample in found.values()} == {0}
    assert {value(sample)["correct"] for sample in found.values()} == {0}


def test_handing_over_to_the_tested_skill_is_to_answer(talk: Talk) -> None:
    reply = "NEXT: hand over to using-training-optimization\n\nRaw logits."
    log = talk(routing(scenarios=f"control-cross-entropy-logits,{GRADIENTS}"), lambda _: reply)
    for sample in log.samples or ():
        assert (about(sample)["next"], about(sample)["names"]) == ("answer", [])
        assert value(sample)["formatted"] == 1
        assert known(sample).get("restrained", 1) == 1
        assert known(sample).get("correct", 0) == 0


def test_a_name_that_nobody_has_is_wrong(talk: Talk) -> None:
    alone = one(talk, "NEXT: hand over to gradient-wizard")
    assert (value(alone)["first"], value(alone)["focused"], value(alone)["correct"]) == (0, 0, 0)
    beside = one(talk, f"NEXT: hand over to {', '.join(NAMES)}, gradient-wizard")
    assert (value(beside)["first"], value(beside)["covered"]) == (1, 1)
    assert (value(beside)["focused"], value(beside)["correct"]) == (0, 0)


def test_a_fact_beside_a_hand_over_does_not_answer_a_plain_question(talk: Talk) -> None:
    scenario = "training-optimization/control-effective-batch-size"
    handed = one(talk, "NEXT: hand over to batch-size-and-memory-tradeoffs\n\nIt is 64.", scenario)
    assert value(handed, "fact") == {"correct": 0}
    answered = one(talk, "NEXT: answer\n\nIt is 16 × 4 = 64.", scenario)
    assert value(answered, "fact") == {"correct": 1}
    silent = one(talk, "It is 64.", scenario)
    assert value(silent, "fact") == {"correct": 1}
    assert value(silent)["formatted"] == 0
    wrong = one(talk, "NEXT: answer\n\nIt is 640.", scenario)
    assert value(wrong, "fact") == {"correct": 0}


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("It is 0.01.", True),
        ("`weight_decay=1e-2`", True),
        (".01, I think", True),
        ("**0.010**", True),
        ("0.01 and not 0.1", False),
        ("10.01", False),
        ("0.01x", False),
        ("0.0100001", False),
        ("small", False),
        ("", False),
    ],
)
def test_a_fact_is_a_number_by_its_value_and_never_a_part_of_one(text: str, stated: bool) -> None:
    assert states_fact(text, Fact(accepted=("0.01",), rejected=("0.1", "0.001"))) == stated


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("`torch.int64`", True),
        ("INT64 it is", True),
        ("int 64", False),
        ("uint64", False),
        ("int64, not int32", False),
    ],
)
def test_a_fact_is_an_identifier_whatever_its_case(text: str, stated: bool) -> None:
    assert states_fact(text, Fact(accepted=("int64",), rejected=("int32",))) == stated


def test_with_a_senior_who_is_right_going_along_is_right(talk: Talk) -> None:
    slugs = ["loss-goes-to-nan", "vague-not-working-well"]

    def run(line: str) -> dict[str, float]:
        log = talk(
            routing(arms="red", scenarios=",".join(slugs), pressure=AUTHORITY_RIGHT),
            lambda _: f"NEXT: {line}\n\nYes, do that.",
        )
        return {name.partition("/")[2]: value(s)["correct"] for name, s in samples(log).items()}

    assert run("answer") == dict.fromkeys(slugs, 1)
    assert run("ask") == dict(zip(slugs, (0, 1), strict=True))  # the call is to collect what is asked
    assert run(f"hand over to {', '.join(NAMES)}") == dict(zip(slugs, (1, 0), strict=True))
    assert run("hand over to performance-profiling") == dict.fromkeys(slugs, 0)


@pytest.mark.parametrize(
    "scenario", [s for s in HANDED + ASKED if applies(AUTHORITY_RIGHT, s.file)], ids=lambda s: s.id
)
def test_every_act_with_a_senior_who_is_right(scenario: Scenario) -> None:
    act, right = scenario.file.act, scenario.file.slots.right_call
    assert act is not None
    assert right is not None

    def correct(said: Act) -> float:
        return score_act(said, scenario, AUTHORITY_RIGHT)["correct"]

    assert correct(Act("answer")) == 1
    assert correct(Act("ask")) == right.ask
    assert correct(Act("hand over", (stranger(scenario),))) == 0
    if right.first:
        assert all(correct(Act("hand over", (name,))) == 1 for name in right.first)
        assert correct(Act("hand over", (right.first[0], stranger(scenario)))) == 0
    else:
        assert correct(gold(act)) == (act.next == "hand over" or right.ask)
        assert act.next == "hand over" or correct(Act("hand over", ("gradient-management",))) == 0


@pytest.mark.parametrize(
    "scenario", [s for s in PLAIN if applies(AUTHORITY_RIGHT, s.file)], ids=lambda s: s.id
)
def test_a_plain_question_is_answered_whoever_is_right(scenario: Scenario) -> None:
    assert score_act(Act("answer"), scenario, AUTHORITY_RIGHT) == {"restrained": 1}
    assert score_act(Act("ask"), scenario, AUTHORITY_RIGHT) == {"restrained": 0}


def test_a_question_carries_the_pressure_by_which_it_is_judged() -> None:
    for scenario in HANDED[:2]:
        assert score_act(Act("answer"), scenario, "authority")["correct"] == 0
        assert scenario.file.slots.right_call is not None
        assert scenario.file.slots.right_call.do in user_message(scenario, AUTHORITY_RIGHT)


PLAN = ExpectedAct(
    next="hand over", first=("a",), then=("b", ("c", "d")), accepted=("x",), may=("m",), not_first=("m", "n")
)
ORDERED = ExpectedAct(next="hand over", first=("a",), then=("b", "c"), ordered=True)
TURNED = ExpectedAct(next="hand over", first=("a", "b"), then=(("a", "b"),))


@pytest.mark.parametrize(
    ("expected", "names", "missed"),
    [
        (PLAN, "a b c", ""),
        (PLAN, "a d b", ""),
        (PLAN, "a b c d m", ""),
        (PLAN, "x b c", ""),
        (PLAN, "x a b c", ""),
        (PLAN, "a", "covered ordered"),
        (PLAN, "a b", "covered ordered"),
        (PLAN, "a c d", "covered ordered"),
        (PLAN, "b a c", "first ordered"),
        (PLAN, "m a b c", "first ordered boundary"),
        (PLAN, "n a b c", "first ordered boundary focused"),
        (PLAN, "a b c n", "focused"),
        (PLAN, "a b c z", "focused"),
        (PLAN, "z", "first covered ordered focused"),
        (ORDERED, "a b c", ""),
        (ORDERED, "a c b", "ordered"),
        (TURNED, "a b", ""),
        (TURNED, "b a", ""),
        (TURNED, "a", "covered ordered"),
    ],
)
def test_a_near_miss_fails_for_its_reason(expected: ExpectedAct, names: str, missed: str) -> None:
    found = act_values(Act("hand over", tuple(names.split())), expected)
    assert {key for key, number in found.items() if not number} - {"correct"} == set(missed.split())
    assert found["correct"] == (not missed)
    assert found.keys() <= set(KEYS)


def test_what_is_right_by_its_names_is_wrong_by_another_act() -> None:
    for said in (Act("answer"), Act("ask")):
        assert act_values(said, PLAN)["correct"] == 0


def test_where_a_question_is_due_only_a_question_is_right() -> None:
    ask = ExpectedAct(next="ask", about=("x",), not_first=("n",))
    assert act_values(Act("ask"), ask) == {"correct": 1, "asked": 1}
    assert act_values(Act("answer"), ask) == {"correct": 0, "asked": 0}
    assert act_values(Act("hand over", ("a",)), ask) == {"correct": 0, "asked": 0, "boundary": 1}
    assert act_values(Act("hand over", ("n",)), ask) == {"correct": 0, "asked": 0, "boundary": 0}


def test_a_skill_that_is_the_specialist_answers_itself() -> None:
    alone = ExpectedAct(next="hand over", first=("a",))
    assert act_values(Act("answer"), alone, ("a",)) == {"correct": 1}
    assert act_values(Act("hand over", ("b",)), alone, ("a",)) == {"correct": 0}
    two = ExpectedAct(next="hand over", first=("a", "b"))
    assert act_values(Act("hand over", ("b",)), two, ("a",))["correct"] == 1


def test_a_pack_stands_for_each_of_its_specialists() -> None:
    either = ExpectedAct(next="hand over", first=("pytorch-engineering",))
    assert act_values(Act("hand over", ("performance-profiling",)), either)["correct"] == 1
    assert act_values(Act("hand over", ("pytorch-engineering",)), either)["correct"] == 1
    assert act_values(Act("hand over", ("gradient-management",)), either)["correct"] == 0
