"""From logs to a report: what is counted, what is missing, and the same bytes twice."""

import json
import math
import shutil
from pathlib import Path

import pytest
from inspect_ai import eval
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.scorer import Score

from redgreenbench.evals.errors import InputError
from redgreenbench.reports.certificates import certificate_path, grader_notes
from redgreenbench.reports.load import COLUMNS, load
from redgreenbench.reports.summary import summarize
from redgreenbench.reports.write import as_records, markdown, write_report
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

FOUR = "which-optimizer,loss-goes-to-nan,expert-multi-task-loss,overfitting-small-dataset,control-adamw-weight-decay-default"


def skilled(system: str, user: str) -> str:
    if "<skill" not in system:
        return "NEXT: answer\nThe default is 0.01."
    if "Which optimizer" in user:
        return "NEXT: hand over to optimization-algorithms, learning-rate-scheduling"
    if "uncertainty" in user:
        return "NEXT: hand over to loss-functions-and-objectives, gradient-management"
    if "suddenly" in user:
        return (
            "NEXT: hand over to gradient-management, learning-rate-scheduling, loss-functions-and-objectives"
        )
    return "NEXT: hand over to gradient-management"


@pytest.fixture
def log(run_task):
    return run_task(routing(scenarios=FOUR), skilled)


def test_the_table_is_tidy_and_names_status(log) -> None:
    table = load([log.location])
    assert tuple(table.rows.columns) == COLUMNS
    # Without a grader its scores are unscored.
    assert set(table.rows["status"]) == {"scored", "not_applicable", "unscored"}
    one = table.rows.query(
        "scenario == 'training-optimization/which-optimizer' and arm == 'green' and scorer == 'act'"
    )
    assert one.set_index("key")["value"]["correct"] == 1.0
    assert math.isnan(one.set_index("key")["value"]["asked"])


def test_red_against_green_in_one_table(log) -> None:
    scenarios, controls = summarize(load([log.location]).rows)
    red, green = scenarios.cells
    assert (red.arm, green.arm) == ("red", "green")
    assert (red.rate.passed, green.rate.passed, green.rate.rows) == (0, 3, 4)
    assert green.difference.gained == (
        "training-optimization/expert-multi-task-loss",
        "training-optimization/loss-goes-to-nan",
        "training-optimization/which-optimizer",
    )
    assert not scenarios.controls
    assert (controls.controls, controls.metric) == (True, "fact.correct")
    # On a plain question, routing is over-firing: RED answers it, GREEN hands over.
    assert controls.cells[0].rate.passed == 1
    assert controls.cells[1].difference.lost == ("training-optimization/control-adamw-weight-decay-default",)


def test_the_report_is_the_same_bytes_twice(log, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(load([log.location]), tmp_path / name)
    for file in ("report.md", "report.csv", "report.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert (tmp_path / "one" / "report.png").stat().st_size > 10_000
    text = (tmp_path / "one" / "report.md").read_text()
    assert "| routing · none | green | 3 of 4 |" in text
    assert "- Gained: training-optimization/expert-multi-task-loss" in text


def test_by_path_and_by_name_are_one_task(log, tmp_path: Path) -> None:
    other = read_eval_log(log.location)
    assert other.eval.task in ("routing", "redgreenbench/routing")
    assert load([log.location]).rows["task"].unique().tolist() == ["routing"]


def test_a_failed_sample_is_counted_and_never_wrong(run_task) -> None:
    def breaks(system: str, user: str) -> str:
        if "<skill" in system and "uncertainty" in user:
            raise RuntimeError("no connection")
        return skilled(system, user)

    log = run_task(routing(scenarios=FOUR), breaks, fail_on_error=False)
    group = summarize(load([log.location]).rows)[0]
    red, green = group.cells
    assert (green.rate.rows, green.errors, green.unscored) == (3, 1, 0)
    assert (red.rate.rows, green.difference.pairs, green.difference.unpaired) == (4, 3, 1)


def test_an_aborted_run_counts_what_never_ran_as_missing(run_task) -> None:
    calls = []

    def breaks(system: str, user: str) -> str:
        calls.append(1)
        if len(calls) > 5:
            raise RuntimeError("cut")
        return skilled(system, user)

    log = run_task(routing(scenarios=FOUR), breaks, max_samples=1)
    table = load([log.location])
    missing = table.rows[table.rows["status"].isin(["missing", "error"])]
    assert len(missing) == 10 - 5
    assert "the run is error" in table.notes[0]
    groups = summarize(table.rows)
    assert sum(c.rate.rows + c.errors for g in groups for c in g.cells) == 10


def test_an_unscored_answer_is_in_no_denominator(log, tmp_path: Path) -> None:
    edited = read_eval_log(log.location)
    for sample in edited.samples:
        if sample.metadata["arm"] == "red":
            sample.scores = {"act": Score.unscored(reason="judge_timeout")}
    path = str(tmp_path / "edited.eval")
    write_eval_log(edited, path)
    table = load([path])
    red, green = summarize(table.rows)[0].cells
    assert (red.rate.rows, red.unscored, green.rate.rows) == (0, 4, 4)
    assert green.difference.verdict == "cannot tell"
    assert "judge_timeout" in markdown(table, summarize(table.rows))


def test_the_newer_of_two_runs_counts_once(run_task) -> None:
    first = run_task(routing(scenarios="which-optimizer"), lambda s, u: "NEXT: answer\nUse Adam.")
    second = run_task(routing(scenarios="which-optimizer"), skilled)
    table = load([first.location, second.location])
    (group,) = summarize(table.rows)
    assert [c.rate.rows for c in group.cells] == [1, 1]
    assert group.cells[1].rate.passed == 1


def test_two_metrics_are_never_pooled(run_task) -> None:
    first = run_task(routing(scenarios="which-optimizer"), skilled)
    second = run_task(scheduling(scenarios="wrong-step-placement"), skilled)
    groups = summarize(load([first.location, second.location]).rows)
    assert {(g.task, g.metric) for g in groups} == {
        ("routing", "act.correct"),
        ("scheduling", "execution.correct"),
    }


def unchanged(system: str, user: str) -> str:
    """The program of the question, if it has one."""
    fence = "```python"
    return fence + user.partition(fence)[2].partition("```")[0] + "```"


def test_what_could_not_be_executed_is_unscored_and_not_judged_by_something_else(
    run_task, monkeypatch
) -> None:
    from redgreenbench.reference_bugs.engine import host

    monkeypatch.setattr(host, "examine", lambda: host.Host("none", "no Landlock", 0))
    monkeypatch.delenv(host.UNSAFE, raising=False)
    log = run_task(scheduling(scenarios="wrong-step-placement,should-i-schedule", arms="red"), unchanged)
    (executed,) = summarize(load([log.location]).rows)
    assert executed.metric == "execution.correct"
    assert (executed.cells[0].rate.rows, executed.cells[0].unscored) == (0, 2)


def test_what_graders_alone_can_tell_is_absent_without_one(run_task) -> None:
    log = run_task(
        routing(scenarios="control-clip-grad-norm-return,which-optimizer", arms="red"), lambda s, u: "x"
    )
    (routed,) = summarize(load([log.location]).rows)
    assert (routed.metric, routed.cells[0].rate.rows) == ("act.correct", 1)


def test_broken_foreign_and_absent_logs_are_named(log, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    shutil.copy(log.location.removeprefix("file://"), folder / "good.eval")
    (folder / "truncated.eval").write_bytes((folder / "good.eval").read_bytes()[:900])
    (foreign,) = eval("tests/data/foreign.py", model="mockllm/model", log_dir=str(tmp_path / "foreign"))
    shutil.copy(foreign.location.removeprefix("file://"), folder / "foreign.eval")
    table = load([str(folder), str(tmp_path / "nowhere")])
    reasons = {s.log.rsplit("/", 1)[-1]: s.reason for s in table.skipped}
    assert set(reasons) == {"truncated.eval", "foreign.eval", "nowhere"}
    assert "is no log of this benchmark" in reasons["foreign.eval"]
    assert len(table.logs) == 1
    text = markdown(table, summarize(table.rows))
    assert "left out" in text
    with pytest.raises(InputError, match="no log to report on"):
        load([str(folder / "truncated.eval")])


def test_logs_may_lie_in_memory(log) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/logs/one.eval", Path(log.location.removeprefix("file://")).read_bytes())
    assert len(load(["memory://logs"]).logs) == 1


def test_model_text_cannot_break_the_markdown(log) -> None:
    from redgreenbench.reports.sections import markdown_row

    assert markdown_row(["a|b", "<script>", "x\ny"]) == "| a\\|b | &lt;script> | x y |"


def test_records_are_plain_and_documented(log) -> None:
    records = as_records(summarize(load([log.location]).rows))
    assert {r["arm"] for r in records} == {"red", "green"}
    assert all(
        v is None or isinstance(v, str | int | float | bool | list) for r in records for v in r.values()
    )


def test_what_graders_are_worth_is_said(run_task, grader, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    judge = grader(lambda messages: "no verdict", "judge")
    log = run_task(
        routing(scenarios="which-optimizer", arms="red"),
        lambda s, u: "NEXT: answer\nUse Adam.",
        model_roles={"grader": judge},
    )
    info = load([log.location]).provenance
    assert info[0].graders == ("mockllm/judge",)
    (note,) = grader_notes(info)
    assert note.startswith(
        "grader mockllm/judge: no certificate; `redgreen calibrate --grader mockllm/judge`"
    )
    path = certificate_path("mockllm/judge")
    path.parent.mkdir()
    record = {
        "verdict": "unfit",
        "set": {"answers": 7},
        "kinds": {"outcome": {"kappa": 0.125}},
        "grader_prompt": "x",
    }
    path.write_text(json.dumps(record))
    (note,) = grader_notes(info)
    assert "unfit by 7 labelled answers (kappa of outcome criteria 0.12), with another prompt" in note
    path.write_text("{")
    assert "cannot be read" in grader_notes(info)[0]


def test_self_grading_stands_in_the_report(run_task) -> None:
    def reply(system: str, user: str) -> str:
        if "You judge one transcript" not in system:
            return "NEXT: answer\nUse Adam at 1e-3."
        verdicts = [{"n": n, "verdict": "false", "quote": ""} for n in range(1, 20)]
        return json.dumps({"verdicts": verdicts, "excuses": []})

    log = run_task(routing(scenarios="which-optimizer", arms="red", self_grade=True), reply)
    (note,) = load([log.location]).notes
    assert note.endswith("the model under test graded itself (mockllm/scripted); such grades are no evidence")
