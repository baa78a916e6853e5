"""What a log's table does not hold: the command that made it, its hardware, its limits, and the texts of its scenarios.

Texts are read from the first sample of a scenario under each pressure. Those of private scenarios are never read.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd
from inspect_ai.log import (
    EvalLog,
    EvalSample,
    read_eval_log,
    read_eval_log_sample_summaries,
    read_eval_log_samples_by_id,
)

from redgreenbench.evals.sharding import file_name
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reports.logs.addresses import fingerprint
from redgreenbench.reports.logs.cache import cache_folder, read_entry, write_entry
from redgreenbench.reports.logs.reading import latest_scores

__all__ = ["LIMITS", "Card", "LogFacts", "ScenarioText", "clip", "facts_of", "texts_of"]

LIMITS = (
    "limit", "sample_id", "message_limit", "token_limit", "turn_limit", "time_limit", "working_limit", "cost_limit",
)  # fmt: skip
"""Settings of a run that keep samples out or cut answers short; a row says which of them were set."""

_SCHEMA = 1
"""To be raised whenever the same log would give other facts."""
_LONGEST = 20_000
_LONGEST_LINE = 4_000


@dataclass(frozen=True)
class LogFacts:
    """How a log was made.

    Attributes:
        log: File name.
        file: Address.
        command: A command that makes the run again, put together from the log.
        seed: Seed of the generation; None where none was set.
        limits: Settings of `LIMITS` that were set.
        engines: Torch and device of executed fixes; empty where none were executed.
        deliveries: By arm, how its text reached the model.
        scenarios: Scenarios posed, those too whose answers a newer run replaced.
    """

    log: str
    file: str
    command: str
    seed: int | None
    limits: Mapping[str, str]
    engines: tuple[str, ...]
    deliveries: Mapping[str, str]
    scenarios: frozenset[str]


@dataclass(frozen=True)
class ScenarioText:
    """What was asked in a scenario.

    Attributes:
        prompt: The user's message without pressure, clipped.
        added: By pressure, what the message says then; only what it adds where it begins with the prompt.
        target: What is right, in one line.
    """

    prompt: str
    added: Mapping[str, str]
    target: str


@dataclass(frozen=True)
class Card:
    """What the installed suite says of a scenario; the command line passes it in, since reports do not read scenarios.

    Attributes:
        title: For people.
        source: Document and section.
        criteria: Statements that are judged.
        deviation: Where it departs from its document.
        private: Whether its texts are withheld.
    """

    title: str
    source: str
    criteria: tuple[str, ...] = ()
    deviation: str = ""
    private: bool = False


def clip(text: str) -> str:
    """A text short enough for a page; what is cut is said."""
    lines = []
    for line in text[:_LONGEST].split("\n"):
        if len(line) > _LONGEST_LINE:
            line = f"{line[:_LONGEST_LINE]} […clipped: the line goes on]"
        lines.append(line)
    if len(text) > _LONGEST:
        lines.append(f"[…clipped: {len(text):,} characters in all; the transcript has them]")
    return "\n".join(lines)


def facts_of(file: str, rows: pd.DataFrame) -> LogFacts:
    """How a log was made, from the user's cache where the log did not change.

    Args:
        file: Its address.
        rows: Its part of the tidy table.
    """
    ran = rows[~rows["status"].eq("missing")].drop_duplicates(["arm"])
    asked = [(str(arm), i, int(e)) for arm, i, e in zip(ran["arm"], _ids(ran), ran["epoch"], strict=True)]
    executed = bool((rows["scorer"].eq("execution") & rows["status"].eq("scored")).any())
    entry = _entry(file, asked, executed)
    if entry is not None and (known := _kept(entry)) is not None:
        return replace(known, log=file_name(file), file=file)
    facts = _read_facts(file, asked, executed)
    if entry is not None:
        about = asdict(facts) | {"scenarios": sorted(facts.scenarios)}
        write_entry(entry, json.dumps(about).encode())
    return facts


def _entry(file: str, asked: Sequence[tuple[str, str, int]], executed: bool) -> str | None:
    known = fingerprint(file)
    if known is None:
        return None
    what = json.dumps([_SCHEMA, known, asked, executed], sort_keys=True)
    return f"{cache_folder()}/{hashlib.sha256(what.encode()).hexdigest()[:32]}.json"


def _kept(entry: str) -> LogFacts | None:
    try:
        about = json.loads(read_entry(entry) or b"")
        texts = {"engines": tuple(about["engines"]), "scenarios": frozenset(about["scenarios"])}
        return LogFacts(**about | texts)
    except (ValueError, KeyError, TypeError):
        return None


def _read_facts(file: str, asked: Sequence[tuple[str, str, int]], executed: bool) -> LogFacts:
    header = read_eval_log(file, header_only=True)
    posed = {sample_id.rsplit("/", 2)[0] for _, sample_id, _ in asked}
    samples = _samples(file, [(sample_id, epoch) for _, sample_id, epoch in asked])
    return LogFacts(
        log=file_name(file),
        file=file,
        command=_command(header),
        seed=header.eval.model_generate_config.seed,
        limits={n: str(v) for n in LIMITS if (v := getattr(header.eval.config, n, None)) is not None},
        engines=_engines(file) if executed else (),
        deliveries={
            arm: str(sample.metadata.get("delivery") or "none")
            for (arm, _, _), sample in zip(asked, samples, strict=True)
        },
        scenarios=frozenset(posed | {str(i).rsplit("/", 2)[0] for i in header.eval.dataset.sample_ids or ()}),
    )


def _samples(file: str, asked: Sequence[tuple[str, int]]) -> list[EvalSample]:
    """Some samples of a log without what the model did; the log's table of entries, a slow part, is read once."""
    return read_eval_log_samples_by_id(
        file, asked, exclude_fields={"events", "messages", "store", "attachments"}
    )


def _ids(rows: pd.DataFrame) -> list[str]:
    cells = zip(rows["scenario"], rows["pressure"], rows["arm"], strict=True)
    return ["/".join(map(str, cell)) for cell in cells]


def _engines(file: str) -> tuple[str, ...]:
    engines = set()
    for summary in read_eval_log_sample_summaries(file):
        score = latest_scores(summary.scores or {}).get("execution")
        engine: Any = ((score.metadata if score else None) or {}).get("engine")
        if isinstance(engine, dict):
            engines.add(f"torch {engine.get('torch', '?')} on {engine.get('device', '?')}")
    return tuple(sorted(engines))


def _command(header: EvalLog) -> str:
    """`inspect eval` with what the log says was given; settings that were left alone are left out."""
    spec = header.eval
    words = ["inspect", "eval", f"redgreenbench/{spec.task.rpartition('/')[2]}", "--model", spec.model]
    bound: Any = (spec.model_roles or {}).get("grader") or ()
    for config in bound if isinstance(bound, list) else [bound] if bound else []:
        words += ["--model-role", f"grader={config.model}"]
    for name, value in sorted(spec.task_args.items()):
        if value not in (None, False, [], ""):
            shown = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            words += ["-T", f"{name}={shown}"]
    if (spec.config.epochs or 1) > 1:
        words += ["--epochs", str(spec.config.epochs)]
    for name in LIMITS:
        value = getattr(spec.config, name, None)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    set_by_hand = spec.model_generate_config.model_dump(exclude_none=True)
    for name in ("max_tokens", "temperature", "top_p", "seed", "reasoning_effort"):
        if name in set_by_hand:
            words += [f"--{name.replace('_', '-')}", str(set_by_hand[name])]
    return shlex.join(words)


@dataclass
class _Asked:
    prompt: str = ""
    target: str = ""
    messages: dict[str, str] = field(default_factory=dict)


def texts_of(
    rows: pd.DataFrame, files: Mapping[str, str], private: Collection[str]
) -> Mapping[str, ScenarioText]:
    """The texts of the scenarios in a table, from the first sample of each under each pressure.

    Args:
        rows: The tidy table, or part of it.
        files: Address of each log by file name.
        private: Scenarios whose texts are not to be read.
    """
    there = rows[~rows["status"].eq("missing") & ~rows["scenario"].isin(list(private))]
    first = there.drop_duplicates(["scenario", "pressure"])
    samples: dict[Any, EvalSample] = {}
    for log, mine in first.groupby("log", observed=True):
        found = _samples(files[str(log)], list(zip(_ids(mine), map(int, mine["epoch"]), strict=True)))
        samples |= dict(zip(mine.index, found, strict=True))
    asked: dict[str, _Asked] = {}
    for row, scenario, pressure in zip(first.index, first["scenario"], first["pressure"], strict=True):
        sample = samples[row]
        # The sample's own flag counts even where the table's row lost it.
        if (sample.metadata or {}).get("split") == "private":
            continue
        scenario_asked = asked.setdefault(str(scenario), _Asked())
        scenario_asked.messages[str(pressure)] = _user_text(sample.input)
        scenario_asked.target = sample.target if isinstance(sample.target, str) else "; ".join(sample.target)
    return {name: _text(scenario_asked) for name, scenario_asked in sorted(asked.items())}


def _user_text(given: Any) -> str:
    if isinstance(given, str):
        return given
    return "\n\n".join(message.text for message in given if message.role == "user")


def _text(asked: _Asked) -> ScenarioText:
    prompt = asked.messages.get(NO_PRESSURE, "")
    pressed: Iterable[tuple[str, str]] = sorted((p, t) for p, t in asked.messages.items() if p != NO_PRESSURE)
    added = {p: clip(t.removeprefix(prompt).strip() if prompt else t) for p, t in pressed}
    return ScenarioText(clip(prompt), added, clip(asked.target))
