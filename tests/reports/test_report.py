"""From logs to a report: what is counted, what is missing, and the same bytes twice."""

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from inspect_ai import eval
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log
from inspect_ai.scorer import Score

from redgreenbench.cli import main as redgreen
from redgreenbench.evals.errors import InputError
from redgreenbench.reports.certificates import certificate_path, grader_notes
from redgreenbench.reports.estimate import DIFFERENCE, Frame, estimate
from redgreenbench.reports.logs.table import COLUMNS, load
from redgreenbench.reports.metrics import load_metrics, load_registry
from redgreenbench.reports.render.report import (
    front_table,
    html,
    make_report,
    markdown,
    records,
    write_report,
)
from redgreenbench.reports.render.sections import samples_of
from redgreenbench.reports.rules import judge
from redgreenbench.reports.words import estimate_text
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


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, scripted) -> EvalLog:
    """One run for all tests that only read it."""
    (made,) = eval(
        routing(scenarios=FOUR), model=scripted(skilled), log_dir=str(tmp_path_factory.mktemp("logs"))
    )
    return made


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


def frame_of(*logs) -> Frame:
    return judge(estimate(load([log.location for log in logs]).rows))


def one_of(frame: Frame, metric: str, arm: str, kind: str = "mean"):
    (subject,) = frame.subjects
    return frame.get(subject, metric, arm, kind)


def test_red_against_green(log) -> None:
    frame = frame_of(log)
    red, green = (one_of(frame, "routing-accuracy", arm) for arm in ("red", "green"))
    assert (red.passed, green.passed, green.answers) == (0, 3, 4)
    assert [name for name, _ in one_of(frame, "routing-accuracy", "green", DIFFERENCE).moved(True)] == [
        "training-optimization/expert-multi-task-loss",
        "training-optimization/loss-goes-to-nan",
        "training-optimization/which-optimizer",
    ]
    # On a plain question, routing is over-firing: RED answers it, GREEN hands over.
    assert one_of(frame, "fact-correct", "red").passed == 1
    assert one_of(frame, "fact-correct", "green").passed == 0


def test_a_report_is_whole_and_the_same_bytes_twice(run_task, tmp_path: Path) -> None:
    logs = [
        run_task(routing(scenarios=FOUR, pressure="none,time"), skilled).location,
        run_task(scheduling(scenarios="just-use-constant-lr"), skilled).location,
    ]
    for name in ("one", "two"):
        write_report(make_report(load(logs)), tmp_path / name)
    files = sorted(p.name for p in (tmp_path / "one").iterdir())
    written = {"report.md", "report.html", "report.png", "forest.png", "slopes.png", "scenarios.csv"}
    assert written | {f"estimates.{kind}" for kind in ("csv", "json", "parquet")} <= set(files)
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    assert (tmp_path / "one" / "report.png").stat().st_size > 10_000
    lines = (tmp_path / "one" / "report.md").read_text().splitlines()
    assert len(lines) <= 120
    assert lines[2].startswith(
        "mockllm/scripted answered 5 scenarios and 1 plain question of routing and scheduling"
    )
    assert lines[4].startswith(("In ", "Of "))
    assert any("| Routing accuracy | green |" in line for line in lines)
    assert any(
        line.startswith("- got better: training-optimization/") and line.endswith(".eval>))")
        for line in lines
    )
    for target in re.findall(r"\]\(<(.+)>\)\)$", "\n".join(lines), re.M):
        assert (tmp_path / "one" / target).is_file(), target
    page = (tmp_path / "one" / "report.html").read_text()
    for part in (*load_metrics(), *load_registry().computed):
        assert f">{part}</th>" in page, part
    for widths in re.findall(r"(?:^\|.*\n)+", "\n".join(lines), re.M):
        assert len({line.replace("\\|", "").count("|") for line in widths.splitlines()}) == 1, widths[:200]
    assert not re.findall(r'src="', page)
    assert page.count("<svg") == page.count('role="img"') >= 2
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    table = pd.read_csv(tmp_path / "one" / "estimates.csv")
    assert set(table["metric"]) == set(load_metrics())


def test_what_a_reader_sees_is_a_row_of_the_frame(log, tmp_path: Path) -> None:
    report = make_report(load([log.location]))
    one = one_of(report.frame, "routing-accuracy", "green", DIFFERENCE)
    assert estimate_text(one) in markdown(report)
    assert estimate_text(one) in html(report)
    done = CliRunner().invoke(redgreen, ["compare", log.location, "--json"])
    by_metric = {m["metric"]: m for m in json.loads(done.stdout)["metrics"]}
    assert by_metric["routing-accuracy"]["difference"]["value"] == one.value
    assert by_metric["routing-accuracy"]["difference"]["p_adjusted"] == one.p_adjusted


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
    frame = frame_of(log)
    red, green = (one_of(frame, "routing-accuracy", arm) for arm in ("red", "green"))
    assert (green.answers, green.lost, red.answers) == (3, 1, 4)
    # A quarter is too much: what is left need not be like what was asked.
    assert (green.verdict, one_of(frame, "routing-accuracy", "green", DIFFERENCE).verdict) == (
        "invalid",
        "invalid",
    )


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
    assert samples_of(table.rows)["planned"].sum() == 10
    assert "of which 5 failed or never ran." in make_report(table).said[0]


def test_an_unscored_answer_is_in_no_denominator(log, tmp_path: Path) -> None:
    edited = read_eval_log(log.location)
    for sample in edited.samples:
        if sample.metadata["arm"] == "red":
            sample.scores = {"act": Score.unscored(reason="judge_timeout")}
    path = str(tmp_path / "edited.eval")
    write_eval_log(edited, path)
    table = load([path])
    report = make_report(table)
    red, green = (one_of(report.frame, "routing-accuracy", arm) for arm in ("red", "green"))
    assert (red.answers, red.lost, green.answers) == (0, 4, 4)
    assert not one_of(report.frame, "routing-accuracy", "green", DIFFERENCE)
    assert "judge_timeout" in markdown(report)


def test_the_newer_of_two_runs_counts_once(run_task) -> None:
    first = run_task(routing(scenarios="which-optimizer"), lambda s, u: "NEXT: answer\nUse Adam.")
    second = run_task(routing(scenarios="which-optimizer"), skilled)
    frame = frame_of(first, second)
    assert [one_of(frame, "routing-accuracy", arm).answers for arm in ("red", "green")] == [1, 1]
    assert one_of(frame, "routing-accuracy", "green").passed == 1


def test_two_metrics_are_never_pooled(run_task) -> None:
    first = run_task(routing(scenarios="which-optimizer"), skilled)
    second = run_task(scheduling(scenarios="wrong-step-placement"), skilled)
    frame = frame_of(first, second)
    assert one_of(frame, "routing-accuracy", "red").answers == 1
    assert one_of(frame, "fixes-correct", "red").answers == 1


def unchanged(system: str, user: str) -> str:
    """The program of the question, if it has one."""
    fence = "```python"
    return fence + user.partition(fence)[2].partition("```")[0] + "```"


def test_what_could_not_be_executed_is_unscored_and_not_judged_by_something_else(
    run_task, monkeypatch
) -> None:
    from redgreenbench.reference_bugs.engine import host

    monkeypatch.setattr(host, "detect_isolation", lambda: host.Host("none", "no Landlock", 0))
    monkeypatch.delenv(host.UNSAFE, raising=False)
    log = run_task(scheduling(scenarios="wrong-step-placement,should-i-schedule", arms="red"), unchanged)
    frame = frame_of(log)
    assert (one_of(frame, "fixes-correct", "red").answers, one_of(frame, "fixes-correct", "red").lost) == (
        0,
        2,
    )
    assert "Root cause mended" in str(front_table(frame)[1])


def test_what_graders_alone_can_tell_is_absent_without_one(run_task) -> None:
    log = run_task(
        routing(scenarios="control-clip-grad-norm-return,which-optimizer", arms="red"), lambda s, u: "x"
    )
    assert [row[0] for row in front_table(frame_of(log))[1]] == [
        "Routing accuracy",
        "Restraint on plain questions",
    ]


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
    text = markdown(make_report(table))
    assert "left out" in text
    with pytest.raises(InputError, match="no log to report on"):
        load([str(folder / "truncated.eval")])


def test_logs_may_lie_in_memory(log) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/logs/one.eval", Path(log.location.removeprefix("file://")).read_bytes())
    assert len(load(["memory://logs"]).logs) == 1


def test_model_text_cannot_break_a_report(log) -> None:
    table = load([log.location])
    evil = "a|b <script>alert(1)</script>\n# x {{ 7*7 }}"
    report = make_report(replace(table, rows=table.rows.assign(model=evil), notes=(evil,)))
    text, page = markdown(report), html(report)
    assert "<script" not in text
    assert "a\\|b &lt;script>alert(1)&lt;/script> # x {{ 7*7 }}" in text
    assert "<script" not in page
    assert "{{ 7*7 }}" in page


def test_records_are_plain_and_have_no_key_without_a_value(log) -> None:
    for record in records(frame_of(log).table()):
        assert all(isinstance(v, str | int | float) and v == v for v in record.values())
    json.dumps(records(frame_of(log).table()), allow_nan=False)


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
