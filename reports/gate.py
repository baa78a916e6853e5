"""The gate: may this version of a skill be merged? PASS, BLOCK or INCONCLUSIVE, by gates that were declared before.

A gate passes on evidence alone: that the head is not worse than the base by its margin (a one-sided t test at 5 %, Holm
over all gates), and that the head reaches its minimum. Nothing measured, too much missing or too little power is
INCONCLUSIVE, never PASS; that no difference was found is no evidence that there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from redgreenbench.evals.errors import InputError
from redgreenbench.reports.activation import fault_of_loading
from redgreenbench.reports.compare import ALPHA, BASE, HEAD, Sides
from redgreenbench.reports.inference import (
    adjust,
    effect_of,
    non_inferiority,
    scenario_differences,
    scenarios_needed,
)
from redgreenbench.reports.metrics import metric_named, missing_of, values_of
from redgreenbench.reports.statistics import Rate, pass_rate

__all__ = [
    "BLOCK",
    "INCONCLUSIVE",
    "PASS",
    "Gate",
    "GateFile",
    "GateResult",
    "judge_gates",
    "outcome_of",
    "read_gates",
]

PASS = "PASS"
BLOCK = "BLOCK"
INCONCLUSIVE = "INCONCLUSIVE"


class Gate(BaseModel):
    """One declared condition.

    Attributes:
        metric: Id of a metric.
        margin: Non-inferiority margin: the head must be shown to be worse by less than this.
        minimum: The head's rate must not lie below it.
        golden: Scenarios whose mean must not drop at all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    margin: float | None = Field(default=None, gt=0, lt=1)
    minimum: float | None = Field(default=None, ge=0, le=1)
    golden: tuple[str, ...] = ()


class GateFile(BaseModel):
    """A file of gates.

    Attributes:
        gates: The gates; at least one.
        max_missing: Share of answers of a side that may be missing.
        changed_scenarios: What is done with scenarios that only one side has: ``ignore`` (only common ones count) or
            ``inconclusive``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gates: tuple[Gate, ...] = Field(min_length=1)
    max_missing: float = Field(default=0.1, ge=0, le=1)
    changed_scenarios: Literal["ignore", "inconclusive"] = "ignore"


@dataclass(frozen=True)
class GateResult:
    """What became of a gate.

    Attributes:
        gate: The gate.
        model: The model.
        outcome: ``PASS``, ``BLOCK`` or ``INCONCLUSIVE``.
        why: One line.
        base: The base's rate.
        head: The head's rate.
        difference: Paired difference, positive where the head is better.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: One-sided p against "worse by the margin or more", corrected over all gates; NaN without a margin.
        p_worse: Two-sided p of the difference, corrected over all gates.
        needed: Scenarios that it would take to decide; None where that cannot be said.
    """

    gate: Gate
    model: str
    outcome: str
    why: str
    base: Rate
    head: Rate
    difference: float
    low: float
    high: float
    p: float
    p_worse: float
    needed: int | None


def read_gates(path: Path) -> GateFile:
    """Reads a file of gates.

    Raises:
        InputError: It cannot be read, does not fit, or names a metric that does not exist.
    """
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
        file = GateFile.model_validate(data)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); give a file of gates with --gates"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: not valid YAML ({' '.join(str(error).split())[:120]}); correct it"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "(whole file)"
        raise InputError(
            f"{path}: {field}: {first['msg'].lower()}; docs/comparing.md shows a file of gates"
        ) from None
    for gate in file.gates:
        metric_named(gate.metric)
        if gate.margin is None and gate.minimum is None and not gate.golden:
            raise InputError(f"{path}: gates: {gate.metric} demands nothing; give margin, minimum or golden")
    return file


def judge_gates(sides: Sides, file: GateFile) -> tuple[GateResult, ...]:
    """Judges every gate for every model.

    Args:
        sides: Base and head.
        file: The gates.
    """
    results: list[GateResult] = []
    for model in sorted(set(sides.rows["model"])):
        rows = sides.rows[sides.rows["model"] == model]
        raw = [_measured(rows, gate, model) for gate in file.gates]
        holm = zip(adjust([one.p for one in raw]), adjust([one.p_worse for one in raw]), strict=True)
        results += [
            _judged(replace(one, p=p, p_worse=q), rows, file) for one, (p, q) in zip(raw, holm, strict=True)
        ]
    return tuple(results)


def outcome_of(results: Sequence[GateResult]) -> str:
    """The outcome of all gates: BLOCK if one blocks, else INCONCLUSIVE if one is or there is none, else PASS."""
    outcomes = {result.outcome for result in results}
    if BLOCK in outcomes:
        return BLOCK
    return PASS if outcomes == {PASS} else INCONCLUSIVE


def _differences(rows: pd.DataFrame, gate: Gate) -> pd.Series[float]:
    metric = metric_named(gate.metric)
    return metric.sign * scenario_differences(values_of(rows, metric), BASE, HEAD)


def _measured(rows: pd.DataFrame, gate: Gate, model: str) -> GateResult:
    values = values_of(rows, metric_named(gate.metric))
    effect = effect_of(_differences(rows, gate))
    p = non_inferiority(_differences(rows, gate), gate.margin) if gate.margin else math.nan
    rates = [pass_rate(values[values["arm"] == side]) for side in (BASE, HEAD)]
    return GateResult(
        gate, model, "", "", rates[0], rates[1], effect.value, effect.low, effect.high, p, effect.p, None
    )


def _judged(one: GateResult, rows: pd.DataFrame, file: GateFile) -> GateResult:
    gate = one.gate
    differences = _differences(rows, gate)
    problem = _unusable(one, rows, file, len(differences))
    if problem:
        return replace(one, outcome=INCONCLUSIVE, why=problem)
    dropped = [name for name in gate.golden if name in differences.index and differences[name] < 0]
    if dropped:
        return replace(one, outcome=BLOCK, why=f"golden scenarios dropped: {', '.join(dropped)}")
    unseen = [name for name in gate.golden if name not in differences.index]
    if unseen:
        return replace(
            one, outcome=INCONCLUSIVE, why=f"golden scenarios without a value: {', '.join(unseen)}"
        )
    if gate.minimum is not None:
        short = _minimum(one, gate.minimum)
        if short:
            return short
    if gate.margin is not None:
        return _margin(one, gate.margin, differences)
    return replace(one, outcome=PASS, why="all that it demands holds")


def _unusable(one: GateResult, rows: pd.DataFrame, file: GateFile, common: int) -> str:
    metric = metric_named(one.gate.metric)
    values, lost = values_of(rows, metric), missing_of(rows, metric)
    if fault := fault_of_loading(rows).get(metric.scorer):
        return fault
    if common < 2:
        return f"{common} common scenarios with a value; two are needed"
    for side in (BASE, HEAD):
        gone = int((lost["arm"] == side).sum())
        share = gone / (gone + int((values["arm"] == side).sum()))
        if share > file.max_missing:
            return f"{share:.0%} of the {side}'s answers are missing; at most {file.max_missing:.0%} may be"
    if file.changed_scenarios == "inconclusive":
        scenarios = [set(values.loc[values["arm"] == side, "scenario"]) for side in (BASE, HEAD)]
        only = sorted(scenarios[0] ^ scenarios[1])
        if only:
            return f"scenarios on one side only: {', '.join(only)}"
    return ""


def _minimum(one: GateResult, minimum: float) -> GateResult | None:
    # For a metric where less is better the "minimum" is a ceiling.
    sign = metric_named(one.gate.metric).sign
    side, nearest = ("below", one.head.high) if sign > 0 else ("above", one.head.low)
    if sign * nearest < sign * minimum:
        why = f"the head's rate lies {side} {minimum:.2f} with its whole interval"
        return replace(one, outcome=BLOCK, why=why)
    if sign * one.head.value < sign * minimum:
        why = f"the head's rate is {side} {minimum:.2f}, its interval is not"
        return replace(one, outcome=INCONCLUSIVE, why=why)
    return None


def _margin(one: GateResult, margin: float, differences: pd.Series[float]) -> GateResult:
    if one.p < ALPHA:
        return replace(one, outcome=PASS, why=f"worse by less than {margin:.2f} (p = {one.p:.3f})")
    if one.difference < 0 and one.p_worse < ALPHA:
        return replace(one, outcome=BLOCK, why=f"the head is worse, by {-one.difference:.2f}")
    if math.isnan(one.p):
        why = "no scenario changed, which says nothing about others; more scenarios or epochs are needed"
        return replace(one, outcome=INCONCLUSIVE, why=why)
    # What it would take if the head is exactly as good as the base.
    needed = scenarios_needed(differences.to_numpy(float), margin)
    more = f"; about {needed} scenarios that vary like these would decide" if needed else ""
    return replace(
        one, outcome=INCONCLUSIVE, why=f"a loss of {margin:.2f} is not ruled out{more}", needed=needed
    )
