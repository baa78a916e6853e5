"""Which of two sides a grader prefers, scenario by scenario: wins, ties and losses, and a sign test over scenarios.

A pair is worth +1 where the head is preferred, −1 where the base is, 0 where neither is. Epochs are averaged first, then
pressures; the sign of what a scenario has left is its one vote, so that neither more epochs nor more pressures can
manufacture significance. Scenarios without a sign have no vote.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import pandas as pd
from scipy import stats

from redgreenbench.reports.compare import BASE, HEAD, Sides
from redgreenbench.reports.inference import adjust
from redgreenbench.reports.logs.reading import VOID
from redgreenbench.reports.rules import MOST_MISSING

__all__ = [
    "JUDGED",
    "LOST",
    "AnswerPair",
    "ModelPreference",
    "PairVerdict",
    "Tally",
    "answer_pairs",
    "preferences",
]

JUDGED = "judged"
"""The score of answers that are replies, which alone can be compared; letters of decisions have none."""

LOST = "a side's answer failed or is void"
"""The reason of a pair that cannot be shown."""

_ALPHA = 0.05
_TOLERANCE = 1e-12
_LEAST = 6
"""Votes that have to agree before a two-sided sign test is below 5 %: 2 / 2^6."""


@dataclass(frozen=True, order=True)
class AnswerPair:
    """Two answers to the same question: the same model (or the two that are compared), task, scenario, pressure and epoch.

    Attributes:
        model: The model.
        task: The task.
        scenario: The scenario.
        pressure: The pressure, with its turn where it comes later.
        epoch: The epoch.
        base: File name of the base's log.
        head: File name of the head's log.
    """

    model: str
    task: str
    scenario: str
    pressure: str
    epoch: int
    base: str
    head: str

    @property
    def key(self) -> str:
        """A name, unique in a comparison."""
        return "/".join((self.task, self.model, self.scenario, self.pressure, str(self.epoch)))


@dataclass(frozen=True)
class PairVerdict:
    """What became of a pair.

    Attributes:
        pair: The pair.
        value: +1: the head is preferred, −1: the base, 0: neither; None where it is not decided.
        flip: ``first`` or ``second``: the preference went with this place in both orders; else empty.
        reason: Code of the reason for which it is not decided.
    """

    pair: AnswerPair
    value: int | None
    flip: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Tally:
    """Pairs of one scenario, from the head's side.

    Attributes:
        scenario: The scenario.
        won: Pairs in which the head is preferred.
        tied: Pairs without a preference.
        lost: Pairs in which the base is preferred.
        unscored: Pairs that were not decided.
        net: Mean worth over epochs, then pressures, in [-1, 1]; NaN without a decided pair.
    """

    scenario: str
    won: int
    tied: int
    lost: int
    unscored: int
    net: float


@dataclass(frozen=True)
class ModelPreference:
    """What a grader prefers of one model's two sides.

    Attributes:
        model: The model, or the two that are compared.
        scenarios: Pairs by scenario, in its order.
        won: Scenarios that vote for the head.
        lost: Scenarios that vote for the base.
        tied: Scenarios without a vote.
        value: Share of the votes that the head has; NaN without votes.
        low: Lower end of its 95 % interval (Clopper and Pearson 1934).
        high: Upper end.
        p: Two-sided p of the sign test.
        p_adjusted: The same, corrected for the number of models (Holm).
        flips: Pairs in which the preference went with the place; they are ties.
        flips_first: Of these, those that went with the first place.
        reasons: Pairs that were not decided, by the code of the reason.
        outcome: ``head preferred``, ``base preferred``, ``no preference shown``, ``underpowered`` or ``invalid``.
        why: The reason of the last two.
    """

    model: str
    scenarios: tuple[Tally, ...]
    won: int
    lost: int
    tied: int
    value: float
    low: float
    high: float
    p: float
    flips: int
    flips_first: int
    reasons: tuple[tuple[str, int], ...]
    p_adjusted: float = math.nan
    outcome: str = ""
    why: str = ""

    @property
    def pairs(self) -> int:
        """All pairs."""
        return sum(t.won + t.tied + t.lost + t.unscored for t in self.scenarios)

    @property
    def unscored(self) -> int:
        """Pairs that were not decided."""
        return sum(t.unscored for t in self.scenarios)


def answer_pairs(sides: Sides) -> tuple[tuple[AnswerPair, ...], tuple[PairVerdict, ...]]:
    """The pairs of replies that both sides have, paired as in a comparison, and those of which an answer failed or is void.

    Args:
        sides: What is compared.
    """
    rows = sides.rows
    judged = rows["scorer"].eq(JUDGED)
    planned = _answers_of_both(rows[rows["task"].isin(list(rows.loc[judged, "task"].unique()))])
    given = set(_answers_of_both(rows[judged & rows["reason"].ne(VOID)]))
    lost = tuple(PairVerdict(pair, None, reason=LOST) for pair in planned if pair not in given)
    return tuple(sorted(given)), lost


def _answers_of_both(rows: pd.DataFrame) -> tuple[AnswerPair, ...]:
    """Answers of both sides to the same question, by what rows there are of them."""
    names = ["model", "task", "scenario", "pressure", "epoch"]
    logs = rows[[*names, "arm", "log"]].astype(object).drop_duplicates([*names, "arm"], keep="last")
    both = logs.set_index([*names, "arm"])["log"].unstack("arm").reindex(columns=[BASE, HEAD]).dropna()
    return tuple(
        sorted(
            AnswerPair(str(key[0]), str(key[1]), str(key[2]), str(key[3]), int(key[4]), str(base), str(head))
            for key, base, head in both.itertuples(name=None)
        )
    )


def preferences(verdicts: Sequence[PairVerdict]) -> tuple[ModelPreference, ...]:
    """What is preferred, by model.

    Policy: an outcome needs six votes, since fewer cannot be significant however they fall; where more than 20 % of the
    pairs are not decided it is invalid.

    Args:
        verdicts: All pairs of a comparison.
    """
    by_model: dict[str, list[PairVerdict]] = defaultdict(list)
    for verdict in verdicts:
        by_model[verdict.pair.model].append(verdict)
    of_models = [_preference(model, mine) for model, mine in sorted(by_model.items())]
    adjusted = adjust([preference.p for preference in of_models])
    return tuple(
        _with_outcome(replace(preference, p_adjusted=p))
        for preference, p in zip(of_models, adjusted, strict=True)
    )


def _preference(model: str, verdicts: Sequence[PairVerdict]) -> ModelPreference:
    by_scenario: dict[str, list[PairVerdict]] = defaultdict(list)
    for verdict in verdicts:
        by_scenario[verdict.pair.scenario].append(verdict)
    tallies = tuple(_tally(scenario, mine) for scenario, mine in sorted(by_scenario.items()))
    won, lost = (sum(sign * t.net > _TOLERANCE for t in tallies) for sign in (1, -1))
    value = low = high = p = math.nan
    if won + lost:
        test = stats.binomtest(won, won + lost)
        interval = test.proportion_ci(0.95, method="exact")
        value, low, high, p = (
            won / (won + lost),
            float(interval.low),
            float(interval.high),
            float(test.pvalue),
        )
    flips = [verdict.flip for verdict in verdicts if verdict.flip]
    reasons = Counter(verdict.reason for verdict in verdicts if verdict.value is None)
    return ModelPreference(
        model=model,
        scenarios=tallies,
        won=won,
        lost=lost,
        tied=sum(not math.isnan(t.net) for t in tallies) - won - lost,
        value=value,
        low=low,
        high=high,
        p=p,
        flips=len(flips),
        flips_first=flips.count("first"),
        reasons=tuple(sorted(reasons.items())),
    )


def _tally(scenario: str, verdicts: Sequence[PairVerdict]) -> Tally:
    by_pressure: dict[str, list[int]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.value is not None:
            by_pressure[verdict.pair.pressure].append(verdict.value)
    values = [value for given in by_pressure.values() for value in given]
    return Tally(
        scenario,
        won=values.count(1),
        tied=values.count(0),
        lost=values.count(-1),
        unscored=len(verdicts) - len(values),
        net=fmean(fmean(given) for given in by_pressure.values()) if values else math.nan,
    )


def _with_outcome(preference: ModelPreference) -> ModelPreference:
    votes = preference.won + preference.lost
    if preference.unscored > MOST_MISSING * preference.pairs:
        return replace(
            preference,
            outcome="invalid",
            why=f"{preference.unscored} of {preference.pairs} pairs are not decided",
        )
    if votes < _LEAST:
        why = f"{votes} scenarios with a preference; {_LEAST} that agree are the fewest that can show one"
        return replace(preference, outcome="underpowered", why=why)
    if preference.p_adjusted < _ALPHA:
        return replace(preference, outcome=f"{HEAD if preference.won > preference.lost else BASE} preferred")
    return replace(preference, outcome="no preference shown")
