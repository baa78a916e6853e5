"""Rows of the leaderboard out of the tidy table: one per model, skill version and delivery.

A *tab* holds rows that may be ranked against each other: same task, scenario set and metric, and no scorer of two versions.
A row is compared with RED of its own runs, where they have it, so that drift between runs hits both alike; else with RED of
the model's other runs on the tab.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from redgreenbench.evals.vocabulary import Arm
from redgreenbench.reports.evidence import Measured, Subject, subjects_of
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
from redgreenbench.reports.leaderboard.results import ALL, Slice, marks_of, noise_of, restricted, slices_of
from redgreenbench.reports.leaderboard.sources import LogFacts
from redgreenbench.reports.load import Table
from redgreenbench.reports.metrics import load_metrics, plain, values_of
from redgreenbench.reports.noise import Noise
from redgreenbench.reports.reading import LogInfo

__all__ = ["Entry", "Tab", "build_tabs"]

_RANKED = ("decision-accuracy", "routing-accuracy", "fixes-correct")


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
        subject: All metrics of RED and this row, which is the arm ``arm``.
        arm: Name of its arm in ``subject``.
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
    subject: Subject
    arm: str
    slices: Mapping[tuple[str, str], Slice]
    noise: Noise | None
    missing: int

    def measured(self, metric: str) -> Measured | None:
        """One metric of this row; None where it has no value."""
        return next((m for m in self.subject.measured if m.metric == metric and self.arm in m.arms), None)


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
    return [name for name in _RANKED if not values_of(rows, load_metrics()[name]).empty]


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
    made = [
        entry
        for subject, mine in _subjects(rows, names)
        for entry in _entries(subject, mine, names, metric, group, facts, private)
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


def _subjects(rows: pd.DataFrame, names: Mapping[Key, str]) -> list[tuple[Subject, dict[str, str]]]:
    """Metrics of rows that share the answers of RED that they are compared with; with them, entry by arm."""
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
    found = []
    for (base, base_logs), heads in groups.items():
        is_red = base in red_of.values()
        arms = {base: Arm.RED.value if is_red else "only"}
        skilled = [name for key, name in heads if key.kind == "skill"]
        for key, name in heads:
            arms[name] = key.kind if key.kind != "skill" else Arm.GREEN.value if len(skilled) == 1 else name
        mine = rows[rows["entry"].isin(list(arms)) & (~rows["entry"].eq(base) | rows["log"].isin(base_logs))]
        arm = pd.Categorical(mine["entry"].astype(object).map(arms))
        (subject,) = subjects_of(mine.assign(arm=arm))
        # RED's own row rests on all of its answers, other groups only compare with some of them.
        shown = {name: arm for name, arm in arms.items() if name != base or base_logs == logs_of[base]}
        found.append((subject, shown))
    return found


def _entries(
    subject: Subject,
    arms: Mapping[str, str],
    names: Mapping[Key, str],
    metric: str,
    group: Sequence[LogInfo],
    facts: Mapping[str, LogFacts],
    private: frozenset[str],
) -> Iterable[Entry]:
    by_name = {name: key for key, name in names.items()}
    values = values_of(subject.rows, load_metrics()[metric])
    has_red = Arm.RED.value in subject.arms
    for name, arm in arms.items():
        key = by_name[name]
        mine = subject.rows[subject.rows["entry"].eq(name)]
        if mine.empty or values[values["arm"] == arm].empty:
            continue
        logs = sorted(map(str, mine["log"].unique()))
        shown = Arm.GREEN.value if key.kind == "skill" else arm
        own = restricted(subject, arm, shown)
        head = own.arms[-1] if key.kind != Arm.RED else Arm.RED.value
        infos = tuple(i for i in group if i.log in logs)
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
            subject=own,
            arm=head,
            slices=slices_of(
                values, arm, metric, private, has_red and key.kind != Arm.RED and _sound(own, metric)
            ),
            noise=noise_of(values[values["arm"] == arm], key.model, metric),
            missing=sum(m.lost.get(head, 0) for m in own.measured if m.metric == metric),
        )


def _sound(subject: Subject, metric: str) -> bool:
    """Whether a row may be compared: what is left of an arm that lost too many answers is compared with nothing."""
    return not any(m.invalid for m in subject.measured if m.metric == metric)


def _with_ranks(entries: Sequence[Entry], metric: str, private: frozenset[str]) -> list[Entry]:
    means = {}
    for entry in entries:
        values = values_of(entry.subject.rows, load_metrics()[metric])
        values = values[values["arm"] == entry.arm]
        mean = values.groupby(["scenario", "pressure"])["value"].mean()
        # Without values a row can be told apart from none and may have any rank.
        means[entry.id] = mean if _sound(entry.subject, metric) else mean.iloc[:0]
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
