"""The report over all metrics: each with a value, an interval and n, or with the reason why there is none."""

import json
import math
import re
from dataclasses import replace

import pandas as pd
import pytest
from inspect_ai import eval

from redgreenbench.evals.vocabulary import UNSCORED
from redgreenbench.reports.estimate import (
    ALL,
    DIFFERENCE,
    EROSION,
    INTERACTION,
    MEAN,
    RATIO,
    RELIABILITY,
    Estimate,
    Subject,
    estimate,
    views_of,
)
from redgreenbench.reports.inference import erosion, interaction
from redgreenbench.reports.logs.table import load
from redgreenbench.reports.metrics import load_metrics, missing_of, values_of
from redgreenbench.reports.render.plots import plots_of, svg_of
from redgreenbench.reports.render.sections import appendix, samples_of, sections_of
from redgreenbench.reports.rules import MOST_MISSING, judge
from redgreenbench.reports.words import estimate_text
from redgreenbench.tasks.routing import routing

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
    rows = load([log.location], cache=False).rows
    (one,) = views_of(rows, judge(estimate(rows)))
    return one


def judge_with(reply):
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
    there = subject.where(kind=MEAN, slice=ALL)
    assert list(dict.fromkeys(one.metric for one in there)) == list(load_metrics())
    for one in there:
        assert bool(one.answers) != bool(one.why), one.metric
        if one.answers:
            assert one.low <= one.value <= one.high or math.isnan(one.low), (one.metric, one.arm)
    assert subject.get("routing-accuracy", "green", DIFFERENCE).n == 4
    assert subject.get("restraint", "red").n == 1
    assert subject.frame.absent(subject.subject)["resolution-minutes"].startswith("needs an agent run")
    assert subject.get("input-tokens", "red").value == 1
    assert subject.get("contamination-void", "green").value == 0
    text = str(list(sections_of(subject)))
    for metric in load_metrics().values():
        assert metric.title in text or metric.title.replace("'", "\\'") in text, metric.title


def test_what_needs_a_grader_is_absent_without_one_and_says_so(subject) -> None:
    absent = subject.frame.absent(subject.subject)
    graded = [name for name, metric in load_metrics().items() if metric.grader]
    assert {"root-cause", "failure-single-skill-focus", "transformation-1", "criteria-graded"} < set(graded)
    # No answer was posed under a senior who is right, or as an agent; all else was there and was not judged.
    for name in graded:
        assert UNSCORED["no_grader"] in absent[name] or absent[name].startswith("needs "), name
    assert UNSCORED["no_grader"] in absent["criteria-graded"]


def test_erosion_is_that_of_the_public_functions(subject) -> None:
    values = values_of(subject.rows, load_metrics()["routing-accuracy"])
    mine = subject.where(kind=EROSION, metric="routing-accuracy")
    assert {one.slice for one in mine} == {"pressure=time", "pressure=authority"}
    for pressure in ("time", "authority"):
        for arm in ("red", "green"):
            one = subject.get("routing-accuracy", arm, EROSION, f"pressure={pressure}")
            assert one.value == pytest.approx(erosion(values, pressure, arm).mean())
        between = subject.get("routing-accuracy", "green", INTERACTION, f"pressure={pressure}")
        assert between.value == pytest.approx(interaction(values, "red", "green", pressure).mean())


def test_reliability_needs_epochs(subject) -> None:
    mine = subject.where(kind=RELIABILITY, metric="routing-accuracy", arm="red")
    assert {one.slice: (one.value, one.n) for one in mine} == {"k=1": (0.0, 4), "k=2": (0.0, 4)}


def test_a_grader_that_breaks_on_weak_answers_raises_nothing(run_task, grader) -> None:
    """The weak half of the answers is lost: its metrics are invalid, without a difference, and lead no ranking."""

    def weak(messages):
        return "no idea" if "Use Adam" in messages[1].text else None

    for breaks in (lambda messages: None, weak):
        role = grader(judge_with(breaks), "weak" if breaks is weak else "whole")
        log = run_task(routing(scenarios=SOME), answer, model_roles={"grader": role})
        frame = judge(estimate(load([log.location], cache=False).rows))
        (one,) = frame.subjects
        deltas = [
            e for e in frame.where(kind=DIFFERENCE, metric="criteria-graded") if not math.isnan(e.value)
        ]
        if breaks is weak:
            broken = frame.get(one, "criteria-graded", "red")
            assert broken is None or not broken.answers or broken.verdict == "invalid"
            assert not deltas
            assert not list(frame.where(kind=RATIO, metric="criteria-graded"))
        else:
            assert not frame.get(one, "criteria-graded", "red").verdict
            assert deltas
    assert 0 < MOST_MISSING < 0.5


def test_samples_are_counted_by_what_became_of_them(run_task) -> None:
    def breaks(system: str, user: str) -> str:
        if "<skill" in system and "uncertainty" in user:
            raise RuntimeError("no connection")
        return answer(system, user)

    log = run_task(routing(scenarios=SOME), breaks, fail_on_error=False)
    cells = samples_of(load([log.location]).rows).set_index(["arm"])
    assert cells.loc["green", ["planned", "scored", "error", "missing"]].tolist() == [5, 4, 1, 0]
    assert cells.loc["red", ["planned", "scored", "error", "missing"]].tolist() == [5, 5, 0, 0]


def test_figures_have_words_and_the_same_bytes(subject) -> None:
    first, second = plots_of(subject), plots_of(subject)
    assert [p.name for p in first] == ["forest", "slopes", "pressure", "erosion"]
    for one, other in zip(first, second, strict=True):
        assert len(one.alt) > 40
        assert svg_of(one) == svg_of(other)
        assert svg_of(one).startswith("<svg")


def test_the_documents_figures_are_called_hypotheses() -> None:
    claimed = {name for name, m in load_metrics().items() if m.claimed}
    assert {"resolution-minutes", "root-cause", "fix-minimal", "tool-use", "pattern-recognition"} == (
        claimed - {"decision-eight", "routing-eight"}
    )
    assert load_metrics()["root-cause"].claimed.green == "95 %"


def test_numbers_read_well() -> None:
    nobody = Subject("m")
    ratio = Estimate(nobody, "routing-accuracy", RATIO, ALL, "green", "red", value=2.0, low=1.5, high=3.04)
    assert estimate_text(ratio) == "2.0x [1.5, 3.0]"
    assert estimate_text(replace(ratio, low=math.nan)) == "2.0x [no interval]"
    assert estimate_text(None) == "–"
    share = Estimate(
        nobody, "routing-accuracy", DIFFERENCE, ALL, "green", "red", value=0.8, low=0.5, high=1.1
    )
    assert estimate_text(share) == "+80 [+50, +100]"  # what is shown is possible; the frame keeps 1.1
    tokens = Estimate(
        nobody, "input-tokens", DIFFERENCE, ALL, "green", "red", value=-0.23, low=-1234.5, high=5
    )
    assert (
        estimate_text(tokens) == "0 [-1,234, +5]"
    )  # no more digits than the interval warrants, and no sign of zero
    assert estimate_text(replace(tokens, low=-0.5, high=0.04)) == "-0.23 [-0.50, +0.04]"
    assert len(appendix(["root-cause"])[0].rows) == 1


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
