"""Rank intervals, by hand."""

import pandas as pd

from redgreenbench.reports.leaderboard.ranks import rank_intervals


def cells(values: dict[str, float], pressure: str = "none") -> pd.Series:
    return pd.Series({(name, pressure): value for name, value in values.items()}, dtype=float)


TOP = cells({"a": 1.0, "b": 0.9, "c": 1.0, "d": 0.9, "e": 1.0})
LOW = cells({"a": 0.1, "b": 0.1, "c": 0.0, "d": 0.2, "e": 0.1})
NEAR = cells({"a": 0.1, "b": 0.0, "c": 0.2, "d": 0.1, "e": 0.1})


def test_a_row_far_ahead_is_first_alone_and_two_alike_share_their_places() -> None:
    # top − low: .9 .8 1 .7 .9, mean .86, sd .114, t = 16.9 with 4 degrees of freedom, p = .00007; Holm x 3 of .0001.
    # low − near: 0 .1 −.2 .1 0, mean 0, p = 1.
    ranks = rank_intervals({"top": TOP, "low": LOW, "near": NEAR})
    assert {name: str(rank) for name, rank in ranks.items()} == {"top": "1", "low": "2–3", "near": "2–3"}


def test_where_less_is_better_the_order_turns_round() -> None:
    ranks = rank_intervals({"top": TOP, "low": LOW, "near": NEAR}, sign=-1)
    assert {name: str(rank) for name, rank in ranks.items()} == {"top": "3", "low": "1–2", "near": "1–2"}


def test_rows_without_two_common_scenarios_cannot_be_told_apart() -> None:
    ranks = rank_intervals({"top": TOP, "other": cells({"z": 0.0, "a": 0.0})})
    assert {str(rank) for rank in ranks.values()} == {"1–2"}


def test_a_difference_that_never_varies_is_as_if_one_scenario_had_none() -> None:
    """t is G − 1: p is 0.5 for two scenarios, 0.016 for five."""
    for names, wanted in (("ab", {"1–2"}), ("abcde", {"1", "2"})):
        ranks = rank_intervals(
            {"one": cells(dict.fromkeys(names, 1.0)), "none": cells(dict.fromkeys(names, 0.0))}
        )
        assert {str(rank) for rank in ranks.values()} == wanted
    same = rank_intervals({"one": TOP, "again": TOP})
    assert {str(rank) for rank in same.values()} == {"1–2"}


def test_only_common_pressures_are_compared() -> None:
    # Under time the second row fails, which the first was never asked.
    second = pd.concat([TOP, cells(dict.fromkeys("abcde", 0.0), "time")])
    ranks = rank_intervals({"first": TOP, "second": second})
    assert {str(rank) for rank in ranks.values()} == {"1–2"}


def test_one_row_and_an_empty_row() -> None:
    assert str(rank_intervals({"only": TOP})["only"]) == "1"
    assert str(rank_intervals({"only": TOP, "empty": TOP.iloc[:0]})["empty"]) == "1–2"
