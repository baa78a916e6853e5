"""Downloads: rows and the tidy table as CSV, JSON and Parquet, with a schema version.

JSON follows the schemas that lie beside this module and are published with the site; every build validates what it writes.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from redgreenbench.reports.estimate import ALL, DIFFERENCE, MEAN, Estimate
from redgreenbench.reports.leaderboard import columns
from redgreenbench.reports.leaderboard.columns import Column, effect, number
from redgreenbench.reports.leaderboard.entries import Entry, Tab
from redgreenbench.reports.leaderboard.results import Slice
from redgreenbench.reports.logs.reading import WITHHELD
from redgreenbench.reports.logs.table import COLUMNS

__all__ = [
    "SCHEMA_VERSION",
    "document",
    "schema",
    "slice_rows",
    "validate",
    "withheld_reasons",
    "write_exports",
]

SCHEMA_VERSION = "2"
"""Of the downloads; changes when a key is renamed, removed, or means something else."""

_PEEK = 1_000


def schema(name: str) -> Any:
    """A published schema: ``leaderboard``, rows of which have a key for each column that takes something, or ``answers``."""
    published = json.loads(Path(__file__).with_name(f"{name}.schema.json").read_text("utf-8"))
    if name == "leaderboard":
        row, own = published["$defs"]["row"], _own()
        row["required"] += [column.key for column in own]
        row["properties"] |= {column.key: dict(column.schema) for column in own}
    return published


def _own() -> list[Column]:
    """The columns of which the document holds something under their key."""
    return [column for column in columns.COLUMNS if column.take]


def validate(name: str, data: Any) -> None:
    """Checks a document against a published schema.

    Raises:
        jsonschema.ValidationError: It does not follow it, which is a defect of this package.
    """
    jsonschema.Draft202012Validator(schema(name)).validate(data)


def _rate(mean: Estimate | None) -> dict[str, Any] | None:
    if mean is None or not mean.answers:
        return None
    bounds = {"value": number(mean.value), "low": number(mean.low), "high": number(mean.high)}
    return bounds | {"answers": mean.answers, "scenarios": mean.n}


def _slice(key: tuple[str, str], part: Slice) -> dict[str, Any]:
    return {
        "pressure": key[0],
        "split": key[1],
        "value": _rate(part.value),
        "lift": effect(part.lift),
        "rank_low": part.rank.low,
        "rank_high": part.rank.high,
    }


def _unique(values: Collection[str]) -> list[str]:
    return sorted({v for v in values if v})


def _provenance(entry: Entry, tab: Tab) -> dict[str, Any]:
    return {
        "suite": tab.suite,
        "commits": _unique([i.commit for i in entry.infos]),
        "scenario_set": tab.scenario_set,
        "scorer_versions": dict(tab.scorers),
        "graders": _unique([g for i in entry.infos for g in i.graders]),
        "grader_prompts": _unique([i.grader_prompt for i in entry.infos]),
        "self_grade": any(i.self_grade for i in entry.infos),
        "inspect": _unique([i.inspect for i in entry.infos]),
        "engines": _unique([e for f in entry.facts for e in f.engines]),
        "seeds": sorted({f.seed for f in entry.facts if f.seed is not None}),
        "commands": _unique([f.command for f in entry.facts]),
        "limits": {name: value for f in entry.facts for name, value in sorted(f.limits.items())},
        "logs": [
            {"file": i.log, "eval_id": i.eval_id, "created": i.created, "status": i.status}
            for i in entry.infos
        ],
    }


def _metrics(entry: Entry) -> list[dict[str, Any]]:
    metrics = []
    for mean in entry.view.where(kind=MEAN, arm=entry.arm, slice=ALL):
        if mean.answers:
            metrics.append(
                {
                    "metric": mean.metric,
                    "source": mean.described.scorer,
                    "value": _rate(mean),
                    "red": _rate(entry.view.get(mean.metric, "red")),
                    "difference": effect(entry.get(mean.metric, DIFFERENCE)),
                    "lost": mean.lost,
                }
            )
    return metrics


def _row(entry: Entry, tab: Tab) -> dict[str, Any]:
    return {
        "id": entry.id,
        "model": entry.model,
        "kind": entry.kind,
        "carries": entry.label,
        "skills": [
            {"pack": s.pack, "name": s.name, "version": s.version, "hash": s.hash} for s in entry.skills
        ],
        "delivery": entry.delivery,
        **{column.key: column.take(entry) for column in _own() if column.take},
        "results": [_slice(key, s) for key, s in sorted(entry.slices.items())],
        "metrics": _metrics(entry),
        "provenance": _provenance(entry, tab),
    }


def document(tabs: Sequence[Tab]) -> dict[str, Any]:
    """All tabs and rows as the JSON document that `leaderboard.schema.json` describes."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tabs": [
            {
                "id": tab.id,
                "task": tab.task,
                "delivery": tab.delivery,
                "suite": tab.suite,
                "scenario_set": tab.scenario_set,
                "scorer_versions": dict(tab.scorers),
                "metric": tab.metric,
                "rows": [_row(entry, tab) for entry in tab.entries],
            }
            for tab in tabs
        ],
    }


def slice_rows(data: Mapping[str, Any]) -> pd.DataFrame:
    """The document as a flat table: one line per row, pressure and split."""
    lines = []
    for tab in data["tabs"]:
        for row in tab["rows"]:
            skills = row["skills"]
            by_column = {k: v for column in columns.COLUMNS for k, v in column.in_flat(row).items()}
            for result in row["results"]:
                value, lift = result["value"] or {}, result["lift"] or {}
                lines.append(
                    {
                        "schema_version": data["schema_version"],
                        "tab": tab["id"],
                        "task": tab["task"],
                        "suite": tab["suite"],
                        "scenario_set": tab["scenario_set"],
                        "metric": tab["metric"],
                        "row": row["id"],
                        "model": row["model"],
                        "kind": row["kind"],
                        "carries": row["carries"],
                        "skill_hashes": ";".join(dict.fromkeys(s["hash"] for s in skills)),
                        "delivery": row["delivery"],
                        "pressure": result["pressure"],
                        "split": result["split"],
                        "rank_low": result["rank_low"],
                        "rank_high": result["rank_high"],
                        **{
                            name: value.get(name) for name in ("value", "low", "high", "answers", "scenarios")
                        },
                        **{
                            f"lift_{name}": lift.get(name)
                            for name in ("value", "low", "high", "p", "p_adjusted", "verdict")
                        },
                        **by_column,
                        "graders": ";".join(row["provenance"]["graders"]),
                        "inspect": ";".join(row["provenance"]["inspect"]),
                        "commits": ";".join(row["provenance"]["commits"]),
                    }
                )
    return pd.DataFrame(lines)


def withheld_reasons(rows: pd.DataFrame, private: Collection[str]) -> pd.DataFrame:
    """The tidy table without what errors say of private scenarios, since an error may quote a prompt."""
    hidden = rows["scenario"].isin(list(private)) & rows["reason"].ne("")
    if not hidden.any():
        return rows
    reason = rows["reason"].astype(object).where(~hidden, WITHHELD)
    return rows.assign(reason=pd.Categorical(reason))


def write_exports(
    tabs: Sequence[Tab], rows: pd.DataFrame, private: Collection[str], folder: Path
) -> dict[str, Any]:
    """Writes all downloads into a folder, and returns the JSON document.

    Args:
        tabs: The leaderboard.
        rows: The tidy table.
        private: Private scenarios.
        folder: An existing folder.
    """
    data = document(tabs)
    validate("leaderboard", data)
    (folder / "leaderboard.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    flat = slice_rows(data)
    flat.to_csv(folder / "leaderboard.csv", index=False, lineterminator="\n")
    flat.to_parquet(folder / "leaderboard.parquet", index=False)
    for name in ("leaderboard", "answers"):
        (folder / f"{name}.schema.json").write_text(json.dumps(schema(name), indent=1) + "\n", "utf-8")
    _write_answers(withheld_reasons(rows, private)[list(COLUMNS)], folder)
    return data


def _write_answers(rows: pd.DataFrame, folder: Path) -> None:
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(
        {b"redgreenbench_schema_version": SCHEMA_VERSION.encode()}
    )
    texts = table
    columns: dict[str, Any] = {}
    for index, name in enumerate(table.column_names):
        column = table[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            texts = texts.set_column(index, name, column.cast(pa.string()))
            # Only levels that occur, so that the bytes do not depend on what else was read.
            used = rows[name].cat.remove_unused_categories().cat
            used = used.reorder_categories(sorted(used.categories)).cat
            columns[name] = {"levels": [str(v) for v in used.categories], "codes": used.codes.tolist()}
        else:
            numbers = rows[name].astype(float).round(6)
            columns[name] = {"values": numbers.astype(object).where(numbers.notna(), None).tolist()}
    pq.write_table(texts, folder / "answers.parquet", compression="zstd")
    out = io.BytesIO()
    pc.write_csv(texts, out)
    (folder / "answers.csv.gz").write_bytes(gzip.compress(out.getvalue(), 4, mtime=0))
    data = {"schema_version": SCHEMA_VERSION, "rows": table.num_rows, "columns": columns}
    # Millions of codes are checked by length and range; the validator, at a few thousand a second, sees the first.
    validate(
        "answers", data | {"columns": {n: {k: v[:_PEEK] for k, v in c.items()} for n, c in columns.items()}}
    )
    for column in columns.values():
        codes = column.get("codes", column.get("values", []))
        assert len(codes) == table.num_rows
        if "levels" in column and codes:
            assert min(codes) >= -1
            assert max(codes) < len(column["levels"])
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    (folder / "answers.json.gz").write_bytes(gzip.compress(text.encode(), 4, mtime=0))
