"""Estimates in the formats in which others collect results: Every Eval Ever, and the Hub's files of evaluation results.

Every Eval Ever: schema 0.3.0 of https://github.com/evaleval/every_eval_ever, aggregate records. The Hub: files
``.eval_results/*.yaml`` of a model's repository, https://huggingface.co/docs/hub/eval-results, after the specification
https://github.com/huggingface/hub-docs/blob/main/eval_results.yaml. Times are those of the logs: same logs, same bytes.
"""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.vocabulary import SUITE_VERSION
from redgreenbench.reports.estimate import ALL, DIFFERENCE, MEAN, SUBJECT, Estimate, Frame, Subject, estimate
from redgreenbench.reports.logs.reading import LogInfo
from redgreenbench.reports.logs.table import Table
from redgreenbench.reports.rules import judge

__all__ = ["HUB_METRIC", "HUB_TASK", "HubResult", "OutputFile", "every_eval_records", "hub_results"]

_SCHEMA = "0.3.0"
_NAME = "RedGreenBench"
_NOT_GIVEN = "unknown"
HUB_METRIC = "decision-accuracy"
"""The metric of the Hub's task: the decisions are the part of the data set that its ``eval.yaml`` poses."""
HUB_TASK = "decision"
"""The task's id in that ``eval.yaml``."""


@dataclass(frozen=True)
class OutputFile:
    """A file to be written.

    Attributes:
        path: Where, relative to the folder that was asked for.
        data: What, as JSON data.
    """

    path: str
    data: Any


# --- Every Eval Ever


def every_eval_records(table: Table, organization: str, relationship: str) -> tuple[OutputFile, ...]:
    """A record for each subject: the mean of every arm and metric, and what each arm differs by from RED.

    Args:
        table: The logs.
        organization: Who ran the evaluation.
        relationship: What they are to the model's maker: first_party, third_party, collaborative or other.

    Raises:
        InputError: The logs have no value.
    """
    frame = judge(estimate(table.rows))
    files = []
    for subject in frame.subjects:
        infos = _infos(table, subject)
        results = list(_results(frame, subject, infos))
        if results:
            files.append(_record(subject, infos, results, organization, relationship))
    if not files:
        raise InputError("these logs hold no value of any metric; there is nothing to export")
    return tuple(files)


def _infos(table: Table, subject: Subject) -> tuple[LogInfo, ...]:
    """The conditions of a subject's logs, oldest first."""
    mine = table.rows
    for name in SUBJECT:
        mine = mine[mine[name].astype(str).eq(getattr(subject, name))]
    logs = set(map(str, mine["log"].unique()))
    return tuple(sorted((i for i in table.provenance if i.log in logs), key=lambda i: (i.created, i.log)))


def _record(
    subject: Subject,
    infos: Sequence[LogInfo],
    results: list[dict[str, Any]],
    organization: str,
    relationship: str,
) -> OutputFile:
    newest = infos[-1]
    moment = str(int(datetime.fromisoformat(newest.created).timestamp()))
    data = {
        "schema_version": _SCHEMA,
        "evaluation_id": f"redgreenbench/{subject.model}/{moment}",
        "evaluation_timestamp": newest.created,
        "retrieved_timestamp": moment,
        "source_metadata": {
            "source_name": _NAME,
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": relationship,
        },
        "model_info": _model(subject.model),
        "eval_library": {
            "name": "inspect_ai",
            "version": newest.inspect or _NOT_GIVEN,
            "additional_details": {
                "suite": SUITE_VERSION,
                "delivery": subject.delivery,
                "edition": subject.edition,
            },
        },
        "evaluation_results": results,
    }
    parts = subject.model.split("/")
    developer, model = (parts[-2] if len(parts) > 1 else _NOT_GIVEN), parts[-1]
    # A name that the same logs always give, of the form of a random one, which the collection asks for.
    digest = hashlib.sha256(repr((subject, [i.eval_id for i in infos])).encode()).digest()
    name = uuid.UUID(bytes=digest[:16], version=4)
    return OutputFile(f"data/redgreenbench/{developer}/{model}/{name}.json", data)


def _model(name: str) -> dict[str, Any]:
    """A model by inspect's name for it; nothing is known of how it is deployed."""
    platform = {"inference_platform": name.partition("/")[0]} if "/" in name else {}
    details = {"deployment_type": _NOT_GIVEN, "model_availability": _NOT_GIVEN}
    return {"name": name.rpartition("/")[2], "id": name, **platform, "additional_details": details}


def _results(frame: Frame, subject: Subject, infos: Sequence[LogInfo]) -> Iterator[dict[str, Any]]:
    for kind in (MEAN, DIFFERENCE):
        for row in frame.where(subject=subject, kind=kind, slice=ALL):
            if not math.isnan(row.value) and row.verdict != "invalid":
                yield _result(row, infos)


def _result(row: Estimate, infos: Sequence[LogInfo]) -> dict[str, Any]:
    metric, difference = row.described, row.kind == DIFFERENCE
    share = metric.scale == "share"
    low, high = (0.0, 1.0) if share else (0.0, "Infinity")
    if difference:
        low, high = (-1.0, 1.0) if share else ("-Infinity", "Infinity")  # type: ignore[assignment]
    arms = {"arm": row.arm} | ({"base": row.base} if difference else {})
    skill = next(
        (i.skills[pack][row.arm] for i in infos for pack in sorted(i.skills) if row.arm in i.skills[pack]),
        None,
    )
    details = {
        "scenarios": str(row.n),
        "answers": str(row.answers),
        "missing_share": f"{row.missing:.4f}",
        **(
            {"p": f"{row.p:.6g}", "p_adjusted": f"{row.p_adjusted:.6g}"}
            if difference and not math.isnan(row.p)
            else {}
        ),
        **({"verdict": row.verdict} if row.verdict else {}),
        **({f"skill_{key}": str(value) for key, value in sorted(skill.items())} if skill else {}),
    }
    config: dict[str, Any] = {
        "evaluation_description": metric.formula,
        "metric_id": f"redgreenbench.{row.metric}" + (".difference" if difference else ""),
        "metric_name": metric.title + (f", difference to {row.base}" if difference else ""),
        "metric_kind": "difference" if difference else "proportion" if share else "amount",
        "metric_unit": "proportion" if share else metric.unit,
        "metric_parameters": arms,
        "lower_is_better": metric.direction == "down",
        "score_type": "continuous",
        "min_score": low,
        "max_score": high,
    }
    if metric.grader and row.subject.grader:
        prompts = ", ".join(sorted({i.grader_prompt for i in infos if i.grader_prompt}))
        config["llm_scoring"] = {
            "judges": [{"model_info": _model(name)} for name in row.subject.grader.split("+")],
            "input_prompt": f"evals/grader.yaml of RedGreenBench, suite {SUITE_VERSION}, hash {prompts}",
            **({"aggregation_method": "majority_vote"} if "+" in row.subject.grader else {}),
        }
    score: dict[str, Any] = {"score": row.value, "details": details}
    if not math.isnan(row.low):
        interval = {
            "lower": row.low,
            "upper": row.high,
            "confidence_level": 0.95,
            "method": "over scenarios",
        }
        score["uncertainty"] = {"confidence_interval": interval, "num_samples": row.answers}
    name = "/".join(("redgreenbench", row.metric, *arms.values()))
    return {
        "evaluation_result_id": name,
        "evaluation_name": f"{_NAME} ({', '.join(f'{key} {value}' for key, value in arms.items())})",
        "source_data": {
            "dataset_name": _NAME,
            "source_type": "other",
            "additional_details": {"scenario_set": ", ".join(sorted({i.scenario_set[:12] for i in infos}))},
        },
        "metric_config": config,
        "score_details": score,
    }


# --- the Hub


class _Dataset(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    task_id: str
    revision: str | None = None


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str = Field(pattern="^https://")
    name: str | None = None
    user: str | None = None
    org: str | None = None


class HubResult(BaseModel):
    """An entry of a file of evaluation results, after https://huggingface.co/docs/hub/eval-results.

    Attributes:
        dataset: The benchmark's data set on the Hub, and the task in its ``eval.yaml``.
        value: The result, finite.
        verifyToken: A proof that the Hub gives; never ours.
        date: When it was measured, ISO 8601.
        source: Where it comes from.
        notes: How it was measured.
    """

    model_config = ConfigDict(extra="forbid")

    dataset: _Dataset
    value: float = Field(allow_inf_nan=False)
    verifyToken: str | None = None
    date: str | None = None
    source: _Source | None = None
    notes: str | None = None


def hub_results(table: Table, dataset: str, source: str | None = None) -> tuple[OutputFile, ...]:
    """A file for each model and arm with its decision accuracy, each variant in a file of its own, as the Hub asks.

    Args:
        table: The logs.
        dataset: The data set's id on the Hub, ``owner/name``.
        source: Address of what the results come from, such as a leaderboard or the logs.

    Raises:
        InputError: The logs have no decisions, or the data set or the source is no id or address.
    """
    frame = judge(estimate(table.rows, metrics=[HUB_METRIC], whole=False))
    files = []
    for subject in frame.subjects:
        infos = _infos(table, subject)
        for mean in frame.where(subject=subject, metric=HUB_METRIC, kind=MEAN, slice=ALL):
            if math.isnan(mean.value) or mean.verdict == "invalid":
                continue
            entry = {
                "dataset": {"id": dataset, "task_id": HUB_TASK},
                "value": round(mean.value, 4),
                "date": infos[-1].created,
                "source": {"url": source, "name": _NAME} if source else None,
                "notes": _notes(mean, infos),
            }
            path = f"{_folder_name(subject)}/.eval_results/redgreenbench_{mean.arm}.yaml"
            files.append(OutputFile(path, [_validated(entry)]))
    if not files:
        raise InputError(
            f"these logs hold no {HUB_METRIC}, which alone the Hub's task has; run with --tasks decision"
        )
    return tuple(files)


def _validated(entry: Mapping[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    try:
        return HubResult.model_validate(entry).model_dump(exclude_none=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        remedy = "--dataset is owner/name, --source begins with https://"
        raise InputError(f"{where}: {first['msg']}; {remedy}") from None


def _notes(row: Estimate, infos: Sequence[LogInfo]) -> str:
    skills = {
        f"{skill['name']} {skill['version']} ({skill['hash'][:8]})"
        for info in infos
        for arms in info.skills.values()
        for arm, skill in arms.items()
        if arm == row.arm
    }
    carried = f", skill {', '.join(sorted(skills))}" if skills else ""
    return (
        f"arm {row.arm}{carried}; redgreen run, suite {SUITE_VERSION}, with the benchmark's desk and pressures; "
        f"{row.answers} answers to {row.n} scenarios"
    )


def _folder_name(subject: Subject) -> str:
    """A subject as a name of one folder."""
    parts = [subject.model, *(part for part in (subject.delivery, subject.edition) if part)]
    return "--".join("".join(c if c.isalnum() or c in "._-" else "-" for c in part) for part in parts)
