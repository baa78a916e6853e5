"""The in-run metric of our dict scores: a plain mean of each key. Intervals are computed after the run."""

from __future__ import annotations

import math

from inspect_ai.scorer import Metric, SampleScore, Value, metric

__all__ = ["means"]


@metric
def means() -> Metric:
    """The mean of each key over the samples to which it applies; NaN where it applies to none.

    One metric over whole scores, because a metric per key makes inspect copy every score once for each.
    """

    def compute(scores: list[SampleScore]) -> Value:
        columns: dict[str, list[float]] = {}
        for sample in scores:
            for key, value in sample.score.as_dict().items():
                number = float(value) if isinstance(value, int | float) else math.nan
                column = columns.setdefault(key, [])
                if not math.isnan(number):
                    column.append(number)
        return {key: sum(column) / len(column) if column else math.nan for key, column in columns.items()}

    return compute
