"""Scenarios as a `datasets.Dataset`, and the inspect samples that tasks build from it.

A row is a scenario; a sample is (scenario, pressure, arm). Samples of all arms stand beside
each other, so that drift during a run hits all arms alike. Sample metadata holds short
scalars only: scorers look long things up by the scenario's id.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser

from redgreenbench.evals.arms import ArmText, prompt_template
from redgreenbench.evals.catalogue import (
    Scenario,
    build_scenario,
    load_packs,
    load_scenarios,
    select,
    validate,
)
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.pressures import applies, pressure_text
from redgreenbench.evals.schema import Route, ScenarioFile
from redgreenbench.evals.vocabulary import NO_PRESSURE, Delivery
from redgreenbench.reference_bugs.folder import bug_folder

if TYPE_CHECKING:
    from datasets import Dataset

T = TypeVar("T")

_INTRO = "This is `program.py`"
_ORDERS = 4
"""Different orders in which a pack's catalogue is shown."""

__all__ = [
    "build_samples",
    "describe_target",
    "find_scenarios",
    "from_dataset",
    "is_external",
    "order_of",
    "read_external",
    "shuffled",
    "system_message",
    "to_dataset",
    "user_message",
]


def find_scenarios(
    wanted: Sequence[str] = (), task: str | None = None, packs: Sequence[str] = ()
) -> tuple[Scenario, ...]:
    """The scenarios that ``wanted`` names among those of a task and packs.

    Args:
        wanted: Ids, globs, packs, tags; or one folder of scenario files, or one folder written by
            `redgreen dataset export`. Empty: all.
        task: Only scenarios of packs with this task.
        packs: Only scenarios of these packs.

    Raises:
        InputError: A name is unknown, or nothing is left.
    """
    names = list(wanted)
    scenarios = load_scenarios()
    folders = [name for name in names if is_external(name)]
    if folders:
        scenarios = tuple(s for folder in folders for s in read_external(Path(folder).expanduser()))
        names = [name for name in names if name not in folders]
    known = load_packs()
    for pack in packs:
        if pack not in known:
            raise InputError(
                f"unknown pack '{pack}': the packs are {', '.join(p for p in known if known[p].task)}"
            )
        if task is not None and known[pack].task != task:
            raise InputError(f"pack '{pack}' belongs to the task {known[pack].task}, not to {task}; drop it")
    chosen = select(scenarios, names)
    fitting = tuple(
        s for s in chosen if (task is None or known[s.pack].task == task) and (not packs or s.pack in packs)
    )
    if not fitting:
        raise InputError(
            f"no scenario of the task {task} among {', '.join(wanted)}; see `redgreen list scenarios`"
        )
    return fitting


def is_external(name: str) -> bool:
    """Whether an entry of ``scenarios`` is a folder rather than an id, glob, pack or tag.

    A folder is written with a separator (``./mine``), so that no folder of the working directory can
    ever stand in for a pack of the same name.
    """
    return ("/" in name or "\\" in name) and Path(name).expanduser().is_dir()


def read_external(folder: Path) -> tuple[Scenario, ...]:
    """Scenarios from a folder of YAML files, or from a dataset exported as Parquet."""
    parquet = sorted(folder.rglob("*.parquet"))
    if not parquet:
        return load_scenarios(folder)
    from datasets import Dataset

    return from_dataset(Dataset.from_parquet([str(path) for path in parquet]), folder)


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
        "prompt": user_message(scenario, "none"),
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


def user_message(scenario: Scenario, pressure: str) -> str:
    """The user's message: prompt, program and symptom where there are any, then the pressure."""
    text = scenario.file.prompt
    if scenario.file.bug:
        bug = bug_folder(scenario.file.bug)
        text = prompt_template("program").format(
            prompt=text,
            program=bug.program,
            symptom=bug.symptom,
            ran=bug.about["ran"],
            intro=bug.about.get("intro", _INTRO),
        )
    added = pressure_text(pressure, scenario.file)
    return f"{text}\n\n{added}" if added else text


def system_message(scenario: Scenario) -> str:
    """The system message that all arms share: the base text and the catalogue of the scenario's pack.

    The catalogue is shuffled by a seed of the scenario, never of the arm. There are few different orders,
    enough to average the effect of position out, so that scenarios share long prefixes, which servers cache.
    """
    packs = load_packs()
    own = packs[scenario.pack]
    if not own.specialists:
        return prompt_template("system")
    order = order_of(scenario.id)
    groups = []
    for name in shuffled((scenario.pack, *own.neighbours), order):
        entries = [f"- {n}: {text}" for n, text in shuffled(packs[name].specialists.items(), order)]
        groups.append("\n".join([f"{name}: {packs[name].summary}.", *entries]))
    catalogue = prompt_template("catalogue").format(groups="\n\n".join(groups))
    return f"{prompt_template('system')}\n\n{catalogue}"


def order_of(scenario: str) -> random.Random:
    """What a catalogue is shuffled by: one of few seeds, by the scenario's id."""
    return random.Random(hashlib.sha256(scenario.encode()).digest()[0] % _ORDERS)


def shuffled(items: Iterable[T], order: random.Random) -> list[T]:
    """The items in the order that comes next."""
    moved = list(items)
    order.shuffle(moved)
    return moved


def describe_target(scenario: Scenario) -> str:
    """What is right here, in one line for people; it is shown as the sample's target."""
    parts = []
    if scenario.file.loads:
        parts.append(f"loads {scenario.file.loads}")
    if scenario.file.clarify.required:
        topics = "; ".join(topic.about for topic in scenario.file.clarify.topics)
        parts.append(f"asks first about one of: {topics}")
    if scenario.file.route is not None:
        parts.append(_describe_route(scenario.file.route))
    else:
        parts += [c.statement for c in scenario.file.rubric if c.kind == "outcome" and c.polarity == "must"]
    return " | ".join(parts)


def _describe_route(route: Route) -> str:
    if route.direct:
        return "answers directly, without handing over or asking back"
    steps = [" or ".join(route.first)] if route.first else []
    steps += [entry if isinstance(entry, str) else " or ".join(entry) for entry in route.then]
    text = " → ".join(steps) or "no route before the user has answered"
    if route.accepted:
        text += f" (also accepted first: {', '.join(route.accepted)})"
    if route.not_first:
        text += f"; not first: {', '.join(route.not_first)}"
    return text


def build_samples(
    dataset: Dataset,
    arms: dict[str, dict[str, ArmText]],
    pressures: Sequence[str],
    delivery: Delivery = Delivery.INJECT,
    system: Callable[[Scenario], str] = system_message,
) -> MemoryDataset:
    """The samples of a task: every scenario under every pressure that applies, in every arm.

    Args:
        dataset: Scenarios, as `to_dataset` gives them.
        arms: Arm texts by pack and arm, as `resolve_arms` gives them.
        pressures: Names of pressures; one that a scenario has no slots for is left out there. A positive control
            is posed without any.
        delivery: How skills reach the model.
        system: The system message that all arms share.

    Returns:
        Samples in the order scenario, pressure, arm. The arm's text is not in them; the task's first
        solver delivers it, so that samples are the same bytes in every arm.

    Raises:
        InputError: None of the pressures applies to any scenario.
    """
    samples = []
    for scenario in from_dataset(dataset):
        shared = system(scenario)
        for pressure in (NO_PRESSURE,) if scenario.positive else pressures:
            if not applies(pressure, scenario.file):
                continue
            by_arm = arms[scenario.pack].values()
            samples += [_sample(scenario, pressure, arm, delivery, shared) for arm in by_arm]
    if not samples:
        raise InputError(
            f"none of the pressures {', '.join(pressures)} applies to these scenarios; add `none`"
        )
    return MemoryDataset(samples, name="redgreenbench")


def _sample(scenario: Scenario, pressure: str, arm: ArmText, delivery: Delivery, system: str) -> Sample:
    skill = arm.skill
    # Without a skill to inject nothing is delivered; what tools deliver is the same for all arms but for one skill.
    delivered = delivery.value if arm.text or delivery is Delivery.TOOL else None
    return Sample(
        id=f"{scenario.id}/{pressure}/{arm.arm}",
        input=[
            ChatMessageSystem(content=system),
            ChatMessageUser(content=user_message(scenario, pressure)),
        ],
        target=describe_target(scenario),
        description=f"{scenario.file.title} · pressure {pressure} · arm {arm.arm}",
        metadata={
            "scenario": scenario.id,
            "pressure": pressure,
            "arm": arm.arm,
            "pack": scenario.pack,
            "document": scenario.file.source.document,
            "split": scenario.file.split,
            "control": scenario.file.control,
            "skill": skill.name if skill else None,
            "skill_version": skill.version if skill else None,
            "skill_hash": skill.hash[:12] if skill else None,
            "delivery": delivered,
            "bug": scenario.file.bug,
        },
    )
