"""Pooled differences against a jackknife written out, ratios against the test that defines their interval, amounts by hand."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

from redgreenbench.reports import statistics
from redgreenbench.reports.statistics import (
    adjust,
    amount,
    cluster_robust,
    effect_of,
    ratio_of_means,
    scenario_differences,
)


def frame(cells: dict[str, tuple[list[float], list[float]]]) -> pd.DataFrame:
    """Rows from {scenario: (values of red, values of green)}, an epoch a value."""
    return pd.DataFrame(
        [
            {"scenario": s, "pressure": "none", "epoch": e, "arm": arm, "value": v}
            for s, pair in cells.items()
            for arm, values in zip(("red", "green"), pair, strict=True)
            for e, v in enumerate(values, 1)
        ]
    )


RAGGED = frame(
    {
        "a": ([0, 1, 0, 0], [1, 1, 1, 0]),
        "b": ([1, 1], [1, 0]),
        "c": ([0.25], [0.75]),
        "d": ([0, 0, 1], [1, 1, 1]),
        "e": ([1, 0], [1, 1]),
    }
)


def test_ragged_scenarios_get_the_cluster_jackknife() -> None:
    found = cluster_robust(RAGGED, "red", "green")
    wide = RAGGED.pivot(index=["scenario", "epoch"], columns="arm", values="value")
    d = (wide["green"] - wide["red"]).dropna()
    left_out = [d.drop(s, level="scenario").mean() for s in "abcde"]
    error = math.sqrt(4 / 5 * sum((m - d.mean()) ** 2 for m in left_out))
    t = stats.t.ppf(0.975, 4)
    assert found.method == "CRV3"
    assert (found.pairs, found.scenarios) == (12, 5)
    assert found.value == pytest.approx(d.mean())
    assert (found.low, found.high) == pytest.approx((d.mean() - t * error, d.mean() + t * error))
    assert found.p == pytest.approx(2 * stats.t.sf(d.mean() / error, 4))


def test_balanced_scenarios_give_the_macro_effect() -> None:
    rng = np.random.default_rng(4)
    balanced = frame({f"s{i}": (rng.random(3).tolist(), rng.random(3).tolist()) for i in range(7)})
    found = cluster_robust(balanced, "red", "green")
    effect = effect_of(scenario_differences(balanced, "red", "green"))
    assert found.method == "CRV1"
    assert (found.value, found.low, found.high, found.p) == pytest.approx(
        (effect.value, effect.low, effect.high, effect.p)
    )


@pytest.mark.parametrize("cells", [{}, {"a": ([0], [1])}, {"a": ([0], [1]), "b": ([0], [1])}])
def test_what_a_pooled_difference_cannot_say_is_nan(cells: dict) -> None:
    given = frame(cells) if cells else RAGGED.iloc[:0]
    found = cluster_robust(given, "red", "green")
    assert math.isnan(found.low)
    assert math.isnan(found.p)


def test_a_ratio_interval_is_all_ratios_that_a_t_test_keeps() -> None:
    rng = np.random.default_rng(2)
    cells = {
        f"s{i}": ([float(r)], [float(g)])
        for i, (r, g) in enumerate(zip(rng.uniform(0.3, 0.9, 12), rng.uniform(0.2, 1, 12), strict=True))
    }
    given = frame(cells)
    red = np.array([c[0][0] for c in cells.values()])
    green = np.array([c[1][0] for c in cells.values()])

    def kept(r: float) -> float:
        return float(stats.ttest_1samp(green - r * red, 0).pvalue) - 0.05

    found = ratio_of_means(given, "red", "green")
    value = green.mean() / red.mean()
    assert found.value == pytest.approx(value)
    assert found.low == pytest.approx(optimize.brentq(kept, 0.0, value - 1e-9))
    assert found.high == pytest.approx(optimize.brentq(kept, value + 1e-9, 10.0))


def test_ratios_that_are_not_bounded_have_no_interval() -> None:
    noisy = frame({"a": ([1.0], [1.0]), "b": ([0.0], [1.0]), "c": ([0.0], [0.0])})
    found = ratio_of_means(noisy, "red", "green")
    assert found.value == pytest.approx(2)
    assert math.isnan(found.low)
    assert math.isnan(ratio_of_means(frame({"a": ([0.0], [1.0])}), "red", "green").value)
    same = frame({f"s{i}": ([v], [v]) for i, v in enumerate([0.3, 0.9, 0.8, 0.7, 1.0])})
    assert ratio_of_means(same, "red", "green").value == 1
    assert math.isnan(ratio_of_means(same, "red", "green").low)


def test_amounts_have_a_t_interval_over_scenarios() -> None:
    given = RAGGED[RAGGED["arm"] == "red"].assign(value=lambda f: 100 * f["value"])
    means = [25.0, 100.0, 25.0, 100 / 3, 50.0]
    low, high = stats.t.interval(0.95, 4, np.mean(means), stats.sem(means))
    found = amount(given)
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(means), low, high))
    assert math.isnan(amount(given[given["scenario"] == "a"]).low)
    assert amount(given.iloc[:0]).rows == 0


@pytest.mark.parametrize("method", ["holm", "fdr_bh"])
def test_corrections_are_those_of_statsmodels(method: str) -> None:
    p = [0.04, math.nan, 0.001, 0.5, 0.03, 0.03, 1.0]
    known = [x for x in p if not math.isnan(x)]
    found = adjust(p, method)
    assert math.isnan(found[1])
    assert [x for x in found if not math.isnan(x)] == pytest.approx(
        list(multipletests(known, method=method)[1])
    )
    assert adjust([], method) == []


def test_every_estimator_is_public() -> None:
    for name in statistics.__all__:
        assert getattr(statistics, name).__doc__


def test_the_example_of_the_docs_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "reporting.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    (example,) = [block for block in blocks if "scenario_differences" in block]
    exec(compile(example, "docs/reporting.md", "exec"), {})
    assert "Effect(value=0.333" in capsys.readouterr().out
