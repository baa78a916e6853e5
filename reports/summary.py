"""The first report's numbers: per task and pressure, each arm's accuracy and its paired difference to RED.

Controls are counted apart from scenarios (they measure over-firing), and two metrics are never pooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from redgreenbench.evals.vocabulary import NO_PRESSURE, Arm
from redgreenbench.reports.metrics import POSITIVE, plain
from redgreenbench.reports.reading import FAILED
from redgreenbench.reports.statistics import Difference, Rate, paired_difference, pass_rate

__all__ = ["HEADLINES", "Cell", "Group", "summarize"]

HEADLINES = {
    "decision": "correct",
    "act": "correct",
    "execution": "correct",
    "fact": "correct",
    "judged": "outcome",
}
"""The key of each scorer that stands for it in the summary. A sample counts under the first that applies to
it; where that one could not judge it, it counts as unscored there, and not under the next."""
_GRADED = "judged.outcome"
"""The one of them that is absent where no grader was bound."""


@dataclass(frozen=True)
class Cell:
    """One arm's result in a group.

    Attributes:
        arm: The arm.
        skill: What it carries, for people; empty for arms without a skill.
        rate: Its pass rate.
        unscored: Samples that could not be judged.
        errors: Samples that failed, were stopped, or never ran.
        difference: Paired difference to RED; None for RED itself and where there is no RED.
    """

    arm: str
    skill: str
    rate: Rate
    unscored: int
    errors: int
    difference: Difference | None


@dataclass(frozen=True)
class Group:
    """Comparable results: one task, model, version, metric, pressure, and scenarios or controls."""

    task: str
    model: str
    version: str
    metric: str
    pressure: str
    controls: bool
    cells: tuple[Cell, ...]

    @property
    def _kind(self) -> tuple[str, str, bool]:
        return self.model, self.task, self.controls

    @property
    def label(self) -> str:
        """The group's name in tables and figures."""
        return f"{self.task}{' controls' if self.controls else ''} · {self.pressure}"

    def label_among(self, groups: Sequence[Group]) -> str:
        """The label, with metric, model and version where ``groups`` hold several of them."""
        label = self.label
        if len({g.metric for g in groups if (g.model, g.task, g.controls) == self._kind}) > 1:
            label += f" ({self.metric.partition('.')[0]})"
        if len({g.version for g in groups if (g.model, g.task) == (self.model, self.task)}) > 1:
            label += f" · {self.version}"
        if len({g.model for g in groups}) > 1:
            label += f"\n{self.model}"
        return label


def summarize(rows: pd.DataFrame) -> tuple[Group, ...]:
    """Groups the tidy table and computes each group's cells.

    Args:
        rows: The tidy table of `redgreenbench.reports.load.load`.
    """
    groups = []
    judged = _headline_rows(rows)
    order = ["task", "model", "version", "metric", "is_control", "pressure"]
    for key, group in judged.groupby(order, sort=True, dropna=False):
        task, model, version, metric, controls, pressure = key
        if (
            metric == _GRADED
            and not group["status"].eq("scored").any()
            and group["reason"].eq("no_grader").all()
        ):
            continue
        cells = tuple(_cells(group))
        groups.append(
            Group(str(task), str(model), str(version), str(metric), str(pressure), bool(controls), cells)
        )
    return tuple(sorted(groups, key=_place))


def _place(group: Group) -> tuple[object, ...]:
    """Models apart, tasks together, scenarios before controls, no pressure before any."""
    pressed = group.pressure != NO_PRESSURE
    return (group.model, group.task, group.version, group.metric, group.controls, pressed, group.pressure)


def _headline_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a sample: the headline metric that applies to it, or why there is none."""
    rows = rows[rows["control"].ne(POSITIVE)]
    sample = ["task", "model", "version", "scenario", "pressure", "arm", "epoch"]
    heads = [rows["scorer"].eq(scorer) & rows["key"].eq(key) for scorer, key in HEADLINES.items()]
    is_head = pd.concat(heads, axis=1).any(axis=1)
    unscored = rows["status"].eq("unscored") & (is_head | rows["key"].isna())
    judged = plain(rows[(is_head & rows["status"].eq("scored")) | unscored])
    judged["_rank"] = judged["scorer"].map({name: i for i, name in enumerate(HEADLINES)})
    judged = judged.sort_values([*sample, "_rank"], na_position="last").drop_duplicates(sample)
    failed = plain(rows[rows["status"].isin(FAILED)]).drop_duplicates(sample)
    keys = pd.MultiIndex.from_frame(judged[sample])
    failed = failed[~pd.MultiIndex.from_frame(failed[sample]).isin(keys)]
    both = pd.concat([judged, failed], ignore_index=True)
    both["metric"] = both["scorer"].where(both["scorer"].isin(list(HEADLINES)))
    # A failed sample belongs where its scenario's other samples are.
    usual = both.groupby(["task", "scenario"])["metric"].transform("first")
    by_task = both.groupby("task")["metric"].transform("first")
    both["metric"] = both["metric"].fillna(usual).fillna(by_task).fillna("unscored")
    both["metric"] = both["metric"].map(
        lambda name: f"{name}.{HEADLINES[name]}" if name in HEADLINES else name
    )
    both["is_control"] = both["control"].notna()
    return both


def _cells(group: pd.DataFrame) -> list[Cell]:
    scored = group[group["status"] == "scored"]
    names = sorted(group["arm"].unique(), key=lambda a: (list(Arm).index(Arm(a)) if a in list(Arm) else 9, a))
    cells = []
    for arm in names:
        mine = group[group["arm"] == arm]
        difference = None
        if arm != Arm.RED and (group["arm"] == Arm.RED).any():
            difference = paired_difference(scored, Arm.RED.value, arm)
        cells.append(
            Cell(
                arm=arm,
                skill=_skill(mine),
                rate=pass_rate(scored[scored["arm"] == arm]),
                unscored=int((mine["status"] == "unscored").sum()),
                errors=int(mine["status"].isin(FAILED).sum()),
                difference=difference,
            )
        )
    return cells


def _skill(rows: pd.DataFrame) -> str:
    known = rows.dropna(subset=["skill"])[["skill", "skill_version", "skill_hash"]].drop_duplicates()
    return ", ".join(
        f"{name} {version} ({digest})" for name, version, digest in sorted(known.itertuples(index=False))
    )
