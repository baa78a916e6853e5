"""The samples that tasks pose: every scenario under every pressure that applies, in every arm.

A sample is (scenario, pressure, arm). Samples of all arms stand beside each other, so that drift during a run hits all
arms alike. Metadata says which sample it is, in short scalars; the id is only a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser

from redgreenbench.evals.arms import Arms
from redgreenbench.evals.catalogue import Scenario, load_packs, load_scenarios, select
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.followup import FIRST
from redgreenbench.evals.messages import opening_of, system_message, user_message, work_message
from redgreenbench.evals.pressures import applies
from redgreenbench.evals.schema import ExpectedAct
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reference_bugs.variants import posed_bug
from redgreenbench.reference_bugs.verify import check_variants

__all__ = [
    "build_samples",
    "describe_target",
    "find_scenarios",
    "is_external",
    "read_external",
    "scenarios_by_id",
    "with_variants",
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
    for name in names:
        if name.startswith((".", "/", "~")):
            raise InputError(f"{name}: there is no such folder of scenarios; check the path")
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
            f"no scenario of {f'the task {task}' if task else 'these packs'} among {', '.join(wanted) or 'all'}; "
            "see `redgreen list scenarios`"
        )
    return fitting


class _ScenariosById(dict[str, Scenario]):
    """Scenarios by id; one with a variant of its program is made when it is asked for."""

    def __missing__(self, name: str) -> Scenario:
        base, at, seed = name.partition("@")
        if not at or not seed.isdecimal() or base not in self:
            raise KeyError(name)
        self[name] = self[base].with_variant(int(seed))
        return self[name]


def scenarios_by_id(folders: Sequence[str] = ()) -> dict[str, Scenario]:
    """The scenarios of external folders by id, or the shipped ones where none is given."""
    return _ScenariosById({scenario.id: scenario for scenario in find_scenarios(folders)})


def with_variants(scenarios: Sequence[Scenario], count: int, first: int = 1) -> tuple[Scenario, ...]:
    """The scenarios and their variants: one for each seed and scenario with a single program. Variants are verified first.

    Args:
        scenarios: The scenarios.
        count: Variants of each program.
        first: Seed of the first variant; the others follow it.

    Raises:
        InputError: None has a program, or a variant cannot be used.
    """
    posed = [s for s in scenarios if s.file.bug and not posed_bug(s.file.bug).is_project]
    if not posed:
        raise InputError(
            f"variants={count}: none of these scenarios poses a single program, of which alone variants are made; drop it"
        )
    try:
        varied = [scenario.with_variant(seed) for scenario in posed for seed in range(first, first + count)]
        check_variants([posed_bug(str(scenario.file.bug)) for scenario in varied])
    except ValueError as error:
        raise InputError(f"variants={count}: {error} (variants_seed=…)") from error
    return (*scenarios, *varied)


def is_external(name: str) -> bool:
    """Whether an entry of ``scenarios`` is a folder rather than an id, glob, pack or tag.

    A folder is written with a separator (``./mine``), so that no folder of the working directory can
    ever stand in for a pack of the same name.
    """
    return ("/" in name or "\\" in name) and Path(name).expanduser().is_dir()


def read_external(folder: Path) -> tuple[Scenario, ...]:
    """Scenarios from a folder of YAML files, or from a data set exported as Parquet."""
    parquet = sorted((folder / "data").glob("*.parquet")) or sorted(folder.rglob("*.parquet"))
    if not parquet:
        return load_scenarios(folder)
    from redgreenbench.evals.dataset import read_parquet

    return read_parquet(parquet, folder)


def describe_target(scenario: Scenario) -> str:
    """What is right here, in one line for people; it is shown as the sample's target."""
    file = scenario.file
    if file.loads:
        return f"loads {file.loads}"
    parts = [_describe_act(file.act)] if file.act else []
    if file.fact:
        parts.append(f"states {' or '.join(file.fact.accepted)}")
    if not file.act:
        parts += [c.statement for c in file.rubric if c.kind == "outcome" and c.polarity == "must"]
    return " | ".join(parts)


def _describe_act(act: ExpectedAct) -> str:
    if act.next == "ask":
        return f"asks first about one of: {'; '.join(act.about)}"
    if act.next == "answer":
        return "answers directly, without handing over or asking back"
    steps = [" or ".join(act.first)]
    steps += [entry if isinstance(entry, str) else " or ".join(entry) for entry in act.then]
    text = f"hands over to {' → '.join(steps)}"
    if act.accepted:
        text += f" (also accepted first: {', '.join(act.accepted)})"
    if act.may_ask:
        text += f"; or asks first about one of: {'; '.join(act.about)}"
    if act.not_first:
        text += f"; not first: {', '.join(act.not_first)}"
    return text


def build_samples(
    scenarios: Sequence[Scenario],
    arms: Arms,
    pressures: Sequence[str],
    turn: str = FIRST,
    works: bool = False,
    base: str = "system",
    shows_catalogue: bool = True,
    decides: bool = False,
) -> MemoryDataset:
    """The samples of a task.

    Args:
        scenarios: The scenarios.
        arms: What every arm adds.
        pressures: Names of pressures; one that a scenario has no slots for is left out there. A positive control is posed
            without any.
        turn: When a pressure comes; later than in the first message it is no part of the sample's input.
        works: Whether an agent works on the program in a sandbox; scenarios without a program are then left out, but for
            positive controls.
        base: The prompt with which the system message begins where an agent works on a program.
        shows_catalogue: Whether specialists or loadable skills are listed.
        decides: Whether decisions are asked for; then every scenario has one.

    Returns:
        Samples in the order scenario, pressure, arm. Those of a scenario and pressure are the same bytes in every arm, but
        for what the arm adds to the system message.

    Raises:
        InputError: None of the pressures applies to any scenario, or there is no program to work on.
    """
    if works:
        if not any(scenario.file.bug for scenario in scenarios):
            raise InputError(
                "none of these scenarios has a program to work on; choose others with scenarios=…, or drop mode=agent"
            )
        scenarios = [scenario for scenario in scenarios if scenario.file.bug or scenario.is_positive_control]
    samples = []
    for scenario in scenarios:
        opening = opening_of(scenario, base if works else "system")
        system = {
            arm: ChatMessageSystem(
                content=system_message(scenario, arms, arm, opening, shows_catalogue, decides)
            )
            for arm in arms.by_pack[scenario.pack]
        }
        for pressure in (NO_PRESSURE,) if scenario.is_positive_control else pressures:
            if applies(pressure, scenario.file):
                later = FIRST if pressure == NO_PRESSURE else turn
                user = _question(scenario, pressure if later == FIRST else NO_PRESSURE, works, decides)
                samples += [
                    _sample(scenario, pressure, later, arm, arms, [system[arm], user], works, decides)
                    for arm in arms.by_pack[scenario.pack]
                ]
    if not samples:
        raise InputError(
            f"none of the pressures {', '.join(pressures)} applies to these scenarios; add `none`"
        )
    return MemoryDataset(samples, name="redgreenbench-agent" if works else "redgreenbench")


def _working_files(scenario: Scenario) -> dict[str, str] | None:
    """What lies in an agent's working directory, by path: the program and the scenario's files; None where nothing does."""
    file = scenario.file
    program = posed_bug(file.bug).files if file.bug else {}
    return {**file.files, **{path: f"{text}\n" for path, text in program.items()}} or None


def _question(scenario: Scenario, pressure: str, works: bool, decides: bool) -> ChatMessageUser:
    if works and scenario.file.bug:
        return ChatMessageUser(content=work_message(scenario, pressure))
    return ChatMessageUser(content=user_message(scenario, pressure, decides))


def _sample(
    scenario: Scenario,
    pressure: str,
    turn: str,
    arm: str,
    arms: Arms,
    messages: list[ChatMessageSystem | ChatMessageUser],
    works: bool,
    decides: bool,
) -> Sample:
    file, addition = scenario.file, arms.by_pack[scenario.pack][arm]
    pressed = pressure if turn == FIRST else f"{pressure}+{turn}"
    # Without a skill to inject nothing is delivered; what tools deliver is the same for all arms but for one skill.
    delivered = arms.delivery.value if arms.by_tool or arms.text(scenario.pack, arm) else None
    return Sample(
        id=f"{scenario.id}/{pressed}/{arm}",
        input=list(messages),
        choices=list(file.decision.steps) if decides and file.decision else None,
        target=file.decision.right if decides and file.decision else describe_target(scenario),
        description=f"{file.title} · pressure {pressed} · arm {arm}",
        files=_working_files(scenario) if works else None,
        metadata={
            "scenario": scenario.id,
            "pressure": pressure,
            "turn": turn,
            "arm": arm,
            "tested": "\n".join(arms.tested(scenario.pack)),
            "pack": scenario.pack,
            "document": scenario.document,
            "split": scenario.split,
            "control": file.control,
            "skill": addition.name,
            "skill_version": addition.version,
            "skill_hash": addition.hash[:12] if addition.hash else None,
            "sheets": sum(len(skill.sheets) for skill in addition.skills) if addition.skills else None,
            "delivery": delivered,
            "bug": file.bug,
        },
    )
