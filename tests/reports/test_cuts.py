"""Cuts by document, the gap between the splits, and rates of patterns that few scenarios could show."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from redgreenbench.cli.quickstart import findings
from redgreenbench.reports.estimate import DIFFERENCE, FEWEST, GAP, MEAN, Estimate, estimate
from redgreenbench.reports.logs.table import COLUMNS, load
from redgreenbench.reports.render.report import front_table, make_report, write_report

ROOT = Path(__file__).parents[2]


def table(scenarios: dict[str, dict[str, object]], key: str = "correct") -> pd.DataFrame:
    """Decisions of both arms: by scenario its document, split, and the values of RED and GREEN."""
    rows = [
        dict.fromkeys(COLUMNS)
        | {
            "log": "one.eval", "task": "decision", "version": "2", "suite": "2", "grader": "", "delivery": "injection",
            "model": "m", "scenario": name, "pack": "p", "pressure": "none", "arm": arm, "epoch": 1, "scorer": "decision",
            "key": key, "status": "scored", "reason": "", "split": about.get("split", "public"),
            "document": about.get("document", "001"), "value": float(about[arm]),
        }
        for name, about in scenarios.items()
        for arm in ("red", "green")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_documents_are_cut_apart_with_their_own_differences() -> None:
    rows = table(
        {
            "p/a": {"document": "001", "red": 0, "green": 1},
            "p/b": {"document": "001", "red": 0, "green": 0},
            "p/c": {"document": "003", "red": 1, "green": 0},
        }
    )
    found = {(e.kind, e.slice, e.arm): e for e in estimate(rows).where(metric="decision-accuracy")}
    assert found[MEAN, "document=001", "red"].value == 0
    assert found[MEAN, "document=001", "green"].value == 0.5
    assert found[DIFFERENCE, "document=001", "green"].value == 0.5
    three = found[DIFFERENCE, "document=003", "green"]
    assert (three.value, three.n) == (-1, 1)
    assert math.isnan(three.low)
    alone = estimate(rows[rows["document"].eq("001")])
    assert not [one for one in alone.estimates if "document" in one.slice]


def gaps_of(rows: pd.DataFrame) -> dict[str, Estimate]:
    return {one.arm: one for one in estimate(rows).where(metric="decision-accuracy", kind=GAP)}


def test_the_gap_is_welchs_over_scenarios() -> None:
    shown, hidden = [1, 1, 0, 1, 1, 0], [0, 0, 1, 0]
    rows = table(
        {f"p/{n}": {"red": v, "green": v} for n, v in enumerate(shown)}
        | {f"p/h{n}": {"split": "private", "red": v, "green": v} for n, v in enumerate(hidden)}
    )
    gaps = gaps_of(rows)
    wanted = stats.ttest_ind(shown, hidden, equal_var=False).confidence_interval()
    assert gaps["red"].value == pytest.approx(4 / 6 - 1 / 4)
    assert (gaps["red"].low, gaps["red"].high) == pytest.approx((wanted.low, wanted.high))
    assert gaps["red"].n == 4
    assert not gaps_of(rows[rows["split"].eq("public")])


@pytest.mark.parametrize("count", [FEWEST - 1, FEWEST])
def test_a_pattern_has_a_rate_from_five_scenarios_on(count: int) -> None:
    many = {f"p/{n}": {"red": n % 2, "green": 0} for n in range(count)}
    frame = estimate(table(many, "pattern:no-hypothesis"))
    absent = frame.absent(frame.subjects[0])
    assert ("fewer than 5 scenarios" in absent.get("chosen-no-hypothesis", "")) is (count < FEWEST)


def test_the_recorded_first_run_is_the_result_in_the_readme(tmp_path: Path) -> None:
    """Its log is shipped, so that a report can be looked at without any model."""
    table = load([str(ROOT / "docs" / "examples" / "first-run.eval")])
    assert not table.skipped
    report = make_report(table)
    write_report(report, tmp_path)
    rows = [
        line for line in (tmp_path / "report.md").read_text().splitlines() if line.startswith("| Decision ")
    ]
    readme = (ROOT / "README.md").read_text()
    assert len(rows) == len(front_table(report.frame)[1]) == 1
    assert all(row in readme for row in rows)
    said = " ".join(readme.replace("\n> ", " ").split())
    assert all(sentence in said for sentence in findings(report.frame))


def test_variants_are_compared_with_the_public_programs_of_the_same_bugs() -> None:
    easy = {f"p/v{n}": {"red": n > 0, "green": n > 1} for n in range(4)}
    varied = {f"p/v{n}@1": {"split": "variant", "red": n > 2, "green": n > 1} for n in range(4)}
    other = {f"p/w{n}": {"red": 0.0, "green": 0.0} for n in range(4)}
    rows = table(easy | varied | other)
    gaps = gaps_of(rows)
    assert {gap.slice for gap in gaps.values()} == {"split=variant"}
    assert (gaps["red"].value, gaps["green"].value) == (0.5, 0.0)
    assert gaps["red"].n == 4
