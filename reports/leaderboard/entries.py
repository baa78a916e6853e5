"""Rows of the leaderboard out of the tidy table: one per model, skill version and delivery.

A *tab* holds rows that may be ranked against each other: same task, scenario set and metric, and no scorer of two versions.
A row is compared with RED of its own runs, where they have it, so that drift between runs hits both alike; else with RED of
the model's other runs on the tab.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from redgreenbench.evals.vocabulary import Arm
from redgreenbench.reports.estimate import ALL, MEAN, Estimate, Frame, Subject, View, estimate
from redgreenbench.reports.leaderboard.identity import (
    Key,
    Skill,
    alike,
    entry_id,
    keys_of,
    known,
    label_of,
    slug,
)
from redgreenbench.reports.leaderboard.ranks import Rank, rank_intervals
from redgreenbench.reports.leaderboard.results import Slice, marks_of, noise_of, slice_estimates, slices_of
from redgreenbench.reports.leaderboard.sources import LogFacts
from redgreenbench.reports.logs.reading import LogInfo
from redgreenbench.reports.logs.table import Table
from redgreenbench.reports.metrics import load_metrics, load_registry, missing_of, plain, values_of
from redgreenbench.reports.noise import Noise
from redgreenbench.reports.rules import judge

__all__ = ["Entry", "Tab", "build_tabs"]


@dataclass(frozen=True)
class Entry:
    """A row.

    Attributes:
        id: For addresses; made of model, skill and tab.
        model: The model.
        kind: ``red``, ``generic``, ``placebo`` or ``skill``.
        label: What it carries, for people.
        skills: Its skills by pack.
        delivery: How the text reached the model; ``none`` for RED.
        grader: Graders, joined by ``+``; empty without.
        infos: Conditions of its logs.
        facts: How its logs were made.
        date: Day of its newest log.
        epochs: Largest number of epochs.
        view: All estimates of RED and this row, which is the arm ``arm``, with their answers.
        arm: Name of its arm there.
        slices: Its results by (pressure, split).
        noise: How much it differs from itself; None where it was asked once.
        missing: Answers that the ranked metric has no value for.
    """

    id: str
    model: str
    kind: str
    label: str
    skills: tuple[Skill, ...]
    delivery: str
    grader: str
    infos: tuple[LogInfo, ...]
    facts: tuple[LogFacts, ...]
    date: str
    epochs: int
    view: View
    arm: str
    slices: Mapping[tuple[str, str], Slice]
    noise: Noise | None
    missing: int

    def get(self, metric: str, kind: str = MEAN) -> Estimate | None:
        """One estimate of this row over all samples; None where there is none."""
        return self.view.get(metric, self.arm, kind)


@dataclass(frozen=True)
class Tab:
    """Rows that may be ranked against each other.

    Attributes:
        id: For addresses.
        task: Task.
        delivery: How skills reached the models, and whether an agent worked.
        suite: Suite version.
        scenario_set: Hash of the scenarios posed.
        scorers: Version of each scorer.
        metric: Id of the metric that ranks.
        entries: Best first.
        marks: Every answer: columns entry, log, arm, scenario, pressure, epoch, control, split, status, value.
    """

    id: str
    task: str
    delivery: str
    suite: str
    scenario_set: str
    scorers: Mapping[str, int]
    metric: str
    entries: tuple[Entry, ...]
    marks: pd.DataFrame


def build_tabs(table: Table, facts: Mapping[str, LogFacts], private: Iterable[str] = ()) -> tuple[Tab, ...]:
    """All tabs of some logs.

    Args:
        table: The logs.
        facts: How each was made, by file name.
        private: Private scenarios.

    Raises:
        InputError: Two different logs have the same file name.
    """
    hidden = frozenset(private)
    tabs = []
    for number, group in enumerate(alike(known(table.provenance))):
        rows = table.rows[table.rows["log"].isin([i.log for i in group])]
        if rows.empty:
            continue
        for metric in _ranked(rows):
            tabs.append(_tab(number, group, rows, metric, facts, hidden))
    return tuple(tabs)


def _ranked(rows: pd.DataFrame) -> list[str]:
    """Metrics by which these rows are ranked, each on a tab of its own: two metrics are never pooled."""
    return [name for name in load_registry().rank if not values_of(rows, load_metrics()[name]).empty]


def _tab(
    number: int,
    group: Sequence[LogInfo],
    rows: pd.DataFrame,
    metric: str,
    facts: Mapping[str, LogFacts],
    private: frozenset[str],
) -> Tab:
    first = group[0]
    tab_id = f"{slug(first.task)}-{number + 1}-{metric}"
    keys = keys_of(rows, {i.log: i for i in group}, facts)
    pairs = pd.MultiIndex.from_arrays([rows["log"].astype(object), rows["arm"].astype(object)])
    names = {key: entry_id(tab_id, key) for key in dict.fromkeys(keys.values())}
    of = pd.Series({pair: names[key] for pair, key in keys.items()})
    rows = rows.assign(entry=pd.Categorical(of.reindex(pairs).to_numpy()))
    groups = list(_groups(rows, names))
    estimates: list[Estimate] = []
    arms: dict[Subject, tuple[str, ...]] = {}
    for mine, _ in groups:
        part = estimate(mine)
        (subject,) = part.subjects
        there = values_of(mine, load_metrics()[metric])
        lost = missing_of(mine, load_metrics()[metric])
        estimates += [
            *part.estimates,
            *slice_estimates(subject, there, lost, metric, private, part.arms[subject]),
        ]
        arms |= part.arms
    # Verdicts are corrected over all rows of the tab.
    frame = judge(Frame(tuple(estimates), arms, Arm.RED.value))
    made = [
        entry
        for (mine, shown), subject in zip(groups, arms, strict=True)
        for entry in _entries(frame, subject, mine, shown, names, metric, group, facts)
    ]
    made = _with_ranks(made, metric, private)
    ordered = sorted(
        made, key=lambda e: (-load_metrics()[metric].sign * e.slices[ALL, ALL].value.value, e.model, e.id)
    )
    return Tab(
        id=tab_id,
        task=first.task,
        delivery=first.delivery,
        suite=first.suite,
        scenario_set=first.scenario_set,
        scorers=dict(sorted({k: v for i in group for k, v in i.scorer_versions.items()}.items())),
        metric=metric,
        entries=tuple(ordered),
        marks=marks_of(rows, metric, private),
    )


def _groups(rows: pd.DataFrame, names: Mapping[Key, str]) -> Iterator[tuple[pd.DataFrame, dict[str, str]]]:
    """Rows that share the answers of RED that they are compared with; with them, arm by entry."""
    logs_of = (
        plain(rows[["entry", "log"]].drop_duplicates()).groupby("entry")["log"].apply(frozenset).to_dict()
    )
    red_of = {(k.model, k.grader): name for k, name in names.items() if k.kind == Arm.RED}
    groups: dict[tuple[str, frozenset[str]], list[tuple[Key, str]]] = {}
    for key, name in names.items():
        red = red_of.get((key.model, key.grader), "")
        if key.kind == Arm.RED or not red:
            groups.setdefault((name, logs_of[name]), [])
            continue
        own = logs_of[name] & logs_of[red]
        groups.setdefault((red, own or logs_of[red]), []).append((key, name))
    for number, ((base, base_logs), heads) in enumerate(groups.items()):
        is_red = base in red_of.values()
        arms = {base: Arm.RED.value if is_red else "only"}
        skilled = [name for key, name in heads if key.kind == "skill"]
        for key, name in heads:
            arms[name] = key.kind if key.kind != "skill" else Arm.GREEN.value if len(skilled) == 1 else name
        mine = rows[rows["entry"].isin(list(arms)) & (~rows["entry"].eq(base) | rows["log"].isin(base_logs))]
        arm = pd.Categorical(mine["entry"].astype(object).map(arms))
        # RED's own row rests on all of its answers, other groups only compare with some of them.
        shown = {name: arm for name, arm in arms.items() if name != base or base_logs == logs_of[base]}
        # A number keeps groups of one model apart; whatever else differs is told by the entries.
        yield (
            mine.assign(arm=arm, edition=f"{number:04}", grader="", delivery=mine["delivery"].iloc[0]),
            shown,
        )


def _entries(
    frame: Frame,
    subject: Subject,
    rows: pd.DataFrame,
    arms: Mapping[str, str],
    names: Mapping[Key, str],
    metric: str,
    group: Sequence[LogInfo],
    facts: Mapping[str, LogFacts],
) -> Iterator[Entry]:
    by_name = {name: key for key, name in names.items()}
    values = values_of(rows, load_metrics()[metric])
    for name, arm in arms.items():
        key = by_name[name]
        mine = rows[rows["entry"].eq(name)]
        if mine.empty or values[values["arm"] == arm].empty:
            continue
        logs = sorted(map(str, mine["log"].unique()))
        shown = Arm.GREEN.value if key.kind == "skill" else arm
        called = {Arm.RED.value: Arm.RED.value, arm: shown}
        both = rows[rows["arm"].isin(list(called))]
        both = both.assign(arm=pd.Categorical(both["arm"].astype(object).map(called)))
        infos = tuple(i for i in group if i.log in logs)
        value = frame.get(subject, metric, arm)
        yield Entry(
            id=name,
            model=key.model,
            kind=key.kind,
            label=label_of(key),
            skills=key.skills,
            delivery=key.delivery,
            grader=key.grader,
            infos=infos,
            facts=tuple(facts[i.log] for i in infos),
            date=max(i.created for i in infos)[:10],
            epochs=int(mine["epoch"].max()),
            view=View(frame.only(subject, called), subject, both),
            arm=shown,
            slices=slices_of(frame, subject, arm, metric),
            noise=noise_of(values[values["arm"] == arm], key.model, metric),
            missing=value.lost if value else 0,
        )


def _sound(entry: Entry, metric: str) -> bool:
    """Whether a row may be compared: what is left of an arm that lost too many answers is compared with nothing."""
    value = entry.get(metric)
    return value is not None and value.verdict != "invalid"


def _with_ranks(entries: Sequence[Entry], metric: str, private: frozenset[str]) -> list[Entry]:
    means = {}
    for entry in entries:
        values = values_of(entry.view.rows, load_metrics()[metric])
        values = values[values["arm"] == entry.arm]
        mean = values.groupby(["scenario", "pressure"])["value"].mean()
        # Without values a row can be told apart from none and may have any rank.
        means[entry.id] = mean if _sound(entry, metric) else mean.iloc[:0]
    ranks: dict[tuple[str, str], dict[str, Rank]] = {}
    for pressure, split in sorted({key for e in entries for key in e.slices}):
        cells = {}
        for entry in entries:
            if (pressure, split) in entry.slices:
                series = means[entry.id]
                scenarios, pressures = (series.index.get_level_values(level) for level in (0, 1))
                hidden = scenarios.isin(list(private))
                chosen = hidden if split == "private" else ~hidden if split == "public" else hidden | ~hidden
                cells[entry.id] = series[chosen & ((pressures == pressure) | (pressure == ALL))]
        ranks[pressure, split] = rank_intervals(cells, load_metrics()[metric].sign)
    return [
        replace(e, slices={key: replace(s, rank=ranks[key][e.id]) for key, s in e.slices.items()})
        for e in entries
    ]
