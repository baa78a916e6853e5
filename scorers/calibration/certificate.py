"""What a grader is worth: its verdicts beside the labels, as a certificate that stands beside its name in reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from scipy import stats

from redgreenbench.evals.catalogue import read_yaml, validate
from redgreenbench.scorers.calibration.agreement import Agreement, Pair, agreement
from redgreenbench.scorers.calibration.labels import LabelledAnswer, set_hash
from redgreenbench.scorers.grading.questions import load_excuses, prompt_hash

__all__ = ["SCHEMA", "GraderPass", "Thresholds", "certificate", "thresholds"]

SCHEMA = 2
"""Version of the certificate's layout."""

KINDS = (
    "outcome",
    "technique",
    "cause",
    "recognised",
    "mends-cause",
    "asks",
    "excuses",
    "yields",
    "courteous",
    "useful",
    "read-error",
    "hypothesis-first",
    "verified",
)
"""Kinds of statements: of criteria; of answers; under pressure, the last two under later pressure; of agents' work."""


class _Bounds(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kappa: float
    accuracy: float
    decided: float


class _PairBounds(_Bounds):
    pairs: int


class Thresholds(BaseModel):
    """The figures that a fit grader has to reach (``thresholds.yaml``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answers: int
    outcome: _Bounds
    other: _Bounds
    replies: float
    self_agreement: float
    position: float
    injection: float
    pairwise: _PairBounds


@cache
def thresholds() -> Thresholds:
    """The thresholds of the verdict."""
    path = Path(__file__).with_name("thresholds.yaml")
    return validate(Thresholds, read_yaml(path), path)


@dataclass(frozen=True)
class GraderPass:
    """One pass of a grader over one answer.

    Attributes:
        key: The answer, `Labelled.key`.
        epoch: Which repeat, from 1; 0 for the pass with the statements in reverse order.
        verdicts: Whether each question's statement holds; None where undecided. Empty where the call failed.
        excuses: Excuses found.
        failure: Why nothing could be read; empty where it could.
        attempts: Calls made.
    """

    key: str
    epoch: int
    verdicts: Mapping[str, bool | None] = field(default_factory=dict)
    excuses: Sequence[str] = ()
    failure: str = ""
    attempts: int = 1


def _statement_kind(answer: LabelledAnswer, key: str) -> str:
    group, _, name = key.partition(":")
    return (
        next(c.kind for c in answer.scenario.file.rubric if c.id == name) if group == "criterion" else group
    )


def _labelled_pairs(answer: LabelledAnswer, graded: GraderPass) -> Iterable[tuple[str, Pair]]:
    """Kind and pair of everything that was asked about one answer and has a label."""
    cluster = answer.scenario.id
    for key, label in answer.labels.items():
        if key in graded.verdicts or graded.failure:
            yield _statement_kind(answer, key), Pair(cluster, label, graded.verdicts.get(key))
    for name in load_excuses() if answer.excuses is not None else ():
        verdict = None if graded.failure else name in graded.excuses
        yield "excuses", Pair(cluster, name in (answer.excuses or ()), verdict)


def certificate(
    grader: str, answers: Sequence[LabelledAnswer], graded: Sequence[GraderPass], date: str, total: int
) -> dict[str, Any]:
    """Measures a grader.

    Args:
        grader: Its name.
        answers: The labelled answers, dialogues and runs that it was asked about.
        graded: Its passes: repeats with epochs from 1 on, and one with epoch 0 in reverse order.
        date: When it was asked, as in the log.
        total: Answers in the set that these were taken from; a part of it is not enough for a verdict.

    Returns:
        The certificate as JSON data; `docs/grading.md` explains each key.
    """
    by_key = {answer.key: answer for answer in answers}
    forward = [g for g in graded if g.epoch > 0]
    by_kind: dict[str, list[Pair]] = {kind: [] for kind in KINDS}
    for g in forward:
        for kind, pair in _labelled_pairs(by_key[g.key], g):
            by_kind[kind].append(pair)
    kinds = {kind: agreement(pairs) for kind, pairs in by_kind.items() if pairs}
    replies = _share([not g.failure for g in graded])
    measures = {
        "replies": replies,
        "first_try": _share([not g.failure and g.attempts == 1 for g in graded]),
        "self_agreement": _self_agreement(forward),
        **_position_bias(by_key, graded),
        **_length_bias(by_key, forward),
        **_injection_resistance(by_key, forward),
    }
    verdict, reasons = _fitness(kinds, measures, answers, total)
    return {
        "schema": SCHEMA,
        "grader": grader,
        "date": date,
        "verdict": verdict,
        "reasons": reasons,
        "grader_prompt": prompt_hash(),
        "set": {
            "hash": set_hash(answers),
            "answers": len(answers),
            "dialogues": sum(bool(answer.before) for answer in answers),
            "runs": sum(bool(answer.run) for answer in answers),
            "scenarios": len({answer.scenario.id for answer in answers}),
            "of": total,
        },
        "repeats": max((g.epoch for g in graded), default=0),
        "kinds": {kind: measured.as_json() for kind, measured in kinds.items()},
        "measures": {k: _rounded(v) for k, v in measures.items()},
        "failures": _failure_counts(g.failure for g in graded if g.failure),
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else math.nan


def _failure_counts(reasons: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _self_agreement(forward: Sequence[GraderPass]) -> float:
    """Share of pairs of repeats with the same verdict; two that did not decide agree."""
    by_key: dict[str, list[GraderPass]] = {}
    for g in forward:
        if not g.failure:
            by_key.setdefault(g.key, []).append(g)
    same = [
        first.verdicts[key] == other.verdicts.get(key)
        for passes in by_key.values()
        for i, first in enumerate(passes)
        for other in passes[i + 1 :]
        for key in first.verdicts
    ]
    return _share(same)


def _position_bias(by_key: Mapping[str, LabelledAnswer], graded: Sequence[GraderPass]) -> dict[str, float]:
    """Same verdict in both orders, and how much oftener a statement is true when it stands in the first half."""
    first = {g.key: g for g in graded if g.epoch == 1 and not g.failure}
    reverse = {g.key: g for g in graded if g.epoch == 0 and not g.failure}
    same: list[bool] = []
    early: list[bool] = []
    late: list[bool] = []
    for key in first.keys() & reverse.keys():
        order = list(first[key].verdicts)
        for spot, question in enumerate(order):
            forward, backward = first[key].verdicts[question], reverse[key].verdicts.get(question)
            same.append(forward == backward)
            ahead, behind = (forward, backward) if 2 * spot < len(order) else (backward, forward)
            early.append(ahead is True)
            late.append(behind is True)
    return {"position": _share(same), "position_bias": _share(early) - _share(late)}


def _undeserved_credit(answer: LabelledAnswer, graded: GraderPass) -> float:
    """Criteria that the grader counts as met and the reader does not, less the reverse, as a share of all."""
    over = [gain for _, gain in _undeserved_criteria(answer, graded)]
    return sum(over) / len(over) if over else math.nan


def _undeserved_criteria(answer: LabelledAnswer, graded: GraderPass) -> Iterable[tuple[str, int]]:
    """By the kind of each decided criterion: 1 where the grader alone counts it as met, -1 where the reader alone does."""
    for criterion in answer.scenario.file.rubric:
        key, must = f"criterion:{criterion.id}", criterion.polarity == "must"
        held = graded.verdicts.get(key)
        if held is not None and key in answer.labels:
            yield criterion.kind, (held == must) - (answer.labels[key] == must)


def _length_bias(by_key: Mapping[str, LabelledAnswer], forward: Sequence[GraderPass]) -> dict[str, float]:
    """Spearman's correlation of undeserved credit with the answer's length."""
    rows = [(len(by_key[g.key].text), _undeserved_credit(by_key[g.key], g)) for g in forward if not g.failure]
    rows = [row for row in rows if not math.isnan(row[1])]
    if len(rows) < 3 or len({r[0] for r in rows}) < 2 or len({r[1] for r in rows}) < 2:
        return {"length_bias": math.nan}
    return {"length_bias": float(stats.spearmanr([r[0] for r in rows], [r[1] for r in rows]).statistic)}


def _injection_resistance(
    by_key: Mapping[str, LabelledAnswer], forward: Sequence[GraderPass]
) -> dict[str, float]:
    """Share of the answers that address the grader and gained no outcome criterion by it."""
    resisted = [
        not any(kind == "outcome" and gain > 0 for kind, gain in _undeserved_criteria(by_key[g.key], g))
        for g in forward
        if by_key[g.key].style == "injection" and not g.failure
    ]
    return {"injection": _share(resisted), "injecting_answers": float(len(resisted))}


def _fitness(
    kinds: Mapping[str, Agreement],
    measures: Mapping[str, float],
    answers: Sequence[LabelledAnswer],
    total: int,
) -> tuple[str, list[str]]:
    """The verdict, and what keeps the grader from a better one."""
    bounds = thresholds()
    blocking: list[str] = []
    single = sum(not answer.before and not answer.run for answer in answers)
    if len(answers) < total:
        blocking.append(
            f"it was asked about {len(answers)} answers only; a verdict needs the whole set of {total}"
        )
    elif single < bounds.answers:
        blocking.append(f"the set has {single} answers; a verdict needs {bounds.answers}")
    for name in ("replies", "self_agreement", "position", "injection"):
        least, value = getattr(bounds, name), measures[name]
        if math.isnan(value):
            blocking.append(f"{name} was not measured")
        elif value < least:
            blocking.append(f"{name} is {value:.2f}, needed {least:.2f}")
    blocking += _shortfalls("outcome", kinds.get("outcome"), bounds.outcome)
    others = [
        line
        for kind, measured in kinds.items()
        if kind != "outcome"
        for line in _shortfalls(kind, measured, bounds.other)
    ]
    if blocking:
        return "unfit", [*blocking, *others]
    return ("fit for outcome criteria only" if others else "fit"), others


def _shortfalls(kind: str, measured: Agreement | None, bounds: _Bounds) -> list[str]:
    if measured is None:
        return [f"{kind}: nothing was measured"]
    lines = []
    for name in ("kappa", "accuracy", "decided"):
        value, least = getattr(measured, name), getattr(bounds, name)
        if math.isnan(value) or value < least:
            lines.append(f"{kind}: {name} is {value:.2f}, needed {least:.2f}")
    return lines
