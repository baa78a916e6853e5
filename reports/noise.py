"""The noise floor of the instrument: the same arm asked twice, in disjoint halves of its epochs or in two sets of logs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from scipy import stats

from redgreenbench.evals.errors import InputError
from redgreenbench.reports.estimate import Subject, differences_of
from redgreenbench.reports.inference import flip_rate
from redgreenbench.reports.intervals import Cells
from redgreenbench.reports.logs.table import Table
from redgreenbench.reports.metrics import load_metrics, values_of

__all__ = ["Noise", "halves_of", "measure_noise", "noise_between"]

_FIRST, _SECOND = "first half", "second half"


@dataclass(frozen=True)
class Noise:
    """How much one metric of one model changes when nothing changes.

    Attributes:
        metric: Id of the metric.
        model: The model.
        arm: The arm that was asked twice.
        epochs: Epochs in each half; the band is for comparisons with as many a side.
        flips: Chance that asking again turns an answer's verdict round.
        difference: Mean difference of the two halves, which should be zero.
        band: Half-width of the A/A band: a difference of means this large arises in 5 % of A/A comparisons.
        scenarios: Number of scenarios.
    """

    metric: str
    model: str
    arm: str
    epochs: int
    flips: float
    difference: float
    band: float
    scenarios: int


def measure_noise(
    first: Table, second: Table | None, arm: str, epochs: int | None = None
) -> tuple[Noise, ...]:
    """Compares an arm with itself.

    Args:
        first: Logs with the arm.
        second: Other logs with the same arm; None: disjoint halves of the epochs of ``first`` are compared.
        arm: The arm.
        epochs: Epochs a half: as many as each side has of what the band is held against. None: as many as there are.

    Raises:
        InputError: The arm is not there, or its epochs do not give two such halves.
    """
    tables = [first] if second is None else [first, second]
    parts = []
    for table in tables:
        mine = table.rows[table.rows["arm"].eq(arm)]
        if mine.empty:
            raise InputError(f"no arm '{arm}' in {', '.join(table.logs)}; choose with --arm")
        parts.append(mine)
    if second is None:
        rows, half = halves_of(parts[0], epochs)
    else:
        half = min(int(part["epoch"].max()) for part in parts)
        named = zip(parts, (_FIRST, _SECOND), strict=True)
        rows = pd.concat([p[p["epoch"].le(half)].assign(arm=side) for p, side in named], ignore_index=True)
    noises = []
    for model in sorted(set(map(str, rows["model"]))):
        mine = rows[rows["model"].eq(model)]
        there = set(mine["scorer"].dropna().unique())
        for name, metric in load_metrics().items():
            values = values_of(mine, metric) if metric.scorer in there else mine.iloc[:0]
            if set(values["arm"]) == {_FIRST, _SECOND}:
                noises.append(noise_between(values, name, model, arm, half))
    return tuple(noises)


def noise_between(values: pd.DataFrame, metric: str, model: str, arm: str, epochs: int) -> Noise:
    """The noise of one metric between two rounds of the same arm, as `halves_of` names them."""
    parts = [values[values["arm"].eq(side)] for side in (_FIRST, _SECOND)]
    cells = Cells.of(values, (_FIRST, _SECOND))
    difference = differences_of(Subject(model), metric, cells, _FIRST, _SECOND)
    return Noise(
        metric,
        model,
        arm,
        epochs,
        flip_rate(*parts),
        difference.value,
        _null_half_width(values, epochs),
        difference.n,
    )


def _null_half_width(values: pd.DataFrame, epochs: int) -> float:
    """Half-width of the interval of a difference that is zero by construction, with so many epochs a side.

    The variance of answers to one scenario under one pressure, pooled over all of them: what the halves differ by on average
    over every way of splitting the epochs, and several times surer than what one split gives. NaN where no answer varied.
    """
    cells = values.groupby(["scenario", "pressure"])["value"].agg(["var", "size"]).dropna()
    freedom = int((cells["size"] - 1).sum())
    by_scenario = cells.groupby("scenario")["var"].agg(["sum", "size"])
    variance = (
        float((2 * by_scenario["sum"] / by_scenario["size"] ** 2 / epochs).sum())
        / max(1, len(by_scenario)) ** 2
    )
    return float(stats.t.ppf(0.975, freedom)) * math.sqrt(variance) if variance > 0 else math.nan


def halves_of(rows: pd.DataFrame, epochs: int | None = None) -> tuple[pd.DataFrame, int]:
    """Rows of one arm as two disjoint halves of equally many epochs, odd ones and even ones, and how many those are.

    Args:
        rows: Rows of one arm, with a column epoch.
        epochs: Epochs a half; None: as many as there are.

    Raises:
        InputError: There are not enough.
    """
    there = rows["epoch"].max()
    half = epochs or (0 if math.isnan(there) else int(there) // 2)
    if not half or there < 2 * half:
        raise InputError(
            f"{0 if math.isnan(there) else int(there)} epochs do not give two halves of {half or 1}, the epochs a side of "
            f"what they are held against; run the arm with --epochs {2 * (half or 1)} or more"
        )
    kept = rows[rows["epoch"].le(2 * half)]
    odd = kept["epoch"] % 2 == 1
    return kept.assign(arm=odd.map({True: _FIRST, False: _SECOND}), epoch=(kept["epoch"] + 1) // 2), half
