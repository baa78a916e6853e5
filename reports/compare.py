"""Two arms, or the same skill at two revisions: which metrics changed, which did not, and of which nothing can be said.

Each metric is compared on its own, never as a composite, over paired scenarios. A verdict is one of *improved*,
*regressed*, *noise* (inside the A/A band), *no detectable change* (the whole interval lies within the margin that counts
as nothing), *underpowered* (it does not) and *invalid* (too much is missing, or there are fewer than two common
scenarios). Holm's correction covers the headline metrics of a model, Benjamini and Hochberg's the other ones, which are
for exploring.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from redgreenbench.evals.errors import InputError
from redgreenbench.reports.activation import fault_of_loading
from redgreenbench.reports.compliance import Compliance, compliance_of
from redgreenbench.reports.evidence import MOST_MISSING, rate_of
from redgreenbench.reports.inference import Effect, adjust, effect_of, scenario_differences
from redgreenbench.reports.load import Table
from redgreenbench.reports.metrics import Metric, load_metrics, missing_of, rows_for, values_of
from redgreenbench.reports.reading import LogInfo
from redgreenbench.reports.statistics import Rate

__all__ = [
    "ALPHA",
    "BASE",
    "HEAD",
    "MARGIN",
    "Compared",
    "Sides",
    "Transcript",
    "compare",
    "sides_of",
    "transcripts_of",
    "unlike",
]

BASE = "base"
HEAD = "head"
ALPHA = 0.05
MARGIN = 0.1
"""A change smaller than this counts as nothing, where no gate declares another margin."""


@dataclass(frozen=True)
class Sides:
    """Two sets of answers to compare.

    Attributes:
        rows: The tidy table, with ``base`` and ``head`` as arms.
        base: What the base is, for people.
        head: What the head is.
        differs: Conditions in which they differ beside what is compared; empty for a fair comparison.
        arms: The arms' names in the logs, base and head.
    """

    rows: pd.DataFrame
    base: str
    head: str
    differs: tuple[str, ...]
    arms: tuple[str, str] = (BASE, HEAD)

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


@dataclass(frozen=True)
class Compared:
    """One metric of one model, compared.

    Attributes:
        metric: Id of the metric.
        model: The model.
        verdict: See the module.
        why: What the verdict rests on, where it is not improved or regressed.
        base: The base's rate.
        head: The head's rate.
        effect: The paired difference, in the metric's own direction (positive: more).
        p_holm: The effect's p, corrected: Holm over the model's headline metrics, Benjamini-Hochberg over the others.
        worse: Scenarios that got worse, with their differences, the worst first.
        better: Scenarios that got better, the best first.
        missing: Share of missing answers of base and head.
        noise: Half-width of the A/A band, where one is known; a difference inside reads as noise.
        fault: Why the values must not be interpreted, whatever they are; empty where they may.
    """

    metric: str
    model: str
    verdict: str
    why: str
    base: Rate
    head: Rate
    effect: Effect
    p_holm: float
    worse: tuple[tuple[str, float], ...]
    better: tuple[tuple[str, float], ...]
    missing: tuple[float, float]
    noise: float | None = None
    fault: str = ""


def sides_of(base: Table, head: Table | None, base_arm: str, head_arm: str) -> Sides:
    """Puts two sets of answers beside each other.

    Args:
        base: The base's logs.
        head: The head's logs; None: the same logs, and two of their arms are compared.
        base_arm: Arm of the base.
        head_arm: Arm of the head.

    Raises:
        InputError: An arm is not in its logs.
    """
    pair = (base, head or base)
    parts = []
    for table, arm, side in zip(pair, (base_arm, head_arm), (BASE, HEAD), strict=True):
        mine = table.rows[table.rows["arm"] == arm]
        if mine.empty:
            arms = ", ".join(sorted(set(table.rows["arm"])))
            raise InputError(
                f"no arm '{arm}' in the {side}'s logs; they have {arms}: choose with --arms BASE,HEAD"
            )
        parts.append(mine.assign(arm=side))
    differs = unlike(base.provenance, head.provenance) if head else ()
    names = [_called(table.rows, arm) for table, arm in zip(pair, (base_arm, head_arm), strict=True)]
    return Sides(pd.concat(parts, ignore_index=True), names[0], names[1], differs, (base_arm, head_arm))


def transcripts_of(sides: Sides, scenarios: Iterable[str], model: str) -> tuple[Transcript, ...]:
    """Where the answers to some scenarios can be read, base and head.

    Args:
        sides: What was compared.
        scenarios: Ids of scenarios.
        model: The model.
    """
    wanted = sides.rows["scenario"].isin(list(scenarios)) & sides.rows["model"].eq(model)
    columns = ["scenario", "arm", "log", "pressure", "epoch"]
    found = sides.rows.loc[wanted, columns].astype(object).drop_duplicates()
    arm = dict(zip((BASE, HEAD), sides.arms, strict=True))
    return tuple(
        Transcript(str(scenario), str(side), str(log), f"{scenario}/{pressure}/{arm[str(side)]}", int(epoch))
        for scenario, side, log, pressure, epoch in found.sort_values(columns).itertuples(index=False)
    )


def _called(rows: pd.DataFrame, arm: str) -> str:
    mine = rows[rows["arm"] == arm]
    known = mine.dropna(subset=["skill"])[["skill", "skill_version", "skill_hash"]].drop_duplicates()
    skills = ", ".join(
        f"{name} {version} ({digest})" for name, version, digest in known.itertuples(index=False)
    )
    return f"{arm}: {skills}" if skills else arm


def unlike(base: Sequence[LogInfo], head: Sequence[LogInfo]) -> tuple[str, ...]:
    """In what two sets of logs differ that makes their values incomparable, one line each."""
    found = []
    for task in sorted({i.task for i in base} & {i.task for i in head}):
        mine, other = [i for i in base if i.task == task], [i for i in head if i.task == task]
        for what, of in (
            ("delivery of the skill", lambda i: i.delivery),
            ("scenario set", lambda i: i.scenario_set[:12]),
            ("grader", lambda i: "+".join(i.graders) or "none"),
            ("grader prompt", lambda i: i.grader_prompt),
        ):
            a, b = sorted({of(i) for i in mine}), sorted({of(i) for i in other})
            if a != b:
                found.append(f"{task}: {what} {' and '.join(a)} against {' and '.join(b)}")
        versions = [_versions(infos) for infos in (mine, other)]
        for scorer in sorted(versions[0].keys() & versions[1].keys()):
            if versions[0][scorer] != versions[1][scorer]:
                found.append(
                    f"{task}: scorer {scorer} version {versions[0][scorer]} against {versions[1][scorer]}"
                )
    return tuple(found)


def _versions(infos: Iterable[LogInfo]) -> Mapping[str, str]:
    found: dict[str, set[int]] = {}
    for info in infos:
        for scorer, version in info.scorer_versions.items():
            found.setdefault(scorer, set()).add(version)
    return {scorer: "/".join(map(str, sorted(versions))) for scorer, versions in found.items()}


def compare(
    sides: Sides,
    metrics: Sequence[str] = (),
    margin: float = MARGIN,
    noise: Mapping[str, float] | None = None,
    seed: int = 0,
) -> tuple[Compared, ...]:
    """Compares every metric of every model.

    Args:
        sides: What to compare.
        metrics: Ids of metrics; none: all that have values.
        margin: A change smaller than this counts as nothing.
        noise: Half-width of the A/A band by metric.
        seed: For the sign-flip test.

    Returns:
        In the order of models and of the registry; metrics without any value on one side are left out, unless named.
    """
    found: list[Compared] = []
    for model in sorted(set(sides.rows["model"])):
        rows = sides.rows[sides.rows["model"] == model]
        mine = []
        part = rows_for(rows)
        fault = fault_of_loading(rows)
        for name, metric in load_metrics().items():
            if metrics and name not in metrics:
                continue
            one = _one(part(metric), name, metric, model, margin, seed)
            if one is not None or name in metrics:
                mine.append(replace(one or _nothing(name, model), fault=fault.get(metric.scorer, "")))
        band = noise or {}
        found += [
            _judged(replace(one, p_holm=p, noise=band.get(one.metric)), margin)
            for one, p in zip(mine, _corrected(mine), strict=True)
        ]
    return tuple(found)


def _corrected(mine: Sequence[Compared]) -> list[float]:
    """Each metric's p, corrected within its family."""
    corrected = [math.nan] * len(mine)
    for headline, method in ((True, "holm"), (False, "fdr_bh")):
        family = [
            i for i, one in enumerate(mine) if (load_metrics()[one.metric].family == "headline") is headline
        ]
        for i, p in zip(family, adjust([mine[i].effect.p for i in family], method), strict=True):
            corrected[i] = p
    return corrected


def _one(
    rows: pd.DataFrame, name: str, metric: Metric, model: str, margin: float, seed: int
) -> Compared | None:
    values = values_of(rows, metric)
    by_side = {side: values[values["arm"] == side] for side in (BASE, HEAD)}
    if any(side.empty for side in by_side.values()):
        return None
    differences = scenario_differences(values, BASE, HEAD)
    effect = effect_of(differences, seed=seed)
    order = (metric.sign * differences).sort_values(kind="stable")
    lost = missing_of(rows, metric)
    shares = [_missing(lost, by_side[side], side) for side in (BASE, HEAD)]
    return Compared(
        metric=name,
        model=model,
        verdict="",
        why="",
        base=rate_of(by_side[BASE], metric),
        head=rate_of(by_side[HEAD], metric),
        effect=effect,
        p_holm=math.nan,
        worse=tuple((str(s), float(differences[s])) for s in order.index if order[s] < 0),
        better=tuple((str(s), float(differences[s])) for s in order.index[::-1] if order[s] > 0),
        missing=(shares[0], shares[1]),
    )


def _missing(lost: pd.DataFrame, there: pd.DataFrame, side: str) -> float:
    gone = int((lost["arm"] == side).sum())
    return gone / (gone + len(there)) if gone else 0.0


def _nothing(name: str, model: str) -> Compared:
    empty = Rate(math.nan, math.nan, math.nan, 0.0, 0, 0)
    none = Effect(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    return Compared(name, model, "", "", empty, empty, none, math.nan, (), (), (0.0, 0.0))


def _judged(one: Compared, margin: float) -> Compared:
    verdict, why = _verdict(one, margin)
    return replace(one, verdict=verdict, why=why)


def _verdict(one: Compared, margin: float) -> tuple[str, str]:
    effect = one.effect
    if one.fault:
        return "invalid", one.fault
    if effect.scenarios < 2:
        return "invalid", f"{effect.scenarios} common scenarios with a value; two are needed"
    for side, share in zip((BASE, HEAD), one.missing, strict=True):
        if share > MOST_MISSING:
            return (
                "invalid",
                f"{share:.0%} of the {side}'s answers are missing; at most {MOST_MISSING:.0%} may be",
            )
    if math.isnan(effect.p):
        if effect.value == 0:
            return "underpowered", "no scenario changed, which says nothing about others"
        return "underpowered", "every scenario changed by the same amount, which gives no interval"
    if one.p_holm < ALPHA:
        gain = effect.value * load_metrics()[one.metric].sign > 0
        if one.noise is not None and abs(effect.value) <= one.noise:
            return "noise", f"the difference lies inside the A/A band of ±{one.noise:.3g}"
        return ("improved" if gain else "regressed"), ""
    # Of an amount the margin is a share of the base.
    nothing = margin if load_metrics()[one.metric].scale == "share" else margin * abs(one.base.value)
    if -nothing < effect.low and effect.high < nothing:
        return "no detectable change", f"the interval lies within ±{nothing:.3g}"
    return "underpowered", f"only a difference of {effect.mde:.3g} or more would show"
