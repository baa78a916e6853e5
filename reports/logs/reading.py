"""Reads one .eval log into columns through inspect's public log API, from sample summaries alone.

One row per (sample, scorer, key). What is missing is a row too: a sample that failed, was never run, or could not be judged
stands in the table with its status, so that no number silently rests on fewer answers than planned.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from inspect_ai.log import (
    EvalLog,
    EvalSampleSummary,
    read_eval_log,
    read_eval_log_sample_summaries,
)
from inspect_ai.scorer import Score

from redgreenbench.evals.sharding import file_name
from redgreenbench.evals.vocabulary import NO_PRESSURE, SUITE_VERSION, UNSCORED, Arm

__all__ = [
    "FAILED",
    "IDENTITY",
    "INVALIDATED",
    "VOID",
    "WITHHELD",
    "Foreign",
    "LogInfo",
    "Part",
    "identity_of",
    "in_words",
    "latest_scores",
    "read_log",
]

VOID = "void: the audit found a contamination"
"""The reason of every score of a sample that the audit made void."""

INVALIDATED = "invalidated by hand"
"""The reason of a sample that somebody declared invalid."""

WITHHELD = "withheld: private scenario"
"""The reason of a failed private sample."""

FAILED = ("error", "limit", "missing")
"""Statuses of a sample without any score: it failed, a limit stopped it, or it never ran."""

IDENTITY = (
    "log", "task", "version", "suite", "grader", "delivery", "model", "scenario", "pack", "pressure", "arm", "control",
    "split", "document", "skill", "skill_version", "skill_hash",
)  # fmt: skip
"""Columns that are the same in all rows of a sample, beside its epoch."""


class Foreign(ValueError):
    """A readable log that is not one of this benchmark, or of another version of its suite."""


@dataclass(frozen=True)
class LogInfo:
    """Under what conditions a log's values arose; two logs that differ in them are not compared.

    Attributes:
        log: File name.
        task: Task, without its package.
        model: Model under test.
        created: When the run began, as in the log.
        status: How the run ended: success, cancelled, error, or started while it runs.
        epochs: Epochs asked for.
        suite: Suite version.
        scenario_set: Hash of the scenarios posed.
        graders: Models of the role ``grader``; empty without.
        grader_prompt: Hash of what graders are told.
        self_grade: Whether the model was allowed to grade itself.
        scorer_versions: Version of each scorer.
        skills: By pack and arm, name, version and hash of the skill.
        inspect: Version of inspect-ai.
        edited: Scores that somebody edited after the run.
        eval_id: inspect's id of the run.
        commit: Commit of the repository that the run was made in, if any.
        delivery: How the skill reached the model.
        shard: Which share of the run it is, as ``k/n``; empty: all of it.
        shards: How many shares have samples; fewer than n where there are few scenarios.
    """

    log: str
    task: str
    model: str
    created: str
    status: str
    epochs: int
    suite: str
    scenario_set: str
    graders: tuple[str, ...]
    grader_prompt: str
    self_grade: bool
    scorer_versions: Mapping[str, int]
    skills: Mapping[str, Mapping[str, Mapping[str, str]]]
    inspect: str
    edited: int = 0
    eval_id: str = ""
    commit: str = ""
    delivery: str = "injection"
    shard: str = ""
    shards: int = 0


@dataclass(frozen=True)
class Part:
    """One log's share of the table.

    Attributes:
        rows: Columns `IDENTITY`, sample (number within the log), epoch, scorer, key, value, status and reason.
        info: Its conditions.
        notes: What a reader must know of it.
    """

    rows: pa.Table
    info: LogInfo
    notes: tuple[str, ...]


@dataclass
class _Columns:
    """Rows while they are collected: samples apart from their scores, so that little is repeated."""

    samples: list[tuple[Any, ...]] = field(default_factory=list)
    sample: list[int] = field(default_factory=list)
    scorer: list[str | None] = field(default_factory=list)
    key: list[str | None] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    reason: list[str] = field(default_factory=list)

    def add(self, scorer: str | None, key: str | None, value: float, status: str, reason: str = "") -> None:
        self.sample.append(len(self.samples) - 1)
        self.scorer.append(scorer)
        self.key.append(key)
        self.value.append(value)
        self.status.append(status)
        self.reason.append(reason)

    def table(self) -> pa.Table:
        index = pa.array(self.sample, pa.int32())
        names = [*IDENTITY, "epoch"]
        columns = list(zip(*self.samples, strict=True)) or [()] * len(names)
        made: dict[str, pa.Array] = {}
        for name, values in zip(names, columns, strict=True):
            given = pa.array(values, pa.int32() if name == "epoch" else pa.string())
            made[name] = (given if name == "epoch" else given.dictionary_encode()).take(index)
        made["sample"] = index
        for name in ("scorer", "key", "status", "reason"):
            made[name] = pa.array(getattr(self, name), pa.string()).dictionary_encode()
        made["value"] = pa.array(self.value, pa.float64())
        return pa.table(made)


def read_log(file: str) -> Part:
    """Reads one log.

    Args:
        file: Its address.

    Raises:
        Foreign: It is no log of this benchmark.
        Exception: Whatever the reader raises on a broken file.
    """
    header = read_eval_log(file, header_only=True)
    suite = (header.eval.metadata or {}).get("redgreenbench")
    if suite is None:
        raise Foreign(f"is no log of this benchmark (task {header.eval.task})")
    if suite != SUITE_VERSION:
        raise Foreign(
            f"is of suite version {suite}, this release reads suite {SUITE_VERSION}: "
            "run it again, or report on it with redgreenbench 0.1"
        )
    said: dict[str, None] = {}
    versions: dict[str, int] = {}
    columns = _Columns()
    base = _base(file, header)
    seen: set[tuple[str, int]] = set()
    void, edited = _touched(file) if header.invalidated or _written_again(file, header) else (frozenset(), 0)
    for summary in read_eval_log_sample_summaries(file):
        seen.add((str(summary.id), summary.epoch))
        _add(columns, base, summary, said, versions, (str(summary.id), summary.epoch) in void)
    controls = (header.eval.metadata or {}).get("controls") or {}
    for sample_id, epoch in _planned(header):
        if (sample_id, epoch) not in seen:
            planned = _planned_as(sample_id)
            columns.samples.append((*base, *planned, controls.get(planned[0]), *[None] * 5, epoch))
            columns.add(None, None, math.nan, "missing", "it was never run")
    notes = []
    if header.status == "started":
        notes.append(
            f"{file_name(file)}: the run is in progress; samples that did not finish yet count as missing"
        )
    elif header.status != "success":
        notes.append(
            f"{file_name(file)}: the run is {header.status}; samples that did not finish count as missing"
        )
    if void:
        notes.append(
            f"{file_name(file)}: {len(void)} samples were invalidated by hand; they count as missing"
        )
    if edited:
        notes.append(f"{file_name(file)}: {edited} scores were edited by hand after the run")
    notes += [f"{file_name(file)}: {note}" for note in said]
    return Part(columns.table(), _info(file, header, versions, edited), tuple(notes))


def _touched(file: str) -> tuple[frozenset[tuple[str, int]], int]:
    """Samples that somebody declared invalid, and how many scores were edited; summaries say neither."""
    void, edited = set(), 0
    for sample in _with_marks(file):
        edited += sum(bool(score.get("history")) for score in (sample.get("scores") or {}).values())
        if sample.get("invalidation"):
            void.add((str(sample["id"]), int(sample["epoch"])))
    return frozenset(void), edited


def _with_marks(file: str) -> Iterator[dict[str, Any]]:
    """Samples with a mark of an edit or of an invalidation; of .eval logs none but those is parsed."""
    import fsspec

    with fsspec.open(file, "rb") as stream:
        if not file.endswith(".eval"):
            yield from json.load(stream).get("samples") or ()
            return
        # inspect has taught zipfile its compression. Within a text the quotes of these words would be escaped.
        with zipfile.ZipFile(stream) as log:
            for name in log.namelist():
                if name.startswith("samples/"):
                    data = log.read(name)
                    if b'"score_edit"' in data or b'"invalidation"' in data:
                        yield json.loads(data)


def _written_again(file: str, header: EvalLog) -> bool:
    """Whether a log may have been written again after its run, as every edit does.

    inspect writes a log's entries while the run goes on, so in an untouched log they are about as far apart as the run
    was long. A run too short to tell counts as written again, which costs a second look at a small log.
    """
    import fsspec

    started, ended = header.stats.started_at, header.stats.completed_at
    if not (file.endswith(".eval") and started and ended):
        return header.status != "started"
    with fsspec.open(file, "rb") as stream, zipfile.ZipFile(stream) as log:
        written = sorted(datetime(*entry.date_time) for entry in log.infolist())
    run = datetime.fromisoformat(ended) - datetime.fromisoformat(started)
    return written[-1] - written[0] < run / 2 or run < timedelta(seconds=10)


def _base(file: str, header: EvalLog) -> tuple[str, ...]:
    """Log, task, version, suite, grader, delivery and model."""
    spec = header.eval
    # By path the task is called `routing`, by name `redgreenbench/routing`; they are the same.
    suite = str((spec.metadata or {}).get("redgreenbench", ""))
    task = spec.task.rpartition("/")[2]
    graders = "+".join(_graders(header))
    return (file_name(file), task, str(spec.task_version), suite, graders, _delivery(header), spec.model)


def _delivery(header: EvalLog) -> str:
    return str((header.eval.metadata or {}).get("delivery", "injection"))


def _graders(header: EvalLog) -> tuple[str, ...]:
    bound: Any = (header.eval.model_roles or {}).get("grader") or ()
    return tuple(config.model for config in (bound if isinstance(bound, list) else [bound] if bound else []))


def identity_of(about: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Scenario, pack, pressure and arm, out of a sample's metadata; a pressure that comes later is named with its turn."""
    turn = about.get("turn") or "first"
    pressure = about["pressure"] if turn == "first" else f"{about['pressure']}+{turn}"
    return (str(about["scenario"]), str(about["pack"]), str(pressure), str(about["arm"]))


def _planned_as(sample_id: str) -> tuple[str, str, str, str]:
    """The same of a sample that never ran, and has no metadata: out of its label, of whatever form that is."""
    parts = sample_id.rsplit("/", 2)
    scenario, pressure, arm = parts if len(parts) == 3 else (sample_id, NO_PRESSURE, Arm.RED.value)
    return (scenario, scenario.partition("/")[0], pressure, arm)


def in_words(reason: str) -> str:
    """Why something has no score, for people: the words of a code, anything else as it is."""
    return UNSCORED.get(reason, reason)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _add(
    columns: _Columns,
    base: tuple[str, ...],
    summary: EvalSampleSummary,
    said: dict[str, None],
    versions: dict[str, int],
    invalidated: bool = False,
) -> None:
    about = summary.metadata
    own = (
        _text(about.get(k)) for k in ("control", "split", "document", "skill", "skill_version", "skill_hash")
    )
    columns.samples.append((*base, *identity_of(about), *own, summary.epoch))
    if invalidated:
        columns.add(None, None, math.nan, "error", INVALIDATED)
        return
    _add_usage(columns, summary, base[-1])
    if summary.error or not summary.scores:
        reason = summary.error or summary.limit_reason or summary.limit or "the sample has no score"
        status = "limit" if summary.limit and not summary.error else "error"
        # An error may quote the prompt.
        said_of_it = WITHHELD if about.get("split") == "private" else reason.strip().splitlines()[0][:200]
        columns.add(None, None, math.nan, status, said_of_it)
        return
    scores = latest_scores(summary.scores)
    if "audit" not in scores:
        said[
            "has no score `audit`, so that void samples cannot be told; score it again with `--action append`"
        ] = None
    audit = scores["audit"].value if "audit" in scores else None
    void = isinstance(audit, dict) and audit.get("valid") == 0
    for scorer, score in scores.items():
        value, told = score.value, score.metadata or {}
        said.update(dict.fromkeys(_grading(told)))
        if "scorer_version" in told:
            versions[scorer] = told["scorer_version"]
        if void and scorer != "audit":
            columns.add(scorer, None, math.nan, "unscored", VOID)
        elif isinstance(value, dict):
            # A grader may have been asked and have said nothing that counts; then a key applies and has no value.
            undecided = told.get("undecided") or ()
            for key, number in value.items():
                if key in undecided:
                    columns.add(scorer, str(key), math.nan, "unscored", "undecided")
                else:
                    _add_number(columns, scorer, str(key), number)
            for pattern, number in (told.get("patterns") or {}).items():
                _add_number(columns, scorer, f"pattern:{pattern}", number)
        else:
            nothing = isinstance(value, float) and math.isnan(value)
            reason = (
                (score.reason or "no reason given") if nothing else "the score is no set of keys with values"
            )
            columns.add(scorer, None, math.nan, "unscored", reason)


def _add_number(columns: _Columns, scorer: str, key: str, number: object) -> None:
    if isinstance(number, int | float) and number == number:
        columns.add(scorer, key, float(number), "scored")
    else:
        columns.add(scorer, key, math.nan, "not_applicable")


def _add_usage(columns: _Columns, summary: EvalSampleSummary, model: str) -> None:
    """What the sample cost, whether or not it could be judged; tokens of graders stand apart from the subject's."""
    total, others = None, 0
    for name, usage in summary.model_usage.items():
        if name == model:
            total = usage
        else:
            others += usage.total_tokens
    if total is not None:
        cached = (total.input_tokens_cache_read or 0) + (total.input_tokens_cache_write or 0)
        columns.add("usage", "input_tokens", float(total.input_tokens + cached), "scored")
        columns.add("usage", "output_tokens", float(total.output_tokens), "scored")
        if total.total_cost is not None:
            columns.add("usage", "cost", float(total.total_cost), "scored")
    if others:
        columns.add("usage", "grader_tokens", float(others), "scored")
    if summary.working_time is not None:
        columns.add("usage", "working_seconds", float(summary.working_time), "scored")


def latest_scores(scores: Mapping[str, Score]) -> dict[str, Score]:
    """A sample's scores by the scorer's bare name; of several by one scorer the one that was added last.

    inspect numbers a score that is appended beside one of the same name: ``judged``, ``judged1``.
    """
    bare = {name.rpartition("/")[2]: score for name, score in scores.items()}
    numbered = {name: name.rstrip("0123456789") for name in bare}
    return {numbered[name] if numbered[name] in bare else name: score for name, score in bare.items()}


def _grading(about: Mapping[str, Any]) -> Iterator[str]:
    """What must be said of a score's grading."""
    if about.get("self_graded"):
        graders = ", ".join(about.get("graders") or ())
        yield f"the model under test graded itself ({graders}); such grades are no evidence"
    elif about.get("grader_family"):
        graders = ", ".join(about.get("graders") or ())
        yield f"grader {graders} and subject are of one family ({about['grader_family']}), which a grader may favour"


def _planned(header: EvalLog) -> Iterator[tuple[str, int]]:
    spec = header.eval
    # With --limit the dataset lists all samples although only some were planned; then nothing is called missing.
    if spec.config.limit is not None:
        return
    for sample_id in spec.dataset.sample_ids or ():
        for epoch in range(1, (spec.config.epochs or 1) + 1):
            yield str(sample_id), epoch


def _info(file: str, header: EvalLog, versions: Mapping[str, int], edited: int) -> LogInfo:
    spec = header.eval
    about = spec.metadata or {}
    return LogInfo(
        log=file_name(file),
        task=spec.task.rpartition("/")[2],
        model=spec.model,
        created=str(spec.created),
        status=header.status,
        epochs=spec.config.epochs or 1,
        suite=str(about.get("redgreenbench", "")),
        scenario_set=str(about.get("scenario_set", "")),
        graders=_graders(header),
        grader_prompt=str(about.get("grader_prompt", "")),
        self_grade=bool(about.get("self_grade")),
        scorer_versions=dict(sorted(versions.items())),
        skills=about.get("skills") or {},
        inspect=(spec.packages or {}).get("inspect_ai", ""),
        edited=edited,
        eval_id=spec.eval_id,
        commit=spec.revision.commit if spec.revision else "",
        delivery=_delivery(header),
        shard=str(about.get("shard", "")),
        shards=int(about.get("shards") or str(about.get("shard", "")).partition("/")[2] or 0),
    )
