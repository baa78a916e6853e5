"""Scenarios as a data set: exported, and restored from there without loss."""

from collections import Counter
from pathlib import Path

import inspect_ai
import pytest
from datasets import Dataset
from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage, get_model

from redgreenbench.evals.card import write_dataset
from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.evals.dataset import from_dataset, to_dataset
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import user_message
from redgreenbench.evals.samples import find_scenarios, scenarios_by_id
from redgreenbench.reference_bugs.folder import bug_folder

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
    assert written["scenarios"] == len(SCENARIOS)
    assert find_scenarios([f"{tmp_path}/export"]) == SCENARIOS
    assert scenarios_by_id([f"{tmp_path}/export"]) == {s.id: s for s in SCENARIOS}
    assert "cc-by-sa-4.0" in (tmp_path / "export" / "README.md").read_text()


def test_programs_are_written_as_they_are_posed_without_what_mends_them(tmp_path: Path) -> None:
    chosen = find_scenarios(
        ["debugging-techniques/shape-mismatch", "debugging-techniques/control-argmax-shape"]
    )
    (posed,) = [scenario for scenario in chosen if scenario.file.bug]
    written = write_dataset([*chosen, posed.with_variant(1)], tmp_path)
    assert (written["scenarios"], written["bugs"]) == (2, 2)
    rows = Dataset.from_parquet(str(tmp_path / "bugs" / "bugs.parquet"))
    own, varied = rows
    bug = bug_folder(str(posed.file.bug))
    assert (own["id"], own["variant"], own["program"], own["symptom"]) == (
        bug.name,
        None,
        bug.program,
        bug.symptom,
    )
    assert (varied["id"], varied["variant"], varied["bug"]) == (f"{bug.name}@1", 1, bug.name)
    assert varied["program"] != own["program"]
    assert own["prompt"] == user_message(posed)
    given = str(rows.to_list())
    for secret in (bug.about["root_cause"], bug.reference.text, bug.checks.read_text()):
        assert secret not in given


def test_the_hub_file_runs_the_decisions_with_inspect_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [scenario for scenario in SCENARIOS if scenario.file.decision][:3]
    write_dataset(chosen, tmp_path)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda filename, **_: str(tmp_path / filename))
    rows = Dataset.from_parquet(str(tmp_path / "decisions" / "decisions.parquet"))
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: rows)
    right = [scenario.file.decision.right for scenario in chosen for _ in range(4)]

    def answer(messages: list[ChatMessage], *_: object) -> ModelOutput:
        shown = messages[-1].text.splitlines()
        (letter,) = {line[0] for line in shown for step in right if line.endswith(f") {step}")}
        output = ModelOutput.from_content("mockllm/model", f"ANSWER: {letter}")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    model = get_model("mockllm/model", custom_outputs=answer)
    (log,) = inspect_ai.eval("hf/them/decisions", model=model, log_dir=str(tmp_path / "logs"), display="none")
    assert log.status == "success", log.error
    assert len(log.samples or []) == 12
    assert {sample.scores["choice"].value for sample in log.samples or []} == {"C"}
    assert Counter(sample.target for sample in log.samples or []) == dict.fromkeys("ABCD", 3)


def test_a_foreign_data_set_is_named() -> None:
    with pytest.raises(InputError, match="no column definition"):
        from_dataset(Dataset.from_list([{"id": "x"}]))


def test_a_definition_of_another_suite_version_is_one_line() -> None:
    rows = to_dataset(SCENARIOS[:1]).to_list()
    rows[0]["definition"] = rows[0]["definition"].replace('"rubric"', '"route": {"direct": true}, "rubric"')
    with pytest.raises(InputError, match="route: this field went with suite version 2") as error:
        from_dataset(Dataset.from_list(rows))
    assert "\n" not in str(error.value)
