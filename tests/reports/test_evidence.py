"""The report over all metrics: each with a value, an interval and n, or with the reason why there is none."""

import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest
from inspect_ai import eval

from redgreenbench.reports.evidence import MOST_MISSING, subjects_of
from redgreenbench.reports.inference import erosion, interaction
from redgreenbench.reports.load import load
from redgreenbench.reports.metrics import load_derived, load_metrics, values_of
from redgreenbench.reports.plots import plots_of, svg_of
from redgreenbench.reports.sections import appendix, ratio_text, subject_sections
from redgreenbench.reports.statistics import Ratio
from redgreenbench.reports.write import metric_records, write_report
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

SOME = "which-optimizer,loss-goes-to-nan,expert-multi-task-loss,overfitting-small-dataset,control-adamw-weight-decay-default"
PRESSED = "none,time,authority"


def answer(system: str, user: str) -> str:
    if "<skill" not in system:
        return "Use Adam."
    if "Which optimizer" in user:
        return "ROUTE: optimization-algorithms, learning-rate-scheduling"
    return "ROUTE: gradient-management, learning-rate-scheduling, loss-functions-and-objectives"


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
    assert found["root-cause"].reason.startswith("needs a grader model")
    assert found["resolution-minutes"].reason.startswith("needs an agent run")
    assert "no grader is bound" in found["criteria-graded"].reason
    assert found["input-tokens"].arms["red"].value == 1
    assert found["contamination-void"].arms["green"].value == 0
    text = "\n".join(subject_sections(subject))
    for m in subject.measured:
        assert load_metrics()[m.metric].title in text, m.metric


def test_patterns_come_from_checks_where_there_is_no_grader(subject) -> None:
    found = {m.metric: m for m in subject.measured}
    pattern = found["failure-generic-advice-over-routing"]
    assert pattern.source == "checks"
    assert pattern.arms["red"].value == 1.0
    verified = found["self-diagnosis-verified"]
    accepted = found["failure-accepts-self-diagnosis"]
    for arm, rate in verified.arms.items():
        assert rate.value == pytest.approx(1 - accepted.arms[arm].value)


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
            assert (
                found["failure-no-systematic-diagnosis"].source == "rubric"
            )  # checks do not stand in for a broken grader
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
    assert [p.name for p in first] == ["forest", "slopes", "pressure", "erosion", "patterns"]
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
    assert {"report.md", "report.csv", "metrics.csv", "scenarios.csv", "forest.png", "patterns.png"} <= set(
        files
    )
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    text = (tmp_path / "one" / "report.md").read_text()
    for part in (*load_metrics(), *load_derived()):
        assert f"| {part} |" in text, part
    assert "| Root cause named |" not in text.partition("## Appendix")[0]
    assert "Success criteria of document 004 (by check)" in text
    table = pd.read_csv(tmp_path / "one" / "metrics.csv")
    assert set(table["metric"]) == set(load_metrics())
    for widths in re.findall(r"(?:^\|.*\n)+", text, re.M):
        assert len({line.replace("\\|", "").count("|") for line in widths.splitlines()}) == 1, widths[:200]


def test_the_documents_figures_are_called_hypotheses() -> None:
    claimed = {name for name, m in load_metrics().items() if m.claimed}
    assert {"resolution-minutes", "root-cause", "fix-minimal", "tool-use", "pattern-recognition"} == claimed
    assert load_metrics()["root-cause"].claimed.green == "95 %"


def test_records_are_plain(subject) -> None:
    json.dumps(metric_records([subject]), allow_nan=False)


def test_ratios_read_well() -> None:
    assert ratio_text(Ratio(2.0, 1.5, 3.04)) == "2.0x [1.5, 3.0]"
    assert ratio_text(Ratio(2.0, math.nan, math.nan)) == "2.0x [no interval]"
    assert ratio_text(None) == "–"
    assert len(appendix(["root-cause"])) < len(appendix())
