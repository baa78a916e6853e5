"""Scenarios, programs and decisions as Hugging Face data sets; scenarios are restored from theirs, and tasks need none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redgreenbench.evals.catalogue import Scenario, build_scenario, load_packs, validate
from redgreenbench.evals.decisions import LETTERS, decision_of, options_shown
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import user_message
from redgreenbench.evals.samples import describe_target
from redgreenbench.evals.schema import ScenarioFile
from redgreenbench.reference_bugs.variants import posed_bug

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["bugs_dataset", "decisions_dataset", "from_dataset", "read_parquet", "to_dataset"]


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


def bugs_dataset(scenarios: Iterable[Scenario]) -> Dataset:
    """The programs that scenarios pose, one row each: as they are posed, without fixes, checks or cause."""
    from datasets import Dataset

    return Dataset.from_list([_bug_row(scenario) for scenario in scenarios if scenario.file.bug])


def _bug_row(scenario: Scenario) -> dict[str, Any]:
    bug = posed_bug(str(scenario.file.bug))
    return {
        "id": bug.name,
        "bug": bug.name.partition("@")[0],
        "variant": scenario.variant,
        "scenario": scenario.id,
        "prompt": user_message(scenario),
        "program": bug.program,
        "symptom": bug.symptom,
        "names": bug.entry_points,
        "family": bug.about["family"],
        "taxonomy": bug.about["taxonomy"],
        "digest": bug.digest,
    }


def decisions_dataset(scenarios: Iterable[Scenario]) -> Dataset:
    """The decisions, four rows each: the order of the options moves on by one, so that each stands under each letter.

    The columns are what inspect's own multiple choice asks for: ``question``, ``choices``, and ``target``, a letter.
    """
    from datasets import Dataset

    return Dataset.from_list(
        [
            _decision_row(scenario, epoch)
            for scenario in scenarios
            if scenario.file.decision
            for epoch in range(1, len(LETTERS) + 1)
        ]
    )


def _decision_row(scenario: Scenario, epoch: int) -> dict[str, Any]:
    order = options_shown(scenario, epoch)
    steps = decision_of(scenario).steps
    return {
        "id": f"{scenario.id}/{epoch}",
        "scenario": scenario.id,
        "question": user_message(scenario, decides=True),
        "choices": [steps[place] for place in order],
        "target": LETTERS[order.index(0)],
        "control": scenario.file.control,
        "digest": scenario.digest,
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
