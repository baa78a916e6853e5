"""Labelled pairs of answers, and what a grader that compares two replies is worth by them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from redgreenbench.evals.catalogue import Scenario, read_yaml, validate
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import user_message
from redgreenbench.scorers.calibration.agreement import jackknife, kappa
from redgreenbench.scorers.calibration.certificate import thresholds
from redgreenbench.scorers.calibration.labels import LabelledAnswer, load_set
from redgreenbench.scorers.grading.evidence import Transcript
from redgreenbench.scorers.grading.pairs import Replies, criteria_of, pair_hash
from redgreenbench.scorers.pairwise import Pair

__all__ = ["GradedPair", "LabelledPair", "load_pairs", "pairwise_record"]

Better = Literal["first", "second", "tie"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str
    first: str
    second: str
    better: Better


@dataclass(frozen=True)
class LabelledPair:
    """Two answers to the same question, and which is the better one; the first plays the base, the second the head.

    Attributes:
        pair: The pair.
        scenario: The scenario.
        label: ``base``, ``head`` or ``tie``.
    """

    pair: Pair
    scenario: Scenario
    label: str


@dataclass(frozen=True)
class GradedPair:
    """One pass of a grader over a pair, in both orders.

    Attributes:
        key: The pair's.
        epoch: Which repeat, from 1.
        better: ``base``, ``head`` or ``tie``; None where it is not decided.
        flip: Whether the preference went with the place.
        failure: Why nothing could be read; empty where something could.
    """

    key: str
    epoch: int
    better: str | None
    flip: bool = False
    failure: str = ""


@cache
def load_pairs() -> tuple[LabelledPair, ...]:
    """The pairs that come with the package (``pairs.yaml``).

    Raises:
        InputError: An answer is not there, or a label does not follow from the answers' own.
    """
    path = Path(__file__).with_name("pairs.yaml")
    answers = {answer.key: answer for answer in load_set()}
    pairs = []
    for entry in validate(TypeAdapter(tuple[_Entry, ...]), read_yaml(path), path):
        keys = [f"{entry.scenario}#{name}" for name in (entry.first, entry.second)]
        for key in keys:
            if key not in answers:
                raise InputError(f"{path}: {key}: there is no such labelled answer; see answers/")
        first, second = (answers[key] for key in keys)
        if first.pressure != second.pressure:
            raise InputError(
                f"{path}: {entry.scenario}: the two answers are to different pressures; take others"
            )
        if _better_by_labels(first, second) != entry.better:
            raise InputError(
                f"{path}: {entry.scenario}: better: '{entry.better}' does not follow from the answers' outcome criteria"
            )
        scenario = first.scenario
        replies = Replies(
            user_message(scenario, first.pressure),
            Transcript((("assistant", first.text),)),
            Transcript((("assistant", second.text),)),
            criteria_of(scenario, first.pressure),
        )
        label = {"first": "base", "second": "head"}.get(entry.better, "tie")
        pairs.append(LabelledPair(Pair(f"{keys[0]}+{entry.second}", replies), scenario, label))
    return tuple(pairs)


def _better_by_labels(first: LabelledAnswer, second: LabelledAnswer) -> Better | None:
    """The better answer by its labels: it meets all outcome criteria of the other and more. None if neither does."""
    met_by_first, met_by_second = _met_outcomes(first), _met_outcomes(second)
    return (
        "tie"
        if met_by_first == met_by_second
        else "first"
        if met_by_first > met_by_second
        else "second"
        if met_by_first < met_by_second
        else None
    )


def _met_outcomes(answer: LabelledAnswer) -> frozenset[str]:
    return frozenset(
        c.id
        for c in answer.scenario.file.rubric
        if c.kind == "outcome" and answer.labels[f"criterion:{c.id}"] == (c.polarity == "must")
    )


def pairwise_record(pairs: Sequence[LabelledPair], graded: Sequence[GradedPair]) -> dict[str, Any]:
    """What a grader's choices are worth, as JSON data; `docs/grading.md` explains each key.

    Args:
        pairs: The pairs that it was asked about.
        graded: Its passes.
    """
    by_key = {pair.pair.key: pair for pair in pairs}
    rows = [(by_key[g.key].scenario.id, by_key[g.key].label, g.better) for g in graded]
    decided = [row for row in rows if row[2] is not None]
    low, high = jackknife(decided, _kappa)
    wrong_way = [{label, better} == {"base", "head"} for _, label, better in decided if label != "tie"]
    numbers = {
        "decided": _share([row[2] is not None for row in rows]),
        "accuracy": _share([label == better for _, label, better in decided]),
        "wrong_way": _share(wrong_way),
        "kappa": _kappa(decided),
        "kappa_low": low,
        "kappa_high": high,
        "replies": _share([not g.failure for g in graded]),
        "self_agreement": _self_agreement(graded),
        "position": _share([not g.flip for g in graded if g.better is not None]),
    }
    bounds = thresholds()
    least = {name: getattr(bounds.pairwise, name) for name in ("kappa", "accuracy", "decided")}
    least |= {name: getattr(bounds, name) for name in ("replies", "self_agreement", "position")}
    reasons = [
        f"pairwise: {name} is {numbers[name]:.2f}, needed {bound:.2f}"
        for name, bound in least.items()
        if not numbers[name] >= bound
    ]
    if len(pairs) < bounds.pairwise.pairs:
        reasons.insert(
            0, f"pairwise: it was asked about {len(pairs)} pairs; a verdict needs {bounds.pairwise.pairs}"
        )
    return {
        "verdict": "unfit" if reasons else "fit",
        "reasons": reasons,
        "prompt": pair_hash(),
        "set": _hash(pairs),
        "n": len(pairs),
        "ties": sum(pair.label == "tie" for pair in pairs),
        **{name: None if math.isnan(value) else round(value, 4) for name, value in numbers.items()},
    }


def _kappa(rows: Sequence[tuple[str, str, str | None]]) -> float:
    return kappa([(label, better) for _, label, better in rows])


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else math.nan


def _self_agreement(graded: Sequence[GradedPair]) -> float:
    """Share of pairs of repeats with the same choice; two that did not decide agree."""
    by_key: dict[str, list[str | None]] = {}
    for g in graded:
        if not g.failure:
            by_key.setdefault(g.key, []).append(g.better)
    return _share([a == b for passes in by_key.values() for a, b in combinations(passes, 2)])


def _hash(pairs: Sequence[LabelledPair]) -> str:
    """A hash of pairs and labels. 12 hex digits."""
    lines = sorted(repr((pair.pair.key, pair.pair.replies, pair.label)) for pair in pairs)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
