"""What makes answers belong to one row: model, graders, what the row carries, and how it was delivered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.vocabulary import Arm
from redgreenbench.reports.leaderboard.sources import LogFacts
from redgreenbench.reports.logs.reading import LogInfo
from redgreenbench.reports.metrics import plain

__all__ = ["Key", "Skill", "alike", "entry_id", "keys_of", "known", "label_of", "short_hash", "slug"]


@dataclass(frozen=True)
class Skill:
    """The skill that a row carries on one pack's scenarios."""

    pack: str
    name: str
    version: str
    hash: str


@dataclass(frozen=True)
class Key:
    """What makes two answers belong to one row."""

    model: str
    grader: str
    kind: str
    skills: tuple[Skill, ...]
    name: str
    delivery: str


def short_hash(text: str) -> str:
    """The first twelve digits of a hash."""
    return text[:12]


def known(infos: Sequence[LogInfo]) -> list[LogInfo]:
    """The logs' conditions, each once, in an order that does not depend on how they were given.

    Raises:
        InputError: Two different logs have the same file name.
    """
    by_name: dict[str, LogInfo] = {}
    for info in infos:
        other = by_name.setdefault(info.log, info)
        if other.eval_id != info.eval_id:
            raise InputError(f"two different logs are called {info.log}; rename one of them")
    return sorted(by_name.values(), key=lambda i: (i.task, i.delivery, i.scenario_set, i.created, i.log))


def alike(infos: Sequence[LogInfo]) -> list[list[LogInfo]]:
    """Logs that may stand on one tab: a log without a grader lacks scorers, which is no conflict."""
    groups: list[tuple[tuple[str, ...], dict[str, int], list[LogInfo]]] = []
    for info in infos:
        key = (info.task, info.delivery, info.scenario_set)
        for other, versions, group in groups:
            if other == key and all(
                versions.get(name, version) == version for name, version in info.scorer_versions.items()
            ):
                versions.update(info.scorer_versions)
                group.append(info)
                break
        else:
            groups.append((key, dict(info.scorer_versions), [info]))
    return [group for _, _, group in groups]


def keys_of(
    rows: pd.DataFrame, infos: Mapping[str, LogInfo], facts: Mapping[str, LogFacts]
) -> dict[tuple[str, str], Key]:
    """The row that each log's arms belong to."""
    keys = {}
    known = plain(rows[["log", "arm"]].drop_duplicates()).sort_values(["log", "arm"])
    for log, arm in known.itertuples(index=False, name=None):
        info = infos[log]
        skills = tuple(
            Skill(pack, about[arm]["name"], about[arm]["version"], about[arm]["hash"])
            for pack, about in sorted(info.skills.items())
            if arm in about
        )
        built_in = arm in (Arm.RED, Arm.GENERIC, Arm.PLACEBO)
        keys[log, arm] = Key(
            model=info.model,
            grader="+".join(info.graders),
            kind=arm if built_in else "skill",
            skills=skills,
            name="" if built_in or skills else arm,
            delivery=facts[log].deliveries.get(arm, "none"),
        )
    return keys


def slug(text: str) -> str:
    """A text as part of an address."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


def entry_id(tab: str, key: Key) -> str:
    """A row's name in addresses: readable, and unique by a hash."""
    skill = key.skills[0].version if key.kind == "skill" and key.skills else key.name
    digest = hashlib.sha256(repr((tab, key)).encode()).hexdigest()[:6]
    return "-".join(part for part in (slug(key.model), key.kind, slug(skill), digest) if part)


def label_of(key: Key) -> str:
    """What a row carries, for people."""
    if key.kind == Arm.RED:
        return "no skill (RED)"
    if key.kind == Arm.GENERIC:
        return "generic prompt"
    named = ", ".join(dict.fromkeys(f"{s.name} {s.version}" for s in key.skills)) or key.name
    return f"placebo: {named}" if key.kind == Arm.PLACEBO else named
