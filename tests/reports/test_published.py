"""Results in the formats of others: valid against the published schema or specification, the same bytes each time."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from inspect_ai import eval as run_eval

from redgreenbench.cli import main as redgreen
from redgreenbench.reports import published
from redgreenbench.reports.estimate import ALL, MEAN, Estimate, Subject
from redgreenbench.reports.metrics import load_metrics
from redgreenbench.reports.published import HubResult
from redgreenbench.tasks.decision import decision
from redgreenbench.tasks.routing import routing

SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "every_eval_ever" / "eval.schema.json").read_text())
CHOSEN = "loss-goes-to-nan,which-optimizer,training-too-slow"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory, scripted) -> str:
    """Logs of decisions and of routing without a grader, so that much does not apply and some is unscored."""
    place = tmp_path_factory.mktemp("published")
    for task, answer in (
        (decision(arms="red,green", scenarios=CHOSEN), "A"),
        (routing(arms="red,green", scenarios=CHOSEN), "NEXT: answer\nUse Adam."),
    ):
        model = scripted(lambda system, user, said=answer: said)
        (log,) = run_eval(task, model=model, epochs=2, log_dir=str(place), display="none")
        assert log.status == "success", log.error
    return str(place)


def export(*arguments: str) -> Result:
    return CliRunner().invoke(redgreen, ["export", *arguments])


def test_records_of_every_eval_ever_are_valid(logs: str, tmp_path: Path) -> None:
    done = export("eee", logs, str(tmp_path / "out"), "--organization", "Lab")
    assert done.exit_code == 0, done.output
    (file,) = (tmp_path / "out").rglob("*.json")
    assert file.relative_to(tmp_path / "out").parts[:-1] == ("data", "redgreenbench", "mockllm", "scripted")
    record = json.loads(file.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    jsonschema.validate(record, SCHEMA)
    assert record["schema_version"] == SCHEMA["version"]
    results = {one["evaluation_result_id"]: one for one in record["evaluation_results"]}
    assert len(results) == len(record["evaluation_results"])
    one = results["redgreenbench/decision-accuracy/green"]
    assert one["metric_config"]["metric_parameters"] == {"arm": "green"}
    assert 0 <= one["score_details"]["score"] <= 1
    assert one["score_details"]["details"]["answers"] == "6"
    lift = results["redgreenbench/decision-accuracy/green/red"]
    assert lift["metric_config"]["min_score"] == -1
    assert not any("llm_scoring" in one["metric_config"] for one in results.values())
    broken = record | {"evaluation_results": [one | {"score_details": {}}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)
    export("eee", logs, str(tmp_path / "again"), "--organization", "Lab")
    (again,) = (tmp_path / "again").rglob("*.json")
    assert (again.name, again.read_bytes()) == (file.name, file.read_bytes())


def test_what_graders_say_names_them() -> None:
    name = next(name for name, metric in load_metrics().items() if metric.grader and metric.scale == "share")
    one = Estimate(
        Subject("m", "a/b+c/d"), name, MEAN, ALL, "green", value=0.5, low=0.4, high=0.6, n=9, answers=18
    )
    result = published._result(one, ())
    scoring = result["metric_config"]["llm_scoring"]
    assert [judge["model_info"]["id"] for judge in scoring["judges"]] == ["a/b", "c/d"]
    assert scoring["aggregation_method"] == "majority_vote"
    items = SCHEMA["properties"]["evaluation_results"]["items"]
    jsonschema.validate(result, items | {"$defs": SCHEMA["$defs"]})


def test_files_for_the_hub_are_valid(logs: str, tmp_path: Path) -> None:
    place = str(tmp_path / "hub")
    arguments = ["hub-results", logs, place, "--dataset", "lab/redgreenbench"]
    done = export(*arguments, "--source", "https://example.org/board")
    assert done.exit_code == 0, done.output
    files = sorted(Path(place).rglob("*.yaml"))
    assert [file.name for file in files] == ["redgreenbench_green.yaml", "redgreenbench_red.yaml"]
    assert {file.parent.name for file in files} == {".eval_results"}
    for file in files:
        (entry,) = yaml.safe_load(file.read_text())
        HubResult.model_validate(entry)
        assert entry["dataset"] == {"id": "lab/redgreenbench", "task_id": "decision"}
        assert isinstance(entry["date"], str)  # YAML would make a time of it
        assert entry["source"]["url"] == "https://example.org/board"
    assert "arm green, skill" in entry["notes"] or "arm red" in entry["notes"]
    library = pytest.importorskip("huggingface_hub")
    if hasattr(library, "parse_eval_result_entries"):
        (entry,) = library.parse_eval_result_entries(yaml.safe_load(files[0].read_text()))
        assert entry.task_id == "decision"


def test_the_hub_task_is_that_of_the_data_set() -> None:
    from redgreenbench.evals.catalogue import HERE
    from redgreenbench.reports.published import HUB_TASK

    assert [
        task["id"] for task in yaml.safe_load((HERE / "prompts" / "hub_eval.yaml").read_text())["tasks"]
    ] == [HUB_TASK]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["eee", "/nowhere", "out"], "no log to report on"),
        (["hub-results", "LOGS", "out", "--dataset", "no-owner"], "--dataset is owner/name"),
        (["hub-results", "LOGS", "out", "--dataset", "a/b", "--source", "http://x"], "begins with https://"),
        (["eee", "LOGS", "/proc/nope"], "choose another OUT"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(logs: str, arguments: list[str], words: str) -> None:
    done = export(*(logs if part == "LOGS" else part for part in arguments))
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
