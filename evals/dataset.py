"""Scenarios as a Hugging Face data set, for export and back; tasks build their samples without it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redgreenbench.evals.catalogue import Scenario, build_scenario, load_packs, validate
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import user_message
from redgreenbench.evals.samples import describe_target
from redgreenbench.evals.schema import ScenarioFile

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["from_dataset", "read_parquet", "to_dataset"]


def read_parquet(files: Sequence[Path], origin: Path) -> tuple[Scenario, ...]:
    """The scenarios of an exported data set.

    Raises:
        InputError: The files hold no scenarios.
    """
    from datasets import Dataset

    return from_dataset(Dataset.from_parquet([str(path) for path in files]), origin)


def to_dataset(scenarios: Iterable[Scenario]) -> Dataset:
    """A Hugging Face dataset with one row a scenario.

    Columns for people (id, title, prompt, …) and ``definition``, the whole scenario as JSON, from
    which `from_dataset` restores it without loss.
    """
    from datasets import Dataset

    return Dataset.from_list([_row(scenario) for scenario in scenarios])


def _row(scenario: Scenario) -> dict[str, Any]:
    file = scenario.file
    return {
        "id": scenario.id,
        "pack": scenario.pack,
        "task": load_packs()[scenario.pack].task,
        "title": file.title,
        "document": file.source.document,
        "section": file.source.section,
        "split": file.split,
        "control": file.control,
        "tags": list(file.tags),
        "prompt": user_message(scenario),
        "expected": describe_target(scenario),
        "criteria": [criterion.statement for criterion in file.rubric],
        "deviation": file.deviation,
        "digest": scenario.digest,
        "definition": file.model_dump_json(),
    }


def from_dataset(dataset: Dataset, origin: Path = Path("dataset")) -> tuple[Scenario, ...]:
    """Restores the scenarios of `to_dataset`.

    Raises:
        InputError: A column is missing or a definition is not a valid scenario.
    """
    missing = {"id", "definition"} - set(dataset.column_names)
    if missing:
        raise InputError(
            f"{origin}: no column {', '.join(sorted(missing))}; export it with `redgreen dataset export`"
        )
    scenarios = []
    for name, definition in zip(dataset["id"], dataset["definition"], strict=True):
        pack, _, slug = name.partition("/")
        file = validate(ScenarioFile, json.loads(definition), origin / name)
        scenarios.append(build_scenario(pack, slug, file, origin / name))
    return tuple(sorted(scenarios, key=lambda s: s.id))
