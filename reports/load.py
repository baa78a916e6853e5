"""Reads .eval logs into one tidy table through inspect's public log API.

One row per (log, sample, epoch, scorer, key). What is missing is a row too: a sample that failed, was
never run, or could not be judged stands in the table with its status, so that no number silently rests on
fewer answers than planned. Logs that cannot be used are returned by name with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log, read_eval_log_sample_summaries
from inspect_ai.scorer import Score

from redgreenbench.evals.errors import InputError

__all__ = ["COLUMNS", "VOID", "LogInfo", "Skipped", "Table", "files_of", "latest_scores", "load"]

VOID = "void: the audit found a contamination"
"""The reason of every score of a sample that the audit made void."""

COLUMNS = (
    "log", "task", "version", "model", "scenario", "pack", "pressure", "arm", "control", "split", "skill",
    "skill_version", "skill_hash", "epoch", "scorer", "key", "value", "status", "reason",
)  # fmt: skip
"""Columns of the tidy table. ``status`` is scored, not_applicable, unscored, error or missing."""


@dataclass(frozen=True)
class Skipped:
    """A log that is not in the table, and why."""

    log: str
    reason: str


@dataclass(frozen=True)
class LogInfo:
    """Under what conditions a log's values arose; two logs that differ in them are not compared.

    Attributes:
        log: File name.
        task: Task, without its package.
        model: Model under test.
        created: When the run began, as in the log.
        suite: Suite version.
        scenario_set: Hash of the scenarios posed.
        graders: Models of the role ``grader``; empty without.
        grader_prompt: Hash of what graders are told.
        self_grade: Whether the model was allowed to grade itself.
        scorer_versions: Version of each scorer.
        skills: By pack and arm, name, version and hash of the skill.
        inspect: Version of inspect-ai.
    """

    log: str
    task: str
    model: str
    created: str
    suite: str
    scenario_set: str
    graders: tuple[str, ...]
    grader_prompt: str
    self_grade: bool
    scorer_versions: Mapping[str, int]
    skills: Mapping[str, Mapping[str, Mapping[str, str]]]
    inspect: str


@dataclass(frozen=True)
class Table:
    """What `load` gives.

    Attributes:
        rows: The tidy table with `COLUMNS`.
        logs: Addresses of the logs in it.
        skipped: Logs that are not in it.
        notes: Things about a log in it that a reader must know, such as an unfinished run.
        provenance: Under what conditions each log's values arose.
    """

    rows: pd.DataFrame
    logs: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    provenance: tuple[LogInfo, ...] = ()


def load(places: Sequence[str]) -> Table:
    """Reads logs.

    Args:
        places: Log files or folders of logs, local or any address that fsspec knows.

    Raises:
        InputError: Nothing readable is there.
    """
    rows: list[dict[str, Any]] = []
    logs: list[str] = []
    skipped: list[Skipped] = []
    notes: list[str] = []
    infos: list[LogInfo] = []
    for place in places:
        files = files_of(place)
        if not files:
            skipped.append(Skipped(place, "there is no .eval log here"))
        for file in files:
            if file in logs:
                continue
            try:
                header = read_eval_log(file, header_only=True)
                if "redgreenbench" not in (header.eval.metadata or {}):
                    skipped.append(Skipped(file, f"is no log of this benchmark (task {header.eval.task})"))
                    continue
                # Runs of the same second count in the order in which they are given.
                created = f"{header.eval.created}#{len(logs):06}"
                said: dict[str, None] = {}
                versions: dict[str, int] = {}
                found = [row | {"created": created} for row in _rows(file, header, said, versions)]
                info = _info(file, header, versions)
            except (
                Exception
            ) as exc:  # a broken log may fail anywhere inside the reader; it is named, not hidden
                first = next(iter(str(exc).splitlines()), "")
                skipped.append(Skipped(file, f"cannot be read ({type(exc).__name__}: {first})"))
                continue
            if header.status != "success":
                notes.append(
                    f"{_short(file)}: the run is {header.status}; samples that did not finish count as missing"
                )
            notes += [f"{_short(file)}: {note}" for note in said]
            rows += found
            infos.append(info)
            logs.append(file)
    if not logs:
        why = "; ".join(f"{s.log} {s.reason}" for s in skipped) or "no place was given"
        raise InputError(f"no log to report on: {why}")
    frame = pd.DataFrame(rows, columns=[*COLUMNS, "created"])
    return Table(_newest(frame), tuple(logs), tuple(skipped), tuple(notes), tuple(infos))


def _short(file: str) -> str:
    return file.rsplit("/", 1)[-1]


def files_of(place: str) -> list[str]:
    """The .eval logs at a place: itself, or those in the folder; none where there is no such folder."""
    if place.endswith((".eval", ".json")):
        return [place]
    try:
        return sorted(info.name for info in list_eval_logs(place, formats=["eval"]))
    except (OSError, ValueError):
        return []


def _info(file: str, header: EvalLog, versions: Mapping[str, int]) -> LogInfo:
    spec = header.eval
    about = spec.metadata or {}
    bound: Any = (spec.model_roles or {}).get("grader") or ()
    graders = tuple(
        config.model for config in (bound if isinstance(bound, list) else [bound] if bound else [])
    )
    return LogInfo(
        log=_short(file),
        task=spec.task.rpartition("/")[2],
        model=spec.model,
        created=str(spec.created),
        suite=str(about.get("redgreenbench", "")),
        scenario_set=str(about.get("scenario_set", "")),
        graders=graders,
        grader_prompt=str(about.get("grader_prompt", "")),
        self_grade=bool(about.get("self_grade")),
        scorer_versions=dict(sorted(versions.items())),
        skills=about.get("skills") or {},
        inspect=(spec.packages or {}).get("inspect_ai", ""),
    )


def _rows(
    file: str, header: EvalLog, said: dict[str, None], versions: dict[str, int]
) -> Iterator[dict[str, Any]]:
    """The rows of a log.

    Args:
        file: Its address.
        header: Its header.
        said: Gets what a reader must know of its grading.
        versions: Gets the version of each scorer.
    """
    spec = header.eval
    base = {
        "log": _short(file),
        # By path the task is called `routing`, by name `redgreenbench/routing`; they are the same.
        "task": spec.task.rpartition("/")[2],
        "version": str(spec.task_version),
        "model": spec.model,
    }
    seen = set()
    for summary in read_eval_log_sample_summaries(file):
        seen.add((str(summary.id), summary.epoch))
        metadata = summary.metadata
        sample = base | _identity(str(summary.id)) | {"epoch": summary.epoch}
        sample |= {
            key: metadata.get(key) for key in ("control", "split", "skill", "skill_version", "skill_hash")
        }
        if summary.error or not summary.scores:
            reason = summary.error or summary.limit_reason or summary.limit or "the sample has no score"
            yield sample | _cell("error", reason=reason.strip().splitlines()[0][:200])
            continue
        scores = latest_scores(summary.scores)
        audit = scores["audit"].value if "audit" in scores else None
        void = isinstance(audit, dict) and audit.get("valid") == 0
        for scorer, score in scores.items():
            value = score.value
            about = score.metadata or {}
            said.update(dict.fromkeys(_grading(about)))
            if "scorer_version" in about:
                versions[scorer] = about["scorer_version"]
            if void and scorer != "audit":
                yield sample | _cell("unscored", scorer, reason=VOID)
            elif isinstance(value, dict):
                for key, number in value.items():
                    applies = isinstance(number, int | float) and not math.isnan(number)
                    yield sample | _cell(
                        "scored" if applies else "not_applicable",
                        scorer,
                        key,
                        float(number) if applies else math.nan,
                    )
            elif isinstance(value, float) and math.isnan(value):
                yield sample | _cell("unscored", scorer, reason=score.reason or "no reason given")
    for sample_id in spec.dataset.sample_ids or ():
        for epoch in range(1, (spec.config.epochs or 1) + 1):
            if (str(sample_id), epoch) not in seen and _in_limit(spec.config.limit):
                yield (
                    base
                    | _identity(str(sample_id))
                    | {"epoch": epoch}
                    | _cell("missing", reason="it was never run")
                )


def latest_scores(scores: Mapping[str, Score]) -> dict[str, Score]:
    """A sample's scores by the scorer's bare name; of several by one scorer the one that was added last.

    inspect numbers a score that is appended beside one of the same name: ``rubric``, ``rubric1``.
    """
    return {_name(name): score for name, score in scores.items()}


def _name(scorer: str) -> str:
    return scorer.rpartition("/")[2].rstrip("0123456789")


def _grading(about: dict[str, Any]) -> Iterator[str]:
    """What must be said of a score's grading."""
    graders = ", ".join(about.get("graders") or ())
    if about.get("self_graded"):
        yield f"the model under test graded itself ({graders}); such grades are no evidence"
    elif about.get("grader_family"):
        yield f"grader {graders} and subject are of one family ({about['grader_family']}), which a grader may favour"


def _in_limit(limit: Any) -> bool:
    # With --limit the dataset lists all samples although only some were planned; then nothing is called missing.
    return limit is None


def _identity(sample_id: str) -> dict[str, str | None]:
    scenario, pressure, arm = sample_id.rsplit("/", 2)
    return {"scenario": scenario, "pack": scenario.partition("/")[0], "pressure": pressure, "arm": arm}


def _cell(
    status: str, scorer: str | None = None, key: str | None = None, value: float = math.nan, reason: str = ""
) -> dict[str, Any]:
    return {
        "scorer": _name(scorer) if scorer else None,
        "key": key,
        "value": value,
        "status": status,
        "reason": reason,
    }


def _newest(frame: pd.DataFrame) -> pd.DataFrame:
    """Keeps of every (task, version, model, sample, epoch) the newest finished result, whole."""
    sample = ["task", "version", "model", "scenario", "pressure", "arm", "epoch"]
    finished = ~frame["status"].isin(["error", "missing"])
    ranked = frame.assign(_rank=finished.astype(int).astype(str) + frame["created"])
    best = ranked.groupby(sample, dropna=False)["_rank"].transform("max")
    kept = ranked[ranked["_rank"] == best].drop(columns=["_rank", "created"])
    kept = kept.sort_values([*sample, "scorer", "key"], kind="stable", na_position="last")
    return _filled(kept.reset_index(drop=True))


def _filled(frame: pd.DataFrame) -> pd.DataFrame:
    """A sample that never ran has no metadata; what belongs to its scenario or arm is taken from others."""
    frame = frame.copy()
    for columns, by in (
        (("control", "split"), ["scenario"]),
        (("skill", "skill_version", "skill_hash"), ["version", "pack", "arm"]),
    ):
        for column in columns:
            frame[column] = frame.groupby(by, dropna=False)[column].transform("first")
    return frame
