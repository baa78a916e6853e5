"""What tasks can be told: the same at every door, and one line for everything that cannot be."""

from __future__ import annotations

import inspect

import pytest

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.pressures import load_pressures
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.parameters import OF_PROGRAMS, Parameters, names
from redgreenbench.tasks.pressure import pressure
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

DOORS = {"routing": routing, "debugging": debugging, "scheduling": scheduling, "pressure": pressure}


@pytest.mark.parametrize("name", DOORS)
def test_a_door_takes_every_parameter_and_says_what_it_means(name: str) -> None:
    door = DOORS[name]
    signature = inspect.signature(door)
    assert signature == inspect.signature(routing)
    named = [p.name for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    assert named == list(Parameters.model_fields)
    text = inspect.getdoc(door) or ""
    head, _, listed = text.partition("\nArgs:\n")
    assert head.strip()
    for parameter, field in Parameters.model_fields.items():
        assert f"    {parameter}: {field.description}" in listed
        assert signature.parameters[parameter].default == field.default


def test_the_defaults_say_what_is_run() -> None:
    plain = Parameters()
    assert (plain.skill, plain.arms, plain.mode, plain.delivery) == (
        ("v2",),
        ("red", "green"),
        "answer",
        "inject",
    )
    assert {*Parameters.model_fields} >= OF_PROGRAMS


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("a,b", ("a", "b")), (" a , ,b ", ("a", "b")), (["a", "b"], ("a", "b")), (("a",), ("a",)),
        ("", ()), (None, ()), ([1, "b"], ("1", "b")),
    ],
)  # fmt: skip
def test_names_are_given_as_text_or_as_a_list(given: object, read: tuple[str, ...]) -> None:
    assert names(given) == read
    assert Parameters.model_validate({"scenarios": given}).scenarios == read


def test_lists_and_strings_pose_the_same() -> None:
    as_text = routing(arms="red,green", pressure="none,time", scenarios="which-optimizer,loss-goes-to-nan")
    as_list = routing(
        arms=["red", "green"], pressure=["none", "time"], scenarios=["which-optimizer", "loss-goes-to-nan"]
    )
    assert [s.model_dump(exclude={"input"}) for s in as_text.dataset] == [
        s.model_dump(exclude={"input"}) for s in as_list.dataset
    ]
    assert as_text.version == as_list.version


@pytest.mark.parametrize("name", DOORS)
def test_an_unknown_parameter_is_one_line_with_those_that_there_are(name: str) -> None:
    with pytest.raises(InputError) as error:
        DOORS[name](scenario="which-optimizer")
    said = str(error.value)
    assert said.startswith("scenario: no task has this parameter; the parameters are skill, arms, ")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenarios": "loss-goes-to-nam"}, "did you mean training-optimization/loss-goes-to-nan"),
        ({"scenarios": 5}, "unknown scenario '5'"),
        ({"pressure": "tme"}, "did you mean time"),
        ({"pressure": True}, "unknown pressure 'True'"),
        ({"arms": "red,gren"}, "did you mean green"),
        ({"arms": ""}, "no arms given"),
        ({"pack": "training-optimisation"}, "unknown pack"),
        ({"pack": "debugging-techniques"}, "belongs to the task debugging, not to routing"),
        ({"skill": "./nowhere"}, "no such folder"),
        ({"delivery": "mail"}, "delivered by inject or tool"),
        ({"device": "gpu"}, "device=gpu: input should be 'auto', 'cpu' or 'cuda'"),
        ({"mode": "chat"}, "mode=chat: input should be 'answer' or 'agent'"),
        ({"exec_workers": 0}, "exec_workers=0: input should be greater than or equal to 1"),
        ({"message_limit": "many"}, "message_limit=many: input should be a valid integer"),
        ({"cost_limit": -1}, "cost_limit=-1: input should be greater than 0"),
        ({"self_grade": "perhaps"}, "self_grade=perhaps: input should be a valid boolean"),
        ({"pressure_turn": "second"}, "pressure_turn=second: .* first, followup, third"),
        (
            {"bugs": "missing-optimizer-step"},
            "bugs=missing-optimizer-step: none of these scenarios poses a program",
        ),
    ],
)
def test_a_wrong_value_is_one_line_before_any_call(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        routing(**arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("door", "arguments", "message"),
    [
        (routing, {"pressure_turn": "third"}, "pressure_turn=third needs a pressure that can come"),
        (
            routing,
            {"pressure_turn": "third", "pressure": "none"},
            "pressure_turn=third needs a pressure that can come",
        ),
        (routing, {"mode": "agent"}, "none of these scenarios has a program to work on"),
        (routing, {"scenarios": "positive-gradient-management"}, "add -T delivery=tool"),
        (
            debugging,
            {"agent": "claude_code"},
            "agent=claude_code works only in the agent mode; add mode=agent",
        ),
        (debugging, {"mode": "agent", "exec_sandbox": "docker"}, "exec_sandbox does not go with mode=agent"),
        (
            debugging,
            {"mode": "agent", "agent": "claude_code", "sandbox": "jail"},
            "sandbox=jail does not go with agent=claude_code",
        ),
        (
            debugging,
            {"mode": "agent", "agent": "claude_code", "call_seconds": 5},
            "call_seconds does not go with agent=claude_code",
        ),
        (debugging, {"bugs": "missing-optimiser-step"}, "did you mean missing-optimizer-step"),
        (
            debugging,
            {"scenarios": "control-argmax-shape", "pressure": "authority"},
            "none of the pressures authority applies",
        ),
    ],
)
def test_a_contradiction_is_one_line(door, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        door(**arguments)
    assert "\n" not in str(error.value)


def test_all_bugs_are_posed_unless_some_are_named() -> None:
    plain, every = debugging(arms="red"), debugging(arms="red", bugs="all")
    assert {s.id for s in every.dataset} == {s.id for s in plain.dataset}
    assert "catalogue" in {s.metadata["document"] for s in plain.dataset}
    (one,) = debugging(arms="red", bugs="loss-tensors-kept").dataset
    assert one.metadata["bug"] == "loss-tensors-kept"


def test_the_pressure_task_poses_every_pressure_unless_told_otherwise() -> None:
    assert {s.metadata["pressure"] for s in pressure(arms="red").dataset} == set(load_pressures())
    assert {s.metadata["pressure"] for s in pressure(arms="red", pressure="time").dataset} == {"time"}


def test_what_scorers_are_told_is_short_and_the_same_for_all() -> None:
    settings = Parameters(self_grade=True, device="cpu", exec_workers=2, skill="v1").settings
    assert settings.model_dump(exclude_defaults=True) == {
        "self_grade": True,
        "device": "cpu",
        "exec_workers": 2,
    }
