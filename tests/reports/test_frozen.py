"""The numbers of fixture logs, kept from before the estimates moved into one frame: they did not change."""

from pathlib import Path

import pandas as pd
import pytest

from redgreenbench.reports.estimate import Frame, estimate, views_of
from redgreenbench.reports.render.report import scenario_means
from redgreenbench.reports.rules import judge

KEPT = Path(__file__).parent / "frozen"


def answers() -> pd.DataFrame:
    rows = pd.read_parquet(KEPT / "answers.parquet")
    texts = [name for name in rows.columns if name not in ("epoch", "value")]
    return rows.astype(dict.fromkeys(texts, "category"))


@pytest.fixture(scope="module")
def frame() -> Frame:
    return judge(estimate(answers()))


def together(kept: pd.DataFrame, now: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    both = kept.merge(now, on=keys, how="left", suffixes=("_kept", ""), indicator=True)
    assert both["_merge"].eq("both").all(), both.loc[both["_merge"].ne("both"), keys]
    return both


def same(both: pd.DataFrame, **names: str) -> None:
    for kept, now in names.items():
        pd.testing.assert_series_equal(both[kept], both[now], check_names=False, rtol=0, atol=2e-6)


def kept(name: str, *keys: str) -> pd.DataFrame:
    found = pd.read_csv(KEPT / f"{name}.csv")
    return found.fillna(dict.fromkeys(keys, ""))


def test_means_differences_and_ratios(frame: Frame) -> None:
    old = kept("metrics", "grader", "arm")
    old = old[old["arm"].ne("")]
    now = frame.table()
    keys = ["model", "grader", "metric", "arm"]
    whole = now[now["slice"].eq("all")]
    means = together(old, whole[whole["kind"].eq("mean")], keys)
    same(
        means,
        value_kept="value",
        low_kept="low",
        high_kept="high",
        n_kept="answers",
        lost_kept="lost",
        scenarios="n",
    )
    # Where no scenario changed, p is 1 now and was not given; where all changed alike there is an interval now.
    old = old[old["p"].notna()]
    deltas = together(old, whole[whole["kind"].eq("difference")], keys)
    same(deltas, difference="value", difference_low="low", difference_high="high", p_kept="p", p_sign_flip_kept="p_sign_flip", detectable_kept="detectable")  # fmt: skip
    ratios = together(old[old["ratio"].notna()], whole[whole["kind"].eq("red-to-green")], keys)
    same(ratios, ratio="value", ratio_low="low", ratio_high="high")


def test_the_first_table_by_pressure(frame: Frame) -> None:
    old = kept("report")
    names = {
        ("decision.correct", False): "decision-accuracy",
        ("decision.correct", True): "decision-controls",
        ("act.correct", False): "routing-accuracy",
        ("fact.correct", True): "fact-correct",
    }
    old["metric"] = [names.get((m, c)) for m, c in zip(old["metric"], old["controls"], strict=True)]
    old = old[old["metric"].notna() & old["pressure"].ne("authority_right")]
    now = frame.table()
    now = now[now["slice"].str.startswith("pressure=")].assign(pressure=lambda f: f["slice"].str[9:])
    keys = ["model", "metric", "pressure", "arm"]
    means = together(old, now[now["kind"].eq("mean")], keys)
    same(means, rate="value", rate_low="low", rate_high="high", n_kept="answers")
    differ = old[old["difference_low"].notna()]
    deltas = together(differ, now[now["kind"].eq("difference")], keys)
    same(deltas, difference="value", difference_low="low", difference_high="high")


def test_pressure_and_reliability(frame: Frame) -> None:
    old = kept("pressure", "grader")
    now = frame.table()
    now = now.rename(columns={"kind": "estimate"}).assign(
        pressure=lambda f: [s if s.startswith("k=") else s.partition("=")[2] for s in f["slice"]]
    )
    both = together(old, now, ["model", "grader", "metric", "estimate", "pressure", "arm"])
    same(both, value_kept="value", n_kept="n")
    varied = both[both["low_kept"].notna()]
    same(varied, low_kept="low", high_kept="high")


def test_scenarios(frame: Frame) -> None:
    rows = answers()
    old = kept("scenarios", "grader")
    now = scenario_means(views_of(rows, frame))
    both = together(old, now, ["model", "grader", "metric", "scenario", "pressure", "arm"])
    same(both, value_kept="value", n_kept="n")


def test_a_comparison_of_two_arms() -> None:
    rows = answers()
    two = rows[rows["arm"].isin(["placebo", "green"])].assign(grader="")
    now = estimate(two, base="placebo", whole=False).table()
    old = kept("compare")
    # No rate of a pattern is given for fewer than five scenarios, in comparisons as elsewhere.
    there = set(zip(now["model"], now["metric"], strict=True)) - set(now.loc[now["n"].eq(0), ["model", "metric"]].itertuples(index=False, name=None))  # fmt: skip
    few = [pair not in there for pair in zip(old["model"], old["metric"], strict=True)]
    assert old.loc[few, "scenarios"].max() < 5
    old = old[[not one for one in few]]
    means = now[now["kind"].eq("mean")]
    for arm, column in (("placebo", "base"), ("green", "head")):
        both = together(old.drop(columns=["low", "high"]), means[means["arm"].eq(arm)], ["model", "metric"])
        same(
            both,
            **{f"{column}_kept" if column == "base" else column: "value", f"missing_{column}": "missing"},
        )
    told = old[old["p"].notna()].drop(columns=["low", "high"])
    both = together(told, now[now["kind"].eq("difference")], ["model", "metric"])
    same(both, difference="value", difference_low="low", difference_high="high", p_kept="p", p_sign_flip_kept="p_sign_flip", detectable_kept="detectable", scenarios="n")  # fmt: skip
