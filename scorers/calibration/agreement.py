"""How far two-valued verdicts agree with labels: accuracy, precision, recall, Cohen's kappa, and the bias measures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
from scipy import stats

__all__ = ["Agreement", "Pair", "agreement", "jackknife", "kappa"]

T = TypeVar("T", bound=tuple[Any, ...])


@dataclass(frozen=True)
class Pair:
    """A verdict beside its label.

    Attributes:
        cluster: What resampling keeps together: the scenario.
        label: Whether the statement is true, by the reader.
        verdict: Whether it is, by the grader or detector; None where it did not decide.
    """

    cluster: str
    label: bool
    verdict: bool | None


@dataclass(frozen=True)
class Agreement:
    """Agreement of verdicts with labels; shares lie in [0, 1], NaN where nothing was decided.

    Attributes:
        n: Labels.
        decided: Share of them with a verdict.
        prevalence: Share of true labels, without which kappa cannot be read.
        accuracy: Share of decided verdicts that are right.
        precision: Share of true verdicts that are right.
        recall: Share of true labels among the decided that were found.
        kappa: Cohen's kappa of the decided verdicts.
        kappa_low: Lower end of its 95 % interval, by the delete-one-scenario jackknife.
        kappa_high: Upper end.
    """

    n: int
    decided: float
    prevalence: float
    accuracy: float
    precision: float
    recall: float
    kappa: float
    kappa_low: float
    kappa_high: float

    def as_json(self) -> dict[str, float | int | None]:
        """For JSON, with null for NaN."""
        return {
            k: (None if isinstance(v, float) and math.isnan(v) else round(v, 4))
            for k, v in asdict(self).items()
        }


def kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float:
    """Cohen's kappa, (p_o - p_e) / (1 - p_e) (Cohen 1960); 1 for two equal constants, NaN for no pairs."""
    if not pairs:
        return math.nan
    n = len(pairs)
    observed = sum(a == b for a, b in pairs) / n
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(first[value] * second[value] for value in first) / n**2
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)


def agreement(pairs: Sequence[Pair]) -> Agreement:
    """Measures the agreement of verdicts with labels."""
    decided = [(p.cluster, p.label, p.verdict) for p in pairs if p.verdict is not None]
    both = [(label, verdict) for _, label, verdict in decided]
    hits = sum(label and verdict for label, verdict in both)
    low, high = jackknife(decided, lambda rows: kappa([(a, b) for _, a, b in rows]))
    return Agreement(
        n=len(pairs),
        decided=_share(len(decided), len(pairs)),
        prevalence=_share(sum(p.label for p in pairs), len(pairs)),
        accuracy=_share(sum(a == b for a, b in both), len(both)),
        precision=_share(hits, sum(b for _, b in both)),
        recall=_share(hits, sum(a for a, _ in both)),
        kappa=kappa(both),
        kappa_low=low,
        kappa_high=high,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def jackknife(rows: Sequence[T], of: Callable[[Sequence[T]], float]) -> tuple[float, float]:
    """The 95 % interval of a statistic by leaving out one cluster at a time (Efron and Stein 1981), t with G - 1.

    Args:
        rows: What the statistic is of; each begins with its cluster.
        of: The statistic.
    """
    clusters = sorted({row[0] for row in rows})
    if len(clusters) < 2:
        return math.nan, math.nan
    left = np.array([of([row for row in rows if row[0] != cluster]) for cluster in clusters])
    count = len(clusters)
    error = math.sqrt((count - 1) / count * float(((left - left.mean()) ** 2).sum()))
    middle, reach = of(rows), float(stats.t.ppf(0.975, count - 1)) * error
    return max(-1.0, middle - reach), min(1.0, middle + reach)
