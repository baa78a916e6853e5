"""Estimators against independently computed values, and their policies at the edges."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai.scorer import SampleScore, Score, ci_wilson
from scipy import stats

from redgreenbench.reports.statistics import effect_of, pass_rate, scenario_differences


def frame(values: dict[str, dict[str, list[float]]]) -> pd.DataFrame:
    """Rows from {arm: {scenario: [value of epoch 1, …]}}."""
    return pd.DataFrame(
        [
            {"arm": arm, "scenario": scenario, "pressure": "none", "epoch": epoch, "value": value}
            for arm, scenarios in values.items()
            for scenario, epochs in scenarios.items()
            for epoch, value in enumerate(epochs, 1)
        ]
    )


BALANCED = frame(
    {
        "red": {"a": [0, 0], "b": [0, 1], "c": [1, 1], "d": [0, 0], "e": [0, 0]},
        "green": {"a": [1, 1], "b": [1, 1], "c": [1, 0], "d": [0, 1], "e": [1, 1]},
    }
)


def paired(rows: pd.DataFrame, base: str = "red", head: str = "green"):
    return effect_of(scenario_differences(rows, base, head))


def test_the_difference_is_the_cluster_robust_one() -> None:
    """statsmodels' CRV1 without its small-sample factor for parameters equals the t test over scenarios."""
    wide = BALANCED.pivot_table(index=["scenario", "epoch"], columns="arm", values="value").reset_index()
    d, groups = (wide["green"] - wide["red"]).to_numpy(), pd.factorize(wide["scenario"])[0]
    fit = sm.OLS(d, np.ones(len(d))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    correction = math.sqrt((len(d) - 1) / len(d) * len(d) / (len(d) - 1))
    low, high = fit.conf_int()[0]
    found = paired(BALANCED)
    assert found.value == pytest.approx(fit.params[0])
    half = (high - low) / 2 * correction
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-9)


def test_the_difference_by_hand() -> None:
    """Scenario differences 1, .5, -.5, .5, 1: mean .5, sd .6124, t(4, .975) = 2.7764."""
    found = paired(BALANCED)
    assert found.value == pytest.approx(0.5)
    assert found.low == pytest.approx(0.5 - 2.776445 * 0.612372 / math.sqrt(5), abs=1e-5)
    assert found.scenarios == 5


def test_more_epochs_of_the_same_scenarios_cannot_manufacture_significance() -> None:
    once = paired(BALANCED)
    many = pd.concat([BALANCED.assign(epoch=BALANCED["epoch"] + 2 * k) for k in range(20)])
    again = paired(many)
    assert (again.low, again.high) == pytest.approx((once.low, once.high))


def test_a_missing_answer_breaks_its_pair() -> None:
    lost = (BALANCED["arm"] == "green") & (BALANCED["scenario"] == "c") & (BALANCED["epoch"] == 1)
    assert dict(scenario_differences(BALANCED[~lost], "red", "green"))["c"] == -1.0


@pytest.mark.parametrize(
    "rows",
    [
        frame({"red": {"a": [0]}, "green": {"a": [1]}}),
        frame({"red": {"a": [0]}, "green": {"b": [1]}}),
        BALANCED.iloc[:0],
    ],
)
def test_where_nothing_can_be_said_there_is_no_interval(rows) -> None:
    assert math.isnan(paired(rows).low)
    assert math.isnan(paired(rows).p)


def wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """The formula of Wilson (1927), written out."""
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(centre - half, 0), min(centre + half, 1)


def test_the_rate_uses_the_effective_sample_size_of_clustered_rows() -> None:
    rows = frame({"red": {"a": [1, 1], "b": [0, 0], "c": [1, 1], "d": [0, 0]}})
    found = pass_rate(rows)
    # Two equal rows per scenario carry what one would: variance of the clustered mean is sum(2e)^2 / 64.
    variance = 4 * (2 * 0.5) ** 2 / 8**2
    n = min(0.25 / variance, 8)
    low, high = wilson(0.5, n, 3.182446)
    assert (found.value, found.passed, found.rows, found.scenarios) == (0.5, 4.0, 8, 4)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)
    assert found.high - found.low > wilson(0.5, 8, 1.96)[1] - wilson(0.5, 8, 1.96)[0]


def test_the_rate_is_that_of_inspect_and_the_effect_that_of_scipy() -> None:
    draws = np.random.default_rng(0)
    sizes = draws.integers(1, 9, 40)
    rows = frame({"red": {f"s{i}": list(draws.integers(0, 2, size)) for i, size in enumerate(sizes)}})
    scores = [
        SampleScore(score=Score(value=float(value)), sample_metadata={"scenario": scenario})
        for scenario, value in zip(rows["scenario"], rows["value"], strict=True)
    ]
    bounds = ci_wilson(0.9, cluster="scenario")(scores)
    found = pass_rate(rows, 0.9)
    assert (found.low, found.high) == pytest.approx((bounds["lower"], bounds["upper"]), rel=1e-9)
    changes = pd.Series(draws.normal(0.1, 1, 30))
    test, effect = stats.ttest_1samp(changes, 0), effect_of(changes)
    interval = test.confidence_interval(0.95)
    assert (effect.low, effect.high, effect.p) == pytest.approx((*interval, test.pvalue), rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_at_zero_and_one_the_scenarios_count_not_the_rows(value: float) -> None:
    found = pass_rate(frame({"red": {name: [value] * 10 for name in "abcdef"}}))
    assert (found.low, found.high) == pytest.approx(wilson(value, 6, 1.959964), abs=1e-6)


def test_one_scenario_and_no_row() -> None:
    one = pass_rate(frame({"red": {"a": [0, 1]}}))
    assert (one.low, one.high) == pytest.approx(wilson(0.5, 1, 1.959964), abs=1e-6)
    none = pass_rate(BALANCED.iloc[:0])
    assert math.isnan(none.value)
    assert math.isnan(none.low)


TABLES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), min_size=3, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_swapping_arms_flips_the_sign_and_names_do_not_matter(pairs) -> None:
    def build(names) -> pd.DataFrame:
        return frame(
            {
                "red": {n: [r] for n, (r, _) in zip(names, pairs, strict=True)},
                "green": {n: [g] for n, (_, g) in zip(names, pairs, strict=True)},
            }
        )

    rows = build([f"s{i}" for i in range(len(pairs))])
    there = paired(rows)
    back = paired(rows, "green", "red")
    other = paired(build([f"t{i * 7 % 97}" for i in range(len(pairs))]))
    assert there.value == pytest.approx(-back.value)
    assert other.value == pytest.approx(there.value)
    if not math.isnan(there.low):
        assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
        assert (other.low, other.high) == pytest.approx((there.low, there.high))
