"""The report over all metrics: each with a value, an interval and n, or with the reason why there is none."""

import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest
from inspect_ai import eval

from redgreenbench.evals.vocabulary import UNSCORED
from redgreenbench.reports.evidence import MOST_MISSING, subjects_of
from redgreenbench.reports.inference import erosion, interaction
from redgreenbench.reports.load import load
from redgreenbench.reports.metrics import load_derived, load_metrics, missing_of, values_of
from redgreenbench.reports.plots import plots_of, svg_of
from redgreenbench.reports.sections import appendix, cell, ratio_text, subject_sections
from redgreenbench.reports.statistics import Ratio
from redgreenbench.reports.write import metric_records, write_report
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

SOME = "which-optimizer,loss-goes-to-nan,expert-multi-task-loss,overfitting-small-dataset,control-adamw-weight-decay-default"
PRESSED = "none,time,authority"


def answer(system: str, user: str) -> str:
    if "<skill" not in system:
        return "NEXT: answer\nUse Adam."
    if "Which optimizer" in user:
        return "NEXT: hand over to optimization-algorithms, learning-rate-scheduling"
    return "NEXT: hand over to gradient-management, learning-rate-scheduling, loss-functions-and-objectives"


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory, scripted):
    (log,) = eval(
        routing(scenarios=SOME, pressure=PRESSED),
        model=scripted(answer),
        epochs=2,
        log_dir=str(tmp_path_factory.mktemp("logs")),
    )
    (one,) = subjects_of(load([log.location], cache=False).rows)
    return one


def judge(reply):
    """A grader that calls every statement true with the answer's beginning as quote, unless ``reply`` gives something else."""

    def graded(messages):
        other = reply(messages)
        if other is not None:
            return other
        count = len(re.findall(r"^\d+\. ", messages[1].text.rpartition("Statements about")[2], re.M))
        said = messages[1].text.partition("[assistant]\n")[2].partition("\n")[0][:40]
        verdicts = [{"n": n + 1, "verdict": "true", "quote": said} for n in range(count)]
        return json.dumps({"verdicts": verdicts, "excuses": []})

    return graded


def test_every_metric_has_a_value_or_a_reason(subject) -> None:
    assert [m.metric for m in subject.measured] == list(load_metrics())
    for m in subject.measured:
        assert bool(m.arms) != bool(m.reason), m.metric
        for arm, rate in m.arms.items():
            assert rate.rows
            assert rate.low <= rate.value <= rate.high or math.isnan(rate.low), (m.metric, arm)
    found = {m.metric: m for m in subject.measured}
    assert found["routing-accuracy"].effects["green"].scenarios == 4
    assert found["restraint"].arms["red"].scenarios == 1
    assert found["resolution-minutes"].reason.startswith("needs an agent run")
    assert found["input-tokens"].arms["red"].value == 1
    assert found["contamination-void"].arms["green"].value == 0
    text = "\n".join(subject_sections(subject))
    for m in subject.measured:
        assert load_metrics()[m.metric].title in text, m.metric


def test_what_needs_a_grader_is_absent_without_one_and_says_so(subject) -> None:
    graded = [m for m in subject.measured if load_metrics()[m.metric].scorer == "judged"]
    assert {"root-cause", "failure-single-skill-focus", "transformation-1", "criteria-graded"} < {
        m.metric for m in graded
    }
    # No answer was posed under a senior who is right, or as an agent; all else was there and was not judged.
    for m in graded:
        assert not m.arms
        assert UNSCORED["no_grader"] in m.reason or m.reason.startswith("needs "), m.metric
    assert UNSCORED["no_grader"] in next(m.reason for m in graded if m.metric == "criteria-graded")


def test_erosion_is_that_of_the_public_functions(subject) -> None:
    values = values_of(subject.rows, load_metrics()["routing-accuracy"])
    mine = {p.pressure: p for p in subject.pressed if p.metric == "routing-accuracy"}
    assert set(mine) == {"time", "authority"}
    for pressure, one in mine.items():
        for arm in ("red", "green"):
            assert one.erosion[arm].value == pytest.approx(erosion(values, pressure, arm).mean())
        assert one.interaction["green"].value == pytest.approx(
            interaction(values, "red", "green", pressure).mean()
        )


def test_reliability_needs_epochs(subject) -> None:
    by_metric = {r.metric: r for r in subject.reliable}
    assert set(by_metric["routing-accuracy"].arms["green"]) == {1, 2}
    assert by_metric["routing-accuracy"].arms["red"][2] == (0.0, 4)


def test_a_grader_that_breaks_on_weak_answers_raises_nothing(run_task, grader) -> None:
    """The weak half of the answers is lost: its metrics are invalid, without a difference, and lead no ranking."""

    def weak(messages):
        return "no idea" if "Use Adam" in messages[1].text else None

    for breaks in (lambda messages: None, weak):
        role = grader(judge(breaks), "weak" if breaks is weak else "whole")
        log = run_task(routing(scenarios=SOME), answer, model_roles={"grader": role})
        (one,) = subjects_of(load([log.location], cache=False).rows)
        found = {m.metric: m for m in one.measured}
        if breaks is weak:
            broken = found["criteria-graded"]
            assert "red" not in broken.arms or broken.invalid
            assert not broken.effects
            assert not broken.ratios
            assert not found["failure-no-systematic-diagnosis"].effects
        else:
            assert not found["criteria-graded"].invalid
            assert found["criteria-graded"].effects
    assert 0 < MOST_MISSING < 0.5


def test_cells_count_what_became_of_every_sample(run_task) -> None:
    def breaks(system: str, user: str) -> str:
        if "<skill" in system and "uncertainty" in user:
            raise RuntimeError("no connection")
        return answer(system, user)

    log = run_task(routing(scenarios=SOME), breaks, fail_on_error=False)
    (one,) = subjects_of(load([log.location]).rows)
    cells = one.cells.set_index(["arm"])
    assert cells.loc["green", ["planned", "scored", "error", "missing"]].tolist() == [5, 4, 1, 0]
    assert cells.loc["red", ["planned", "scored", "error", "missing"]].tolist() == [5, 5, 0, 0]


def test_figures_have_words_and_the_same_bytes(subject) -> None:
    first, second = plots_of(subject), plots_of(subject)
    assert [p.name for p in first] == ["forest", "slopes", "pressure", "erosion"]
    for one, other in zip(first, second, strict=True):
        assert len(one.alt) > 40
        assert svg_of(one) == svg_of(other)
        assert svg_of(one).startswith("<svg")


def test_a_report_is_whole_and_the_same_twice(run_task, tmp_path: Path) -> None:
    logs = [
        run_task(routing(scenarios=SOME, pressure=PRESSED), answer).location,
        run_task(scheduling(scenarios="just-use-constant-lr"), answer).location,
    ]
    for name in ("one", "two"):
        write_report(load(logs), tmp_path / name)
    files = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert {"report.md", "report.csv", "metrics.csv", "scenarios.csv", "forest.png", "slopes.png"} <= set(
        files
    )
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    text = (tmp_path / "one" / "report.md").read_text()
    for part in (*load_metrics(), *load_derived()):
        assert f"| {part} |" in text, part
    assert "| Root cause named |" not in text.partition("## Appendix")[0]
    assert cell(UNSCORED["no_grader"]) in text
    table = pd.read_csv(tmp_path / "one" / "metrics.csv")
    assert set(table["metric"]) == set(load_metrics())
    for widths in re.findall(r"(?:^\|.*\n)+", text, re.M):
        assert len({line.replace("\\|", "").count("|") for line in widths.splitlines()}) == 1, widths[:200]


def test_the_documents_figures_are_called_hypotheses() -> None:
    claimed = {name for name, m in load_metrics().items() if m.claimed}
    assert {"resolution-minutes", "root-cause", "fix-minimal", "tool-use", "pattern-recognition"} == (
        claimed - {"decision-eight", "routing-eight"}
    )
    assert load_metrics()["root-cause"].claimed.green == "95 %"


def test_records_are_plain(subject) -> None:
    json.dumps(metric_records([subject]), allow_nan=False)


def test_ratios_read_well() -> None:
    assert ratio_text(Ratio(2.0, 1.5, 3.04)) == "2.0x [1.5, 3.0]"
    assert ratio_text(Ratio(2.0, math.nan, math.nan)) == "2.0x [no interval]"
    assert ratio_text(None) == "–"
    assert len(appendix(["root-cause"])) < len(appendix())


def judged(scored: dict[str, float | None], unscored: list[str]) -> pd.DataFrame:
    """Answers of a grader to a question that not every scenario asks; None: it does not apply there."""
    rows = [
        {
            "scenario": s,
            "key": "asks",
            "value": v,
            "status": "not_applicable" if v is None else "scored",
            "reason": "",
        }
        for s, v in scored.items()
    ]
    rows += [
        {"scenario": s, "key": None, "value": None, "status": "unscored", "reason": "grader_failed"}
        for s in unscored
    ]
    same = {"scorer": "judged", "pressure": "none", "epoch": 1, "arm": "red", "control": None, "pack": "p"}
    return pd.DataFrame([row | same for row in rows])


def test_an_answer_is_missing_only_where_its_scenario_asks_for_it() -> None:
    metric = load_metrics()["question-on-topic"]
    rows = judged({"due": 1.0, "not due": None}, ["due", "not due", "not judged at all"])
    assert missing_of(rows, metric)["scenario"].tolist() == ["due", "not judged at all"]
    undecided = rows.head(1).assign(value=None, status="unscored", reason="undecided", epoch=2)
    assert missing_of(pd.concat([rows.head(2), undecided]), metric)["reason"].tolist() == ["undecided"]
    assert missing_of(undecided.assign(key="cause"), metric).empty
    failed = rows.assign(scorer=None, status="error", reason="cut").iloc[2:]
    assert missing_of(pd.concat([rows.iloc[:2], failed]), metric)["scenario"].tolist() == ["due"]
