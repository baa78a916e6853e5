"""Scenarios as a data set: exported, and restored from there without loss."""

from pathlib import Path

import pytest
from datasets import Dataset

from redgreenbench.evals.card import write_dataset
from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.evals.dataset import from_dataset, to_dataset
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import user_message
from redgreenbench.evals.samples import find_scenarios, scenarios_by_id

SCENARIOS = load_scenarios()


def test_a_row_shows_what_a_model_sees_and_what_is_right() -> None:
    rows = {row["id"]: row for row in to_dataset(SCENARIOS)}
    assert set(rows) == {s.id for s in SCENARIOS}
    for scenario in SCENARIOS:
        assert rows[scenario.id]["prompt"] == user_message(scenario)
        assert rows[scenario.id]["expected"]


def test_the_data_set_restores_the_scenarios(tmp_path: Path) -> None:
    assert from_dataset(to_dataset(SCENARIOS)) == SCENARIOS
    written = write_dataset(SCENARIOS, tmp_path / "export")
    assert written["rows"] == len(SCENARIOS)
    assert find_scenarios([f"{tmp_path}/export"]) == SCENARIOS
    assert scenarios_by_id([f"{tmp_path}/export"]) == {s.id: s for s in SCENARIOS}
    assert "cc-by-sa-4.0" in (tmp_path / "export" / "README.md").read_text()


def test_a_foreign_data_set_is_named() -> None:
    with pytest.raises(InputError, match="no column definition"):
        from_dataset(Dataset.from_list([{"id": "x"}]))


def test_a_definition_of_another_suite_version_is_one_line() -> None:
    rows = to_dataset(SCENARIOS[:1]).to_list()
    rows[0]["definition"] = rows[0]["definition"].replace('"rubric"', '"route": {"direct": true}, "rubric"')
    with pytest.raises(InputError, match="route: this field went with suite version 2") as error:
        from_dataset(Dataset.from_list(rows))
    assert "\n" not in str(error.value)
