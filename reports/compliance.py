"""How many replies carry the form that they are asked for, by arm: a letter, a line with the next step, a whole program.

A reply without its form is a wrong answer. Where arms differ in that, a difference between them may be one of form, not of
skill; every report says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from redgreenbench.reports.estimate import arm_order
from redgreenbench.reports.inference import adjust
from redgreenbench.reports.intervals import Cells
from redgreenbench.reports.metrics import Answers, load_registry, metric_named
from redgreenbench.reports.words import p_text, share_of

__all__ = ["Compliance", "compliance_of"]

_ALPHA = 0.05


@dataclass(frozen=True)
class Compliance:
    """How many replies of one model carry one form.

    Attributes:
        model: The model.
        metric: Id of the metric that counts them.
        counts: By arm, replies with the form, and all replies that were asked for it.
        unlike: Pairs of arms whose shares differ, with the p of McNemar's exact test, Holm over all pairs.
    """

    model: str
    metric: str
    counts: Mapping[str, tuple[int, int]]
    unlike: Mapping[tuple[str, str], float]

    @property
    def text(self) -> str:
        """The counts in one line, and what follows where they differ."""
        shares = ", ".join(f"{a} {share_of(k, n)}" for a, (k, n) in self.counts.items())
        said = f"{metric_named(self.metric).title}: {shares}"
        if self.unlike:
            pairs = ", ".join(f"{a} and {b} (p {p_text(p)})" for (a, b), p in self.unlike.items())
            said += (
                f". These differ by McNemar's exact test: {pairs}; what differs there may be form, not skill"
            )
        return said

    def __str__(self) -> str:
        return f"{self.model}: {self.text}"


def compliance_of(
    rows: pd.DataFrame, by: Sequence[str] = ("model", "grader", "delivery")
) -> tuple[Compliance, ...]:
    """Counts the forms of replies.

    Args:
        rows: The tidy table, or part of it.
        by: Columns whose values are never pooled, the model first.
    """
    counted = []
    for key, part in rows.groupby(list(by), sort=True, dropna=False, observed=True):
        answers = Answers(part)
        for metric in load_registry().forms:
            values = answers.values(metric_named(metric))
            if values.empty:
                continue
            arms = arm_order(values["arm"])
            by_arm = np.concatenate([_by_arm(part, arms) for _, part in values.groupby("task")])
            pairs = combinations(range(len(arms)), 2)
            mine = {arm: values.loc[values["arm"].eq(arm), "value"] for arm in arms}
            counts = {arm: (int(v.sum()), len(v)) for arm, v in mine.items()}
            tests = {(arms[a], arms[b]): _mcnemar(by_arm[:, a], by_arm[:, b]) for a, b in pairs}
            counted.append(Compliance(str(key[0]), metric, counts, tests))
    corrected = iter(adjust([p for compliance in counted for p in compliance.unlike.values()]))
    known = [
        replace(compliance, unlike={pair: next(corrected) for pair in compliance.unlike})
        for compliance in counted
    ]
    return tuple(
        replace(compliance, unlike={pair: p for pair, p in compliance.unlike.items() if p < _ALPHA})
        for compliance in known
    )


def _by_arm(values: pd.DataFrame, arms: Sequence[str]) -> np.ndarray:
    """A column an arm, a row each scenario, pressure and epoch; NaN where an arm has no answer."""
    cells = Cells.of(values, arms)
    with np.errstate(invalid="ignore"):
        return np.asarray(cells.sums / cells.counts).reshape(-1, len(arms))


def _mcnemar(left: np.ndarray, right: np.ndarray) -> float:
    """Two-sided p of McNemar's exact test over the pairs that two arms have in common."""
    only_left, only_right = int((left > right).sum()), int((left < right).sum())
    discordant = only_left + only_right
    return float(binomtest(only_left, discordant).pvalue) if discordant else 1.0
