"""From scenarios to samples: identity, order, byte-identical prompts, and the exported data set."""

import random
from pathlib import Path

import pytest
from datasets import Dataset

from redgreenbench.evals.arms import resolve_arms
from redgreenbench.evals.card import write_dataset
from redgreenbench.evals.catalogue import catalogue_names, load_scenarios
from redgreenbench.evals.dataset import (
    build_samples,
    find_scenarios,
    from_dataset,
    system_message,
    to_dataset,
)
from redgreenbench.evals.delivery import with_arm
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.vocabulary import METADATA_KEYS

SCENARIOS = load_scenarios()
ARMS = resolve_arms(["red", "generic", "placebo", "green"], "v2", list({s.pack: 0 for s in SCENARIOS}))


def samples(pressures=("none", "time")):
    return list(build_samples(to_dataset(SCENARIOS), ARMS, list(pressures)))


def test_a_sample_is_scenario_pressure_and_arm() -> None:
    ids = [s.id for s in samples()]
    assert len(ids) == len(set(ids))
    assert "training-optimization/loss-goes-to-nan/time/green" in ids


def test_arms_stand_beside_each_other() -> None:
    ids = [str(s.id) for s in samples()]
    for start in range(0, len(ids), 4):
        cell = {i.rpartition("/")[0] for i in ids[start : start + 4]}
        assert len(cell) == 1


def test_the_prompt_is_the_same_bytes_in_every_arm() -> None:
    by_cell: dict[str, set[str]] = {}
    for sample in samples():
        text = "\0".join(message.text for message in sample.input)
        by_cell.setdefault(str(sample.id).rpartition("/")[0], set()).add(text)
    assert all(len(texts) == 1 for texts in by_cell.values())


def test_metadata_is_short_scalars() -> None:
    for sample in samples():
        assert tuple(sample.metadata) == METADATA_KEYS
        assert all(
            value is None or (isinstance(value, str) and len(value) < 80)
            for value in sample.metadata.values()
        )


def test_the_catalogue_is_shuffled_by_the_scenario_alone() -> None:
    routing = [s for s in SCENARIOS if s.pack == "training-optimization"]
    state = random.getstate()
    first = [system_message(s) for s in routing]
    random.seed(1)
    assert [system_message(s) for s in routing] == first
    random.setstate(state)
    assert len(set(first)) == 4
    for text in first:
        assert all(f"{name}: " in text for name in catalogue_names("training-optimization"))


def test_the_arm_is_delivered_behind_what_all_arms_share() -> None:
    system = system_message(SCENARIOS[0])
    assert with_arm(system, "") == system
    assert with_arm(system, "ARM TEXT") == f"{system}\n\nARM TEXT"


def test_the_data_set_restores_the_scenarios(tmp_path: Path) -> None:
    assert from_dataset(to_dataset(SCENARIOS)) == SCENARIOS
    written = write_dataset(SCENARIOS, tmp_path / "export")
    assert written["rows"] == len(SCENARIOS)
    assert find_scenarios([f"{tmp_path}/export"]) == SCENARIOS
    assert "cc-by-sa-4.0" in (tmp_path / "export" / "README.md").read_text()


def test_a_foreign_data_set_is_named() -> None:
    with pytest.raises(InputError, match="no column definition"):
        from_dataset(Dataset.from_list([{"id": "x"}]))


def test_a_folder_needs_a_separator_so_that_no_local_folder_stands_in_for_a_pack(
    tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "debugging-techniques").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(find_scenarios(["debugging-techniques"])) == 6


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
    with pytest.raises(InputError, match=message):
        find_scenarios(**arguments)
