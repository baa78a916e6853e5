"""The noise floor of the instrument: the same arm asked twice, by splitting a log's epochs or from two logs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from redgreenbench.evals.errors import InputError
from redgreenbench.reports.compare import BASE, HEAD
from redgreenbench.reports.inference import effect_of, flip_rate, scenario_differences
from redgreenbench.reports.load import Table
from redgreenbench.reports.metrics import load_metrics, values_of

__all__ = ["Noise", "halves_of", "measure_noise", "noise_between"]


@dataclass(frozen=True)
class Noise:
    """How much one metric of one model changes when nothing changes.

    Attributes:
        metric: Id of the metric.
        model: The model.
        arm: The arm that was asked twice.
        flips: Chance that asking again turns an answer's verdict round.
        difference: Mean difference of the two halves, which should be zero.
        band: Half-width of the A/A band: a difference of means this large arises in 5 % of A/A comparisons.
        scenarios: Number of scenarios.
    """

    metric: str
    model: str
    arm: str
    flips: float
    difference: float
    band: float
    scenarios: int


def measure_noise(first: Table, second: Table | None, arm: str) -> tuple[Noise, ...]:
    """Compares an arm with itself.

    Args:
        first: Logs with the arm.
        second: Other logs with the same arm; None: odd epochs of ``first`` are compared with even ones.
        arm: The arm.

    Raises:
        InputError: The arm is not there, or its epochs cannot be split.
    """
    rows = _halves(first, second, arm)
    found = []
    for model in sorted(set(rows["model"])):
        mine = rows[rows["model"] == model]
        for name, metric in load_metrics().items():
            values = values_of(mine, metric)
            if set(values["arm"]) == {BASE, HEAD}:
                found.append(noise_between(values, name, model, arm))
    return tuple(found)


def noise_between(values: pd.DataFrame, metric: str, model: str, arm: str) -> Noise:
    """The noise of one metric between two rounds of the same arm, which stand in ``values`` as ``base`` and ``head``."""
    parts = [values[values["arm"] == side] for side in (BASE, HEAD)]
    effect = effect_of(scenario_differences(values, BASE, HEAD), flips=False)
    # Half-width of the interval of a difference that is zero by construction.
    band = (effect.high - effect.low) / 2
    return Noise(metric, model, arm, flip_rate(*parts), effect.value, band, effect.scenarios)


def halves_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one arm with their odd epochs as ``base`` and their even ones as ``head``."""
    odd = rows["epoch"] % 2 == 1
    return rows.assign(arm=odd.map({True: BASE, False: HEAD}), epoch=(rows["epoch"] + 1) // 2)


def _halves(first: Table, second: Table | None, arm: str) -> pd.DataFrame:
    tables = [first] if second is None else [first, second]
    for table in tables:
        if not (table.rows["arm"] == arm).any():
            raise InputError(f"no arm '{arm}' in {', '.join(table.logs)}; choose with --arm")
    rows = first.rows[first.rows["arm"] == arm]
    if second is not None:
        other = second.rows[second.rows["arm"] == arm]
        return pd.concat([rows.assign(arm=BASE), other.assign(arm=HEAD)], ignore_index=True)
    epochs = rows["epoch"].max()
    if math.isnan(epochs) or epochs < 2:
        raise InputError("one epoch cannot be split; give two logs, or run with --epochs 2 or more")
    return halves_of(rows).reset_index(drop=True)
