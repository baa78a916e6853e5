"""A submission check says everything that is wrong at once."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from inspect_ai.log import read_eval_log, write_eval_log

from redgreenbench.cli import main
from redgreenbench.reports.leaderboard.submissions import Expected, check_submission, submitters_of
from redgreenbench.reports.logs.table import load
from redgreenbench.tasks.routing import routing

TWO = ("training-optimization/loss-goes-to-nan", "training-optimization/which-optimizer")


@pytest.fixture
def submitted(run_task, grader, make_skill, tmp_path: Path):
    """A submission of a small run, and what a whole run of that size poses."""

    def make(epochs: int = 5, graded: bool = True, scenarios: str = ",".join(TWO), **options: object):
        roles = {"model_roles": {"grader": grader(lambda m: "{}")}} if graded else {}
        task = routing(skill=str(make_skill()), scenarios=scenarios)
        log = run_task(task, lambda s, u: "NEXT: answer\nUse Adam.", epochs=epochs, **roles, **options)
        folder = tmp_path / "submission"
        (folder / "logs").mkdir(parents=True)
        path = Path(shutil.copy(log.location, folder / "logs"))
        info = load([str(path)], cache=False).provenance[0]
        about = {
            "submitter": "Ada",
            "contact": "ada@example.org",
            "model": info.model,
            "grader": "mockllm/grader",
            "skill": {
                "repository": "https://example.org/skills",
                "ref": "v1",
                "hash": info.skills["training-optimization"]["green"]["hash"],
            },
            "logs": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
        }
        (folder / "submission.yaml").write_text(yaml.safe_dump(about))
        return folder, about, {"routing": [Expected(info.scenario_set, TWO)]}

    return make


def test_a_whole_submission_has_no_problem(submitted) -> None:
    folder, _, expected = submitted()
    checked = check_submission(folder, expected)
    assert checked.problems == ()
    assert checked.about.submitter == "Ada"


def test_everything_that_is_wrong_is_said_at_once(submitted) -> None:
    folder, about, _ = submitted(epochs=2, graded=False, scenarios=TWO[0], message_limit=50)
    (name,) = about["logs"]
    about |= {"model": "openai/other", "logs": {name: "0" * 64, "lost.eval": "1" * 64}}
    about["skill"]["hash"] = "a" * 12
    (folder / "submission.yaml").write_text(yaml.safe_dump(about))
    (folder / "logs" / "broken.eval").write_bytes(b"no log")
    whole = {"routing": [Expected("f" * 64, TWO)]}
    text = "\n".join(check_submission(folder, whole).problems)
    for part in (
        "logs/lost.eval is named in submission.yaml and is not there",
        "as submission.yaml says; it was changed or mixed up",
        "`message_limit` was set to 50; run without it",
        "2 epochs; at least 5 are needed (--epochs 5)",
        "no grader is named",
        "submission.yaml says openai/other",
        "no arm carries the skill aaaaaaaaaaaa",
        f"1 scenarios of the task are missing: {TWO[1]}",
        "logs/broken.eval: is not named in submission.yaml; add `broken.eval: ",
        "logs/broken.eval: cannot be read",
    ):
        assert part in text, f"{part!r} not in:\n{text}"


def test_metadata_are_checked_field_by_field(tmp_path: Path) -> None:
    assert "is no folder" in check_submission(tmp_path / "none", {}).problems[0]
    missing = check_submission(tmp_path, {})
    assert missing.about is None
    assert [p.partition(";")[0] for p in missing.problems] == [
        "submission.yaml: is missing",
        "logs/ holds no .eval file",
    ]
    (tmp_path / "submission.yaml").write_text("submitter: A\nmodel: |\n  two\n  lines\nextra: 1\nlogs: {}\n")
    said = "\n".join(check_submission(tmp_path, {}).problems)
    for field in ("contact", "grader", "skill", "model", "logs", "extra"):
        assert f"submission.yaml: {field}: " in said


def test_logs_of_another_suite_are_refused_in_a_line(submitted) -> None:
    folder, about, expected = submitted()
    (name,) = about["logs"]
    older = read_eval_log(str(folder / "logs" / name))
    older.eval.metadata["redgreenbench"] = "1"
    write_eval_log(older, str(folder / "logs" / name))
    (problem,) = [p for p in check_submission(folder, expected).problems if "sha256" not in p]
    assert problem.startswith(f"logs/{name}: is of suite version 1, this release reads suite 2: run it again")


def test_edited_scenarios_are_noticed(submitted) -> None:
    folder, _, _ = submitted()
    problems = check_submission(folder, {"routing": [Expected("f" * 64, TWO)]}).problems
    assert [p for p in problems if "another scenario-set hash" in p]


def test_the_command_and_the_leaderboard_of_submissions(submitted, tmp_path: Path) -> None:
    folder, about, _ = submitted()
    result = CliRunner().invoke(main, ["submission", "check", str(folder), "--json"])
    said = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [p for p in said["problems"] if "scenarios of the task are missing" in p]
    assert said["submission"]["submitter"] == "Ada"
    plain = CliRunner().invoke(main, ["submission", "check", str(folder)])
    assert "1 problem" in plain.stdout
    every = tmp_path / "every"
    shutil.copytree(folder, every / "ada")
    assert submitters_of([str(every)]) == {name: "Ada" for name in about["logs"]}
    built = CliRunner().invoke(
        main, ["leaderboard", str(every), "-o", str(tmp_path / "site"), "--no-transcripts", "--json"]
    )
    assert built.exit_code == 0, built.output
    record = json.loads(built.stdout)
    assert record["tabs"][0]["rows"] == 2
    assert "Ada" in next((tmp_path / "site" / "rows").glob("*skill*")).read_text()
    text = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    assert not {key for output in (said, record) for key in output if f"`{key}`" not in text}
    (log,) = (every / "ada" / "logs").iterdir()
    log.write_bytes(log.read_bytes() + b" ")
    refused = CliRunner().invoke(main, ["leaderboard", str(every), "-o", str(tmp_path / "other")])
    assert refused.exit_code == 2
    assert "is not the log that" in refused.stderr
