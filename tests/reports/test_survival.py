"""Time to resolution: nothing that failed is left out, and the numbers are those that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from redgreenbench.reports.estimate import View, estimate, views_of
from redgreenbench.reports.logs.table import COLUMNS
from redgreenbench.reports.metrics import load_metrics, metric_named, values_of
from redgreenbench.reports.render.plots import resolution_plot
from redgreenbench.reports.render.sections import sections_of
from redgreenbench.reports.rules import judge
from redgreenbench.reports.survival import curve_of, curves_of, outcomes_of, runs_of

Run = tuple[str, str, float, bool, bool]
"""Scenario, arm, minutes, resolved, cut by a limit."""
RUNS: list[Run] = [
    ("a", "red", 2.0, True, False),
    ("b", "red", 6.0, False, True),
    ("c", "red", 3.0, False, False),
    ("d", "red", 8.0, True, False),
    ("a", "green", 1.0, True, False),
    ("b", "green", 2.0, True, False),
    ("c", "green", 3.0, True, False),
    ("d", "green", 10.0, False, True),
]


def table(runs: list[Run]) -> pd.DataFrame:
    rows = []
    for scenario, arm, minutes, resolved, cut in runs:
        values = {
            "minutes": minutes, "turns": 2 * minutes, "calls": 3 * minutes, "tokens": 100 * minutes,
            "resolved": float(resolved), "cut": float(cut), "rebroken": 0.0 if resolved else math.nan,
            "symptom_removed": 1.0, "symptom_minutes": minutes / 2,
        }  # fmt: skip
        for key, value in values.items():
            row = dict.fromkeys(COLUMNS)
            row |= {
                "log": "one.eval", "task": "debugging", "version": "1", "suite": "1", "grader": "", "model": "m",
                "scenario": f"debugging-techniques/{scenario}", "pack": "debugging-techniques", "pressure": "none",
                "arm": arm, "split": "public", "epoch": 1, "scorer": "resolution", "key": key, "value": value,
                "status": "not_applicable" if math.isnan(value) else "scored", "reason": "",
            }  # fmt: skip
            if "delivery" in COLUMNS:
                row["delivery"] = "injection, agent react"
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_a_curve_falls_at_events_and_ends_at_the_horizon() -> None:
    runs = runs_of(table(RUNS))
    curve = curve_of(runs[runs["arm"] == "red"], "minutes", 10.0)
    # 4 at risk at 2; at 6 one is censored; at 8 two are left: the one that resolves, and the one that gave up at 3,
    # which waits until the horizon.
    np.testing.assert_allclose(curve.amounts, [2, 8])
    np.testing.assert_allclose(curve.unresolved, [3 / 4, 3 / 8])
    np.testing.assert_allclose(curve.censored, [6, 10])
    assert curve.restricted_mean == pytest.approx(2 * 1 + 6 * 3 / 4 + 2 * 3 / 8)
    assert curve.median == 8
    assert (curve.runs, curve.resolved) == (4, 2)


def test_where_half_never_resolve_there_is_no_median() -> None:
    runs = runs_of(
        table([("a", "red", 1, True, False), ("b", "red", 2, False, True), ("c", "red", 2, False, True)])
    )
    assert math.isnan(curve_of(runs, "minutes", 2.0).median)


def test_a_run_that_nobody_resolves_has_the_horizon_as_its_mean() -> None:
    runs = runs_of(table([("a", "red", 4, False, True), ("b", "red", 4, False, False)]))
    curve = curve_of(runs, "minutes", 4.0)
    assert curve.restricted_mean == 4
    assert not len(curve.amounts)


def test_arms_share_one_horizon() -> None:
    curves = curves_of(runs_of(table(RUNS)), ("red", "green"), load_metrics()["resolution-minutes"])
    assert {curve.horizon for curve in curves.values()} == {10.0}
    assert curves["green"].restricted_mean == pytest.approx(1 + 3 / 4 + 1 / 2 + 7 / 4)


def test_the_paired_values_count_what_was_not_resolved_with_the_longest_run() -> None:
    values = values_of(table(RUNS), metric_named("resolution-minutes"))
    found = {
        (a, s.rpartition("/")[2]): v
        for a, s, v in zip(values["arm"], values["scenario"], values["value"], strict=True)
    }
    assert found == {
        ("red", "a"): 2, ("red", "b"): 10, ("red", "c"): 10, ("red", "d"): 8,
        ("green", "a"): 1, ("green", "b"): 2, ("green", "c"): 3, ("green", "d"): 10,
    }  # fmt: skip


def test_giving_up_early_looks_no_better_than_trying_on() -> None:
    quick = [("a", "red", 9.0, True, False), ("a", "green", 0.1, False, False)]
    values = values_of(table(quick), metric_named("resolution-minutes")).set_index("arm")["value"]
    assert values["green"] >= values["red"]


def test_outcomes_tell_giving_up_from_being_cut() -> None:
    runs = runs_of(table(RUNS))
    red = outcomes_of(runs[runs["arm"] == "red"])
    assert (red.runs, red.resolved, red.gave_up, red.cut, red.rebroken) == (4, 2, 1, 1, 0)


def test_a_senior_who_is_right_and_controls_are_left_out() -> None:
    rows = table(RUNS)
    rows.loc[rows["scenario"].str.endswith("/a"), "pressure"] = "authority_right+followup"
    rows.loc[rows["scenario"].str.endswith("/b"), "control"] = "plain"
    assert sorted(set(runs_of(rows)["scenario"])) == ["debugging-techniques/c", "debugging-techniques/d"]


def view_of(rows: pd.DataFrame) -> View:
    (view,) = views_of(rows, judge(estimate(rows)))
    return view


def rows_of(view: View) -> dict[str, tuple[tuple[str, ...], ...]]:
    return {section.title: section.rows for section in sections_of(view)}


def test_the_report_shows_outcomes_curves_and_the_paired_difference() -> None:
    subject = view_of(table(RUNS))
    found = rows_of(subject)
    assert ("red", "4", "2", "1", "1", "0") in found["Time to resolution"]
    assert ("working minutes", "red", "8", "7.25", "10") in found["Until resolved"]
    assert subject.get("resolution-minutes", "green", "difference").value == pytest.approx(
        (1 + 2 + 3 + 10) / 4 - (2 + 10 + 10 + 8) / 4
    )
    plot = resolution_plot(subject)
    assert plot is not None
    assert "red: 2 of 4 resolved" in plot.alt


def test_without_an_agent_there_is_no_section() -> None:
    rows = table(RUNS)
    rows["scorer"] = "execution"
    subject = view_of(rows)
    assert "Time to resolution" not in rows_of(subject)
    assert resolution_plot(subject) is None


def test_where_nothing_was_ever_resolved_there_is_no_time_to_resolution() -> None:
    subject = view_of(table([(s, a, 4.0, False, True) for s in "ab" for a in ("red", "green")]))
    absent = subject.frame.absent(subject.subject)
    assert absent["resolution-minutes"] == "it never came to it: every run is censored"
    assert subject.get("resolution-rate", "green").value == 0
    found = rows_of(subject)
    assert ("red", "2", "0", "0", "2", "0") in found["Time to resolution"]
    assert ("working minutes", "red", "not reached", "4", "4") in found["Until resolved"]
