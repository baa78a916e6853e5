"""From scenarios to samples: identity, order, and the same bytes in every arm."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from inspect_ai.dataset import Sample

from redgreenbench.evals.arms import prompt_template, resolve_arms
from redgreenbench.evals.catalogue import HERE, load_packs, load_scenarios
from redgreenbench.evals.discovery import catalogue_line
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import system_message, user_message
from redgreenbench.evals.samples import (
    build_samples,
    describe_target,
    find_scenarios,
    is_external,
    scenarios_by_id,
)
from redgreenbench.evals.vocabulary import BUILT_IN_ARMS, METADATA_KEYS, Delivery
from redgreenbench.reference_bugs.folder import bug_folder

SCENARIOS = load_scenarios()
PACKS = [name for name, pack in load_packs().items() if pack.task]
ARMS = resolve_arms(BUILT_IN_ARMS, "v2", PACKS)


def samples(pressures=("none", "time"), arms=ARMS, **options) -> list[Sample]:
    return list(build_samples(SCENARIOS, arms, list(pressures), **options))


def cells(found: list[Sample]) -> dict[tuple, list[Sample]]:
    by_cell = defaultdict(list)
    for sample in found:
        by_cell[sample.metadata["scenario"], sample.metadata["pressure"]].append(sample)
    return by_cell


def test_a_sample_is_scenario_pressure_and_arm() -> None:
    found = samples()
    assert len({s.id for s in found}) == len(found)
    identity = [(s.metadata["scenario"], s.metadata["pressure"], s.metadata["arm"]) for s in found]
    assert len(set(identity)) == len(found)
    assert ("training-optimization/loss-goes-to-nan", "time", "green") in identity


def test_arms_stand_beside_each_other() -> None:
    found = samples()
    for start in range(0, len(found), len(BUILT_IN_ARMS)):
        together = found[start : start + len(BUILT_IN_ARMS)]
        assert len(cells(together)) == 1
        assert [s.metadata["arm"] for s in together] == list(BUILT_IN_ARMS)


@pytest.mark.parametrize("delivery", Delivery)
@pytest.mark.parametrize("turn", ["first", "followup", "third"])
@pytest.mark.parametrize("works", [False, True])
def test_a_sample_is_the_same_bytes_in_every_arm_but_for_what_the_arm_adds(
    delivery: str, turn: str, works: bool
) -> None:
    arms = resolve_arms(BUILT_IN_ARMS, "v2", PACKS, delivery)
    for together in cells(samples(arms=arms, turn=turn, works=works)).values():
        assert len({tuple((m.role, m.text) for m in s.input[1:]) for s in together}) == 1
        assert len({s.target for s in together}) == 1
        assert len({str(s.files) for s in together}) == 1
        by_arm = {s.metadata["arm"]: s.input[0].text for s in together}
        pack = together[0].metadata["pack"]
        for arm, text in by_arm.items():
            own = arms.text(pack, arm)
            bare = text.replace(f"\n\n{own}", "", 1) if own else text
            for skill in arms.loadable(pack)[arm]:
                bare = bare.replace(f"{catalogue_line(skill)}\n", "", 1).replace(
                    f"\n{catalogue_line(skill)}", "", 1
                )
            assert bare == by_arm["red"]


def test_a_sample_holds_what_the_model_is_told() -> None:
    by_id = scenarios_by_id()
    for sample in samples(["none"]):
        scenario, arm = by_id[sample.metadata["scenario"]], sample.metadata["arm"]
        system, user = sample.input
        assert system.text == system_message(scenario, ARMS, arm, prompt_template("system"))
        assert user.text == user_message(scenario)


def test_metadata_is_short_scalars() -> None:
    for turn in ("first", "third"):
        for sample in samples(turn=turn):
            assert tuple(sample.metadata) == METADATA_KEYS
            for value in sample.metadata.values():
                assert value is None or isinstance(value, int) or (isinstance(value, str) and len(value) < 80)


def test_metadata_says_when_a_pressure_comes_and_an_id_is_only_a_label() -> None:
    later = samples(["none", "time"], turn="followup")
    turns = {s.metadata["pressure"]: s.metadata["turn"] for s in later}
    assert turns == {"none": "first", "time": "followup"}
    assert {s.metadata["turn"] for s in samples()} == {"first"}


def test_a_pressure_that_comes_later_is_no_part_of_the_input() -> None:
    now, later = (cells(samples(["none", "time"], turn=turn)) for turn in ("first", "followup"))
    for (scenario, pressure), (sample, *_) in later.items():
        assert sample.input[1].text == now[scenario, "none"][0].input[1].text
        if pressure == "time":
            assert sample.input[1].text != now[scenario, "time"][0].input[1].text


def test_a_pressure_is_left_out_where_a_scenario_has_no_slots_for_it() -> None:
    (control,) = find_scenarios(["control-argmax-shape"])
    posed = build_samples([control], ARMS, ["none", "authority", "time"])
    assert {s.metadata["pressure"] for s in posed} == {"none", "time"}
    with pytest.raises(InputError, match="none of the pressures authority applies"):
        build_samples([control], ARMS, ["authority"])


def test_an_agent_finds_the_program_and_gets_no_question_without_one() -> None:
    posed = samples(["none"], works=True)
    assert {s.metadata["scenario"] for s in posed if not s.metadata["bug"]} == {
        s.id for s in SCENARIOS if s.is_positive_control
    }
    for sample in posed:
        bug = sample.metadata["bug"]
        assert sample.files == (
            {path: f"{text}\n" for path, text in bug_folder(bug).files.items()} if bug else None
        )
    with pytest.raises(InputError, match="has a program to work on"):
        build_samples(find_scenarios(["which-optimizer"]), ARMS, ["none"], works=True)


def test_metadata_names_the_skills_under_test_in_every_arm() -> None:
    arms = resolve_arms(["red", "placebo", "green", "other=debugging-techniques/v1"], "v2", PACKS)
    for sample in samples(["none"], arms=arms):
        own = load_packs()[sample.metadata["pack"]].skill
        assert sample.metadata["tested"].split("\n") == sorted({own, "debugging-techniques"})


def test_what_is_right_is_told_to_people_in_one_line() -> None:
    said = {s.slug: describe_target(s) for s in SCENARIOS}
    assert said["which-optimizer"] == "hands over to optimization-algorithms → learning-rate-scheduling"
    assert said["vague-not-working-well"].startswith("asks first about one of: What specifically")
    assert said["control-effective-batch-size"] == (
        "answers directly, without handing over or asking back | states 64"
    )
    assert said["positive-gradient-management"] == "loads gradient-management"
    assert all(text and "\n" not in text for text in said.values())


def test_a_folder_needs_a_separator_so_that_no_local_folder_stands_in_for_a_pack(
    tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "debugging-techniques").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not is_external("debugging-techniques")
    assert is_external("./debugging-techniques")
    assert {s.pack for s in find_scenarios(["debugging-techniques"])} == {"debugging-techniques"}


def test_scenarios_of_a_folder_stand_beside_shipped_ones(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "training-optimization"
    folder.mkdir(parents=True)
    text = (HERE / "scenarios" / "training-optimization" / "which-optimizer.yaml").read_text()
    (folder / "my-own.yaml").write_text(text)
    (mine,) = find_scenarios([str(tmp_path / "mine")])
    assert mine.id == "training-optimization/my-own"
    assert set(scenarios_by_id([str(tmp_path / "mine")])) == {mine.id}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"packs": ["nope"]}, "unknown pack 'nope'"),
        ({"packs": ["debugging-techniques"], "task": "routing"}, "belongs to the task debugging"),
        ({"wanted": ["shape-mismatch"], "task": "routing"}, "no scenario of the task routing"),
        ({"wanted": ["shape-mismach"]}, "did you mean debugging-techniques/shape-mismatch"),
    ],
)
def test_what_cannot_be_found_is_one_line(arguments, message) -> None:
    with pytest.raises(InputError, match=message) as error:
        find_scenarios(**arguments)
    assert "\n" not in str(error.value)


def test_tasks_are_made_without_the_library_of_data_sets() -> None:
    code = (
        "import sys\n"
        "from redgreenbench.tasks.routing import routing\n"
        "from redgreenbench.tasks.debugging import debugging\n"
        "assert len(routing().dataset) and len(debugging(delivery='tool', pressure='all').dataset)\n"
        "assert not {'datasets', 'pandas', 'torch'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
