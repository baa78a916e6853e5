"""Two arms, the same skill at two revisions, two models or two harnesses beside each other, paired on scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from redgreenbench.evals.errors import InputError
from redgreenbench.reports.compliance import Compliance, compliance_of
from redgreenbench.reports.estimate import ALL, DIFFERENCE, Estimate, Frame, estimate
from redgreenbench.reports.logs.reading import LogInfo
from redgreenbench.reports.logs.table import Table
from redgreenbench.reports.metrics import load_metrics
from redgreenbench.reports.rules import MARGIN, judge

__all__ = [
    "BASE",
    "HEAD",
    "Sides",
    "Transcript",
    "compare",
    "incomparable_conditions",
    "shown",
    "sides_of",
    "transcripts_of",
]

BASE = "base"
HEAD = "head"


@dataclass(frozen=True)
class Sides:
    """Two sets of answers to compare.

    Attributes:
        rows: The tidy table, with ``base`` and ``head`` as arms.
        base: What the base is, for people.
        head: What the head is.
        differs: Conditions in which they differ beside what is compared; empty for a fair comparison.
        arms: The arms' names in the logs, base and head.
        notes: What a reader must know of what is compared.
    """

    rows: pd.DataFrame
    base: str
    head: str
    differs: tuple[str, ...]
    arms: tuple[str, str] = (BASE, HEAD)
    notes: tuple[str, ...] = ()

    @property
    def compliance(self) -> tuple[Compliance, ...]:
        """How many replies of each side carry the form that they are asked for."""
        return compliance_of(self.rows, by=("model",))


@dataclass(frozen=True)
class Transcript:
    """Where an answer can be read: `inspect view` shows the sample of the log.

    Attributes:
        scenario: The scenario.
        side: ``base`` or ``head``.
        log: The log's file name.
        sample: The sample's id in it.
        epoch: Its epoch.
    """

    scenario: str
    side: str
    log: str
    sample: str
    epoch: int


def sides_of(base: Table, head: Table | None, base_arm: str, head_arm: str, harnesses: bool = False) -> Sides:
    """Puts two sets of answers beside each other.

    Where each side has one model and they are not the same, the two models are what is compared.

    Args:
        base: The base's logs.
        head: The head's logs; None: the same logs, and two of their arms are compared.
        base_arm: Arm of the base.
        head_arm: Arm of the head.
        harnesses: Whether the ways in which skills reach the models, or agents work, are what is compared.

    Raises:
        InputError: An arm is not in its logs, or no model is on both sides.
    """
    pair = (base, head or base)
    parts, models = [], []
    for table, arm, side in zip(pair, (base_arm, head_arm), (BASE, HEAD), strict=True):
        mine = table.rows[table.rows["arm"] == arm]
        if mine.empty:
            arms = ", ".join(sorted(set(table.rows["arm"])))
            raise InputError(
                f"no arm '{arm}' in the {side}'s logs; they have {arms}: choose with --arms BASE,HEAD"
            )
        ways = " and ".join(sorted(set(map(str, mine["delivery"]))))
        # What differs beside the arm is said, not kept apart.
        parts.append(mine.assign(arm=side, grader="", edition="", delivery=ways))
        models.append(sorted(set(map(str, mine["model"]))))
    names = [_arm_label(table.rows, arm) for table, arm in zip(pair, (base_arm, head_arm), strict=True)]
    notes: list[str] = []
    if not set(models[0]) & set(models[1]):
        if len(models[0]) > 1 or len(models[1]) > 1:
            raise InputError(
                f"no model is on both sides: {', '.join(models[0])} against {', '.join(models[1])}; "
                "give logs of one model a side to compare two models"
            )
        both = f"{models[0][0]} → {models[1][0]}"
        parts = [part.assign(model=both) for part in parts]
        notes.append(f"two models are compared, {both}: what differs may be the model, the skill, or both")
    elif alone := sorted(set(models[0]) ^ set(models[1])):
        notes.append(f"on one side only, and not compared: {', '.join(alone)}")
    old, new = (str(part["delivery"].iloc[0]) for part in parts)
    if old != new:
        parts = [part.assign(delivery=f"{old} → {new}") for part in parts]
        notes.append(f"two harnesses are compared: {old} → {new}")
    differs = incomparable_conditions(base.provenance, head.provenance, harnesses) if head else ()
    rows = pd.concat(parts, ignore_index=True)
    return Sides(rows, names[0], names[1], differs, (base_arm, head_arm), tuple(notes))


def transcripts_of(sides: Sides, scenarios: Iterable[str], model: str, metric: str) -> tuple[Transcript, ...]:
    """Where the answers to some scenarios that a metric judges can be read, base and head.

    Args:
        sides: What was compared.
        scenarios: Ids of scenarios.
        model: The model.
        metric: Id of the metric; another task may have asked the same scenarios.
    """
    wanted = sides.rows["scenario"].isin(list(scenarios)) & sides.rows["model"].eq(model)
    wanted &= sides.rows["scorer"].eq(load_metrics()[metric].scorer)
    columns = ["scenario", "arm", "log", "pressure", "epoch"]
    places = sides.rows.loc[wanted, columns].astype(object).drop_duplicates()
    arm = dict(zip((BASE, HEAD), sides.arms, strict=True))
    return tuple(
        Transcript(str(scenario), str(side), str(log), f"{scenario}/{pressure}/{arm[str(side)]}", int(epoch))
        for scenario, side, log, pressure, epoch in places.sort_values(columns).itertuples(index=False)
    )


def _arm_label(rows: pd.DataFrame, arm: str) -> str:
    mine = rows[rows["arm"] == arm]
    known = mine.dropna(subset=["skill"])[["skill", "skill_version", "skill_hash"]].drop_duplicates()
    skills = ", ".join(
        f"{name} {version} ({digest})" for name, version, digest in known.itertuples(index=False)
    )
    return f"{arm}: {skills}" if skills else arm


def incomparable_conditions(
    base: Sequence[LogInfo], head: Sequence[LogInfo], harnesses: bool = False
) -> tuple[str, ...]:
    """In what two sets of logs differ that makes their values incomparable, one line each.

    Args:
        base: Conditions of the base's logs.
        head: Conditions of the head's logs.
        harnesses: Whether the delivery of the skill is what is compared, and may differ.
    """
    lines = []
    tasks = [{i.task for i in base}, {i.task for i in head}]
    if tasks[0].isdisjoint(tasks[1]):
        lines.append(
            f"tasks {' and '.join(sorted(tasks[0]))} against {' and '.join(sorted(tasks[1]))}, none in common"
        )
    for task in sorted(tasks[0] & tasks[1]):
        mine, other = [i for i in base if i.task == task], [i for i in head if i.task == task]
        for what, of in (
            ("delivery of the skill", lambda i: i.delivery),
            ("scenario set", lambda i: i.scenario_set[:12]),
            ("grader", lambda i: "+".join(i.graders) or "none"),
            ("grader prompt", lambda i: i.grader_prompt),
        ):
            a, b = sorted({of(i) for i in mine}), sorted({of(i) for i in other})
            if a != b and not (harnesses and what.startswith("delivery")):
                lines.append(f"{task}: {what} {' and '.join(a)} against {' and '.join(b)}")
        versions = [_versions(infos) for infos in (mine, other)]
        for scorer in sorted(versions[0].keys() & versions[1].keys()):
            if versions[0][scorer] != versions[1][scorer]:
                lines.append(
                    f"{task}: scorer {scorer} version {versions[0][scorer]} against {versions[1][scorer]}"
                )
    return tuple(lines)


def _versions(infos: Iterable[LogInfo]) -> Mapping[str, str]:
    by_scorer: dict[str, set[int]] = {}
    for info in infos:
        for scorer, version in info.scorer_versions.items():
            by_scorer.setdefault(scorer, set()).add(version)
    return {scorer: "/".join(map(str, sorted(versions))) for scorer, versions in by_scorer.items()}


def compare(
    sides: Sides,
    metrics: Sequence[str] = (),
    margin: float = MARGIN,
    noise: Mapping[tuple[str, str], float] | None = None,
    seed: int = 0,
) -> Frame:
    """Compares every metric of every model, with verdicts.

    Args:
        sides: What to compare.
        metrics: Ids of metrics; none: all that have values.
        margin: A change smaller than this counts as nothing.
        noise: Half-width of the A/A band by model and metric.
        seed: For the sign-flip test.
    """
    # Without the positive controls nothing can be said of loading.
    asked = [*metrics, "positive-controls"] if metrics else []
    return judge(estimate(sides.rows, BASE, asked, whole=False, seed=seed), margin, noise)


def shown(frame: Frame, metrics: Sequence[str] = ()) -> tuple[Estimate, ...]:
    """The differences that a comparison shows: all, or one of each metric that was asked for, if only to say why not."""
    rows = {
        (e.subject, e.metric): e
        for e in frame.where(kind=DIFFERENCE, slice=ALL)
        if not metrics or e.metric in metrics
    }
    for subject in frame.subjects:
        for name in metrics:
            nothing = Estimate(subject, name, DIFFERENCE, ALL, HEAD, BASE)
            why = "0 common scenarios with a value; two are needed"
            rows.setdefault((subject, name), replace(nothing, verdict="invalid", why=why))
    order = list(load_metrics())
    return tuple(sorted(rows.values(), key=lambda e: (e.subject, order.index(e.metric))))
