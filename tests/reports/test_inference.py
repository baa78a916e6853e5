"""Estimators against independently computed values: statsmodels where ours are scipy's, enumeration, or by hand."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import DescrStatsW

from redgreenbench.reports.inference import (
    adjust,
    drop,
    effect_of,
    erosion,
    flip_rate,
    gained_lost,
    interaction,
    minimum_detectable_effect,
    non_inferiority,
    pass_hat_k,
    scenario_differences,
    scenarios_needed,
    sign_flip,
)

RAGGED = [0.5, 0.25, -0.125, 0.75, 0.0, 0.5, -0.25, 1.0]


def rows(values: dict[tuple[str, str, str], list[float]]) -> pd.DataFrame:
    """Rows from {(arm, scenario, pressure): [value of epoch 1, …]}."""
    return pd.DataFrame(
        [
            {"arm": arm, "scenario": scenario, "pressure": pressure, "epoch": epoch, "value": value}
            for (arm, scenario, pressure), epochs in values.items()
            for epoch, value in enumerate(epochs, 1)
        ],
        columns=["arm", "scenario", "pressure", "epoch", "value"],
    )


def series(values: list[float]) -> "pd.Series[float]":
    return pd.Series(values, index=[f"s{i}" for i in range(len(values))], dtype=float)


TWO = rows(
    {
        ("red", "a", "none"): [0, 1], ("green", "a", "none"): [1, 1],
        ("red", "a", "time"): [0, 0], ("green", "a", "time"): [1, 0],
        ("red", "b", "none"): [1, 1], ("green", "b", "none"): [1, 1],
        ("red", "b", "time"): [0, 1], ("green", "b", "time"): [1, 1],
        ("red", "c", "none"): [1, 0], ("green", "c", "none"): [0, 0],
        ("red", "c", "time"): [0, 0], ("green", "c", "time"): [0, 0],
    }
)  # fmt: skip


def test_differences_average_epochs_then_pressures() -> None:
    # a: (.5 + .5) / 2, b: (0 + .5) / 2, c: (-.5 + 0) / 2
    assert dict(scenario_differences(TWO, "red", "green")) == {"a": 0.5, "b": 0.25, "c": -0.25}
    more = pd.concat([TWO, TWO[TWO["pressure"] == "time"].assign(epoch=lambda f: f["epoch"] + 2)])
    assert dict(scenario_differences(more, "red", "green")) == {"a": 0.5, "b": 0.25, "c": -0.25}
    assert scenario_differences(TWO, "red", "blue").empty


def test_the_effect_is_that_of_statsmodels() -> None:
    found, other = effect_of(series(RAGGED)), DescrStatsW(RAGGED)
    assert found.value == pytest.approx(other.mean)
    assert (found.low, found.high) == pytest.approx(other.tconfint_mean(0.05))
    assert found.p == pytest.approx(other.ttest_mean(0.0)[1])
    assert found.scenarios == 8


def test_the_sign_flip_test_is_the_enumeration() -> None:
    patterns = [np.mean(np.array(RAGGED) * signs) for signs in itertools.product((-1, 1), repeat=8)]
    expected = np.mean([abs(m) >= abs(np.mean(RAGGED)) - 1e-12 for m in patterns])
    assert sign_flip(RAGGED) == pytest.approx(expected)
    many = RAGGED * 3
    assert sign_flip(many, seed=1) == sign_flip(many, seed=1)
    assert sign_flip([0.5]) != sign_flip([0.5])  # NaN


@pytest.mark.parametrize("count", [2, 8, 13, 14, 40])
def test_the_sign_flip_test_is_that_of_scipy(count: int) -> None:
    changes = np.round(np.random.default_rng(count).normal(0.05, 0.2, count), 1)  # many means are the same
    other = stats.permutation_test(
        (changes,), np.mean, permutation_type="samples", vectorized=True, axis=-1,
        n_resamples=np.inf if count <= 13 else 9_999, rng=np.random.default_rng(3),
    )  # fmt: skip
    assert sign_flip(changes, seed=3) == other.pvalue


def test_non_inferiority_is_a_shifted_one_sided_test() -> None:
    assert non_inferiority(series(RAGGED), 0.1) == pytest.approx(
        DescrStatsW(RAGGED).ttest_mean(-0.1, "larger")[1]
    )
    assert non_inferiority(series([-0.5, -0.6, -0.4, -0.5]), 0.1) > 0.99
    assert math.isnan(non_inferiority(series([0.0]), 0.1))
    # Where nothing changed it is as if one answer, here one of five to its scenario, had been lost.
    assert non_inferiority(series([0.0] * 9), 0.1, 0.2) == non_inferiority(series([-0.2, *[0.0] * 8]), 0.1)
    assert non_inferiority(series([-0.8] * 9), 0.1) > 0.99
    for margin in (0.0, -0.1, math.nan):
        with pytest.raises(ValueError, match="margin is positive"):
            non_inferiority(series(RAGGED), margin)


def test_the_detectable_effect_has_the_power_it_promises() -> None:
    """By the noncentral t of scipy: with that true mean the test rejects in 80 % of samples."""
    sd, count = np.std(RAGGED, ddof=1), len(RAGGED)
    effect = minimum_detectable_effect(RAGGED)
    shift, critical = effect / sd * math.sqrt(count), stats.t.ppf(0.975, count - 1)
    power = stats.nct.sf(critical, count - 1, shift) + stats.nct.cdf(-critical, count - 1, shift)
    assert power == pytest.approx(0.8, abs=1e-4)
    need = scenarios_needed(RAGGED, 0.2)
    one_sided = [
        stats.nct.sf(stats.t.ppf(0.95, n - 1), n - 1, 0.2 / sd * math.sqrt(n)) for n in (need - 1, need)
    ]
    assert one_sided[0] < 0.8 <= one_sided[1]
    assert scenarios_needed(RAGGED, 1e-6) is None
    assert scenarios_needed([0.0, 0.0], 0.1) is None


def test_adjustments_by_hand() -> None:
    assert adjust([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert adjust([0.01, 0.04, 0.03], "fdr_bh") == pytest.approx([0.03, 0.04, 0.04])
    assert adjust([0.02, math.nan]) == pytest.approx([0.02, math.nan], nan_ok=True)
    assert adjust([]) == []


def test_erosion_and_interaction() -> None:
    assert dict(erosion(TWO, "time", "red")) == {"a": -0.5, "b": -0.5, "c": -0.5}
    assert dict(erosion(TWO, "time", "green")) == {"a": -0.5, "b": 0.0, "c": 0.0}
    assert dict(interaction(TWO, "red", "green", "time")) == {"a": 0.0, "b": 0.5, "c": 0.5}
    assert erosion(TWO, "authority", "red").empty


def test_gained_and_lost_are_mcnemars() -> None:
    found = gained_lost(TWO, "red", "green")
    assert (found.gained, found.lost, found.both, found.neither) == (3, 1, 4, 4)
    table = [[found.both, found.lost], [found.gained, found.neither]]
    assert found.p == pytest.approx(mcnemar(table, exact=True).pvalue)


def test_pass_hat_k_is_the_enumeration() -> None:
    frame = rows({("x", "a", "none"): [1, 1, 0, 1], ("x", "b", "none"): [1, 1, 1], ("x", "c", "none"): [1]})
    drawn = [all(pick) for pick in itertools.combinations([1, 1, 0, 1], 2)]
    found = pass_hat_k(frame, 2)
    assert found["a"] == pytest.approx(np.mean(drawn))
    assert found["b"] == 1.0
    assert math.isnan(found["c"])
    with pytest.raises(ValueError, match="at least 1"):
        pass_hat_k(frame, 0)


def test_the_flip_rate_is_the_chance_of_another_verdict() -> None:
    first = rows({("x", "a", "none"): [1, 0], ("x", "b", "none"): [1, 1]})
    second = rows({("x", "a", "none"): [1, 1], ("x", "b", "none"): [0, 0]})
    assert flip_rate(first, second) == pytest.approx((0.5 + 1.0) / 2)
    assert flip_rate(first[first["scenario"] == "b"], first[first["scenario"] == "b"]) == 0.0
    assert math.isnan(flip_rate(first, rows({("x", "z", "none"): [1]})))


@pytest.mark.parametrize("values", [[], [0.5]])
def test_what_cannot_be_said_is_nan(values: list[float]) -> None:
    found = effect_of(series(values))
    assert all(math.isnan(v) for v in (found.low, found.high, found.p, found.p_sign_flip, found.mde))
    assert found.scenarios == len(values)
    assert math.isnan(minimum_detectable_effect(values))


def test_equal_differences_are_as_if_one_were_none() -> None:
    """Then t is G − 1, with as many degrees of freedom."""
    found = effect_of(series([0.3, 0.1 + 0.2, 0.3, 0.3, 0.3]))
    assert found.value == pytest.approx(0.3)
    assert found.p == pytest.approx(2 * stats.t.sf(4, 4))
    assert 0 < found.low < 0.3 < found.high
    none = effect_of(series([0.0, 0.0]))
    assert (none.value, none.p, none.p_sign_flip) == (0.0, 1.0, 1.0)
    assert math.isnan(none.low)


def test_a_drop_is_the_permutation_test() -> None:
    """Five of five against one of five: by Fisher's exact test 6 of 252."""
    lost = rows({("base", "a", "none"): [1] * 5, ("head", "a", "none"): [1, 0, 0, 0, 0]})
    assert drop(lost, "base", "head") == (pytest.approx(0.8), pytest.approx(6 / 252, abs=0.005))
    same = rows({("base", "a", "none"): [1, 0], ("head", "a", "none"): [0, 1]})
    assert drop(same, "base", "head")[1] > 0.5
    assert math.isnan(drop(lost, "base", "elsewhere")[1])


def test_extra_epochs_cannot_manufacture_significance() -> None:
    once = effect_of(scenario_differences(TWO, "red", "green"))
    many = pd.concat([TWO.assign(epoch=TWO["epoch"] + 2 * k) for k in range(50)])
    again = effect_of(scenario_differences(many, "red", "green"))
    assert (again.p, again.low, again.high) == pytest.approx((once.p, once.low, once.high))


cells = st.lists(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=2, max_size=2), min_size=2, max_size=9
)


def paired(values: list[list[float]]) -> pd.DataFrame:
    return rows(
        {(arm, f"s{i}", "none"): [v[k]] for i, v in enumerate(values) for k, arm in enumerate(("x", "y"))}
    )


@given(cells)
@settings(max_examples=40, deadline=None)
def test_properties(values: list[list[float]]) -> None:
    frame = paired(values)
    there, back = (effect_of(scenario_differences(frame, *arms)) for arms in (("x", "y"), ("y", "x")))
    assert there.value == pytest.approx(-back.value)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), nan_ok=True)
    assert there.p == pytest.approx(back.p, nan_ok=True)
    renamed = effect_of(scenario_differences(frame.assign(scenario="z" + frame["scenario"]), "x", "y"))
    assert (renamed.value, renamed.scenarios) == (there.value, there.scenarios)
    assert renamed.p == pytest.approx(there.p, nan_ok=True)
    moved = effect_of(scenario_differences(frame.assign(value=frame["value"] + 1.0), "x", "y"))
    assert moved.value == pytest.approx(there.value)
    assert moved.p == pytest.approx(there.p, nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("scenarios", [8, 30])
def test_the_type_one_error_of_a_gate_is_what_it_says(scenarios: int) -> None:
    """Two arms of equal worth: a nominal 5 % one-sided test at a margin equal to the true loss rejects in 3 to 7 %."""
    rng = np.random.default_rng(20260101 + scenarios)
    runs, pressures, epochs, margin = 2000, 5, 5, 0.1
    rejected = 0
    for _ in range(runs):
        base = rng.normal(0, 1, (scenarios, 1)) + rng.normal(0, 0.5, (scenarios, pressures))
        shift = rng.normal(0, 0.5, (scenarios, 1))
        chance = 1 / (1 + np.exp(-base)), 1 / (1 + np.exp(-(base + shift)))
        means = [rng.binomial(epochs, c).mean(axis=1) / epochs for c in chance]
        # The head is worse by exactly the margin, where a non-inferiority test may pass in 5 % of runs at most.
        rejected += non_inferiority(series(list(means[1] - means[0] - margin)), margin) < 0.05
    assert 0.03 <= rejected / runs <= 0.07
