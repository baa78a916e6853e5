"""Finds and reads the scenarios, packs and failure patterns, and selects among them.

Every problem in a file is an `InputError` that names the file, the field and the remedy.
Selection (`select`) is by id, glob, pack or tag; an external folder of the same layout is
read with `load_scenarios(folder)`.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from redgreenbench.evals.errors import InputError, unknown_name
from redgreenbench.evals.schema import ScenarioFile, Slug
from redgreenbench.reference_bugs.folder import add_bugs
from redgreenbench.reference_bugs.private import private_folder
from redgreenbench.reference_bugs.variants import posed_bug

__all__ = [
    "HERE",
    "PACK_FILE",
    "Document",
    "OwnPack",
    "Pack",
    "Scenario",
    "catalogue_names",
    "check_pack_name",
    "load_documents",
    "load_packs",
    "load_patterns",
    "load_scenarios",
    "own_pack",
    "read_own_pack",
    "read_yaml",
    "scenario_set_hash",
    "select",
    "validate",
]

T = TypeVar("T")

PACK_FILE = "pack.yaml"
HERE = Path(__file__).resolve().parent
# The C loader reads the scenario set about eight times faster; PyYAML may be built without it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Pack(BaseModel):
    """A group of specialists, the task that poses its scenarios, and the skill tested on them.

    Attributes:
        summary: What it is about, in a few words.
        task: The task that poses its scenarios beside decisions; None where it has no scenarios.
        skill: Name of the skill that is tested on it.
        specialists: What each is for, by name.
        neighbours: Names of other packs whose specialists stand in its catalogue.
        opening: The words with which its system messages begin; empty: those of ``prompts/system.md``.
        patterns: Failure patterns of its own, by id.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str
    task: Literal["routing", "debugging", "scheduling"] | None = None
    skill: str | None = None
    specialists: dict[Slug, str] = {}
    neighbours: tuple[str, ...] = ()
    opening: str = ""
    patterns: dict[Slug, str] = {}


class OwnPack(BaseModel):
    """The file ``pack.yaml`` of a user's own pack: a `Pack`, with what is asked on it.

    Attributes:
        instruments: ``decide``: the next step among four; ``route``: free replies, whose act is read where there are
            specialists; ``fix``: programs; ``work``: agents on programs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    summary: str
    skill: str | None = None
    opening: str = Field(min_length=10)
    instruments: tuple[Literal["decide", "route", "fix", "work"], ...] = Field(
        ("decide", "route"), min_length=1
    )
    specialists: dict[Slug, str] = {}
    neighbours: tuple[str, ...] = ()
    patterns: dict[Slug, str] = {}

    @model_validator(mode="after")
    def _consistent(self) -> OwnPack:
        if "route" in self.instruments and {"fix", "work"} & set(self.instruments):
            raise ValueError(
                "instruments: `route` and programs (`fix`, `work`) are posed by different tasks; make two packs of it"
            )
        return self

    @property
    def pack(self) -> Pack:
        """The pack."""
        task: Literal["routing", "debugging"] = (
            "debugging" if {"fix", "work"} & set(self.instruments) else "routing"
        )
        return Pack(task=task, **self.model_dump(exclude={"instruments"}))


class Pattern(BaseModel):
    """A failure pattern as a document names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: str
    section: str
    says: str


class Document(BaseModel):
    """A source document: its situations, and the edge cases that it names without a prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    pack: str
    situations: tuple[str, ...]
    edge_cases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """A scenario with its identity: ``id`` is ``<pack>/<slug>``, taken from where the file lies."""

    id: str
    pack: str
    digest: str
    file: ScenarioFile
    variant: int | None = None

    @property
    def split(self) -> str:
        """``private``, ``variant`` where the program of a public one is a variant of its bug's, else ``public``."""
        return self.file.split if self.variant is None or self.file.split == "private" else "variant"

    def with_variant(self, seed: int) -> Scenario:
        """The same situation with a variant of its program; the id gets ``@seed``.

        Raises:
            ValueError: The program cannot be varied so.
        """
        name = f"{self.file.bug}@{seed}"
        digest = hashlib.sha256(f"{self.digest}:{posed_bug(name).digest}".encode()).hexdigest()
        file = self.file.model_copy(update={"bug": name})
        return replace(self, id=f"{self.id}@{seed}", digest=digest, file=file, variant=seed)

    @property
    def slug(self) -> str:
        """The id without its pack."""
        return self.id.partition("/")[2]

    @property
    def document(self) -> str:
        """The document that it counts under; edge cases that it only names, and private scenarios, stand apart."""
        source = self.file.source
        if self.split != "public":
            return f"{source.document} {self.split}"
        known = load_documents().get(source.document)
        return (
            f"{source.document} edge cases"
            if known and source.section in known.edge_cases
            else source.document
        )

    @property
    def is_positive_control(self) -> bool:
        """Whether it is a positive control: a request by name to load a skill, which has nothing to judge but that."""
        return self.file.control == "positive"


def read_yaml(path: Path) -> Any:
    """Parses a YAML file.

    Raises:
        InputError: The file is missing, not UTF-8, or not YAML.
    """
    try:
        return yaml.load(path.read_text("utf-8"), Loader=_LOADER)
    except OSError as exc:
        raise InputError(f"{path}: cannot be read ({exc.strerror}); check the path") from exc
    except UnicodeDecodeError as exc:
        raise InputError(f"{path}: not UTF-8 at byte {exc.start}; save it as UTF-8") from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(exc, "problem", None) or "not valid YAML"
        raise InputError(f"{path}{where}: {problem}; correct the YAML") from exc


def validate(kind: type[T] | TypeAdapter[T], data: Any, path: Path) -> T:
    """Validates ``data`` as ``kind``; the first problem becomes one line with file, field and remedy.

    Raises:
        InputError: The data does not fit.
    """
    adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
    try:
        return adapter.validate_python(data)
    except ValidationError as exc:
        # A mistyped field is both unknown and missing; the unknown name is what the author has to see.
        errors = sorted(
            exc.errors(),
            key=lambda error: (
                error["loc"][-1:] not in [(name,) for name in _REPLACED],
                error["type"] != "extra_forbidden",
            ),
        )
        first = errors[0]
        field = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputError(f"{path}: {field}: {_remedy(first)}{rest}") from exc


_REPLACED = {
    "route": "`act` says what the first line of a reply has to announce (next, first, then, accepted, may, not_first)",
    "clarify": "`act` with `next: ask` and `about` takes its place",
    "check": "a criterion is judged by a grader from its statement; remove it",
    "terms": "phrases in `act.about` take their place",
    "aspect": "nothing reads it; remove it",
    "patterns": "a scenario's patterns are those of its options and criteria; remove it",
}
"""Fields of scenario files of suite version 1, and what replaces them."""


def _remedy(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        old = _REPLACED.get(str(error["loc"][-1]))
        if old:
            return f"this field went with suite version 2: {old}"
        return "no such field; correct its name or remove it (schema.json lists the fields)"
    if error["type"] == "missing":
        return "this field is required; add it"
    return message[0].lower() + message[1:]


@cache
def _shipped_packs() -> dict[str, Pack]:
    path = HERE / "packs.yaml"
    return validate(TypeAdapter(dict[str, Pack]), read_yaml(path), path)


_own_packs: dict[str, tuple[Path, OwnPack]] = {}
"""The user's own packs that were read in this process, with their folders."""


def load_packs() -> dict[str, Pack]:
    """All packs by name: the shipped ones in the order of their file, then the user's own (`read_own_pack`)."""
    return {**_shipped_packs(), **{name: own.pack for name, (_, own) in _own_packs.items()}}


def own_pack(name: str) -> tuple[Path, OwnPack] | None:
    """The folder and file of a user's own pack that was read; None for a shipped one."""
    return _own_packs.get(name)


def check_pack_name(folder: Path) -> None:
    """Raises an error if a folder's name cannot be the name of a pack.

    Raises:
        InputError: It is not of small words joined by hyphens, or a shipped pack has it.
    """
    try:
        TypeAdapter(Slug).validate_python(folder.name)
    except ValidationError:
        raise InputError(
            f"{folder}: a pack is called as its folder; take small words joined by hyphens"
        ) from None
    if folder.name in _shipped_packs():
        raise InputError(f"{folder}: there is a shipped pack called '{folder.name}'; take another name")


def read_own_pack(folder: Path) -> str:
    """Reads a user's own pack and makes it known; its name is that of its folder.

    Args:
        folder: It holds ``pack.yaml``, ``scenarios/*.yaml``, and may hold ``skills/`` (its neighbours) and ``bugs/``.

    Raises:
        InputError: It cannot be used, or another pack has its name.
    """
    folder = folder.resolve()
    name, path = folder.name, folder / PACK_FILE
    check_pack_name(folder)
    if _own_packs.get(name, (folder, None))[0] != folder:
        raise InputError(f"{path}: there is another pack called '{name}'; rename the folder")
    own = validate(OwnPack, read_yaml(path), path)
    for neighbour in own.neighbours:
        if neighbour not in _shipped_packs():
            raise InputError(
                f"{path}: neighbours: '{neighbour}' is no shipped pack; a skill of your own goes into {folder / 'skills'}"
            )
    try:
        add_bugs(folder / "bugs")
    except ValueError as error:
        raise InputError(str(error)) from None
    _own_packs[name] = (folder, own)
    return name


@cache
def load_documents() -> dict[str, Document]:
    """The source documents by number."""
    path = HERE / "documents.yaml"
    return validate(TypeAdapter(dict[str, Document]), read_yaml(path), path)


@cache
def _shipped_patterns() -> dict[str, Pattern]:
    path = HERE / "patterns.yaml"
    return validate(TypeAdapter(dict[str, Pattern]), read_yaml(path), path)


def load_patterns() -> dict[str, Pattern]:
    """All failure patterns by id: the shipped ones, then those of the user's own packs."""
    patterns = dict(_shipped_patterns())
    for name, (_, own) in _own_packs.items():
        for pattern, says in own.patterns.items():
            patterns.setdefault(pattern, Pattern(document="own", section=name, says=says))
    return patterns


def catalogue_names(pack: str) -> dict[str, str]:
    """The specialists offered with ``pack``: its own, its neighbours', and bare neighbouring packs.

    Returns:
        Description by name, own specialists first.
    """
    packs = load_packs()
    own = packs[pack]
    offered = dict(own.specialists)
    for name in own.neighbours:
        neighbour = packs[name]
        if neighbour.specialists:
            offered.update(neighbour.specialists)
        else:
            offered[name] = f"{neighbour.summary}."
    return offered


def load_scenarios(folder: Path | None = None) -> tuple[Scenario, ...]:
    """Reads every ``<pack>/<slug>.yaml`` under ``folder``, sorted by id.

    Args:
        folder: A folder laid out like ``evals/scenarios``; by default the shipped one with the private split, see
            `redgreenbench.reference_bugs.private`.

    Raises:
        InputError: The folder holds no scenario, or a file is not a valid one.
    """
    return _shipped_scenarios() if folder is None else _read_folder(folder)


@cache
def _shipped_scenarios() -> tuple[Scenario, ...]:
    private, public = _private_scenarios(), _read_folder(HERE / "scenarios")
    if both := sorted({s.id for s in public} & {s.id for s in private}):
        raise InputError(f"the private scenario {both[0]} has the id of a shipped one; rename its file")
    return tuple(sorted((*public, *private), key=lambda scenario: scenario.id))


def _private_scenarios() -> tuple[Scenario, ...]:
    try:
        folder = private_folder()
    except ValueError as error:
        raise InputError(str(error)) from error
    if folder is None or not (folder / "scenarios").is_dir():
        return ()
    scenarios = _read_folder(folder / "scenarios")
    for scenario in scenarios:
        if scenario.file.split != "private":
            raise InputError(
                f"{folder}/scenarios/{scenario.id}.yaml: split: a private scenario says so; add `split: private`"
            )
    return scenarios


def _read_folder(folder: Path) -> tuple[Scenario, ...]:
    own = sorted(path.parent for path in (*folder.glob(PACK_FILE), *folder.glob(f"*/{PACK_FILE}")))
    paths = [(path.parent.name, path) for path in sorted(folder.glob("*/*.yaml")) if path.name != PACK_FILE]
    if own:
        packs = {place: read_own_pack(place) for place in own}
        paths = [
            (name, path) for place, name in packs.items() for path in sorted(place.glob("scenarios/*.yaml"))
        ]
    if not paths:
        raise InputError(
            f"{folder}: no scenario found; expected files named <pack>/<scenario>.yaml, or a {PACK_FILE} beside scenarios/"
        )
    files = {(pack, path): validate(ScenarioFile, read_yaml(path), path) for pack, path in paths}
    if all(file.draft for file in files.values()):
        raise InputError(
            f"{folder}: all scenarios are drafts; read them, and remove `draft: true` from those you accept"
        )
    return tuple(
        build_scenario(pack, path.stem, file, path) for (pack, path), file in files.items() if not file.draft
    )


def build_scenario(pack: str, slug: str, file: ScenarioFile, path: Path) -> Scenario:
    """Makes a scenario of a validated file, after checking it against packs and patterns.

    Raises:
        InputError: It names a pack, specialist or failure pattern that does not exist.
    """
    packs = load_packs()
    if pack not in packs:
        raise InputError(f"{path}: '{pack}' is no pack; move the file to one of {', '.join(packs)}")
    offered = {*catalogue_names(pack), *packs[pack].neighbours, pack}
    if file.act is not None:
        named = file.act.names | set(file.slots.right_call.first if file.slots.right_call else ())
        for name in sorted(named - offered):
            raise InputError(f"{path}: act: '{name}' is not in the catalogue of {pack}; see evals/packs.yaml")
    if file.control == "positive":
        if file.act is not None:
            raise InputError(f"{path}: act: a positive control has none; remove it")
    elif (file.act is not None) != bool(packs[pack].specialists):
        wanted = "needs" if packs[pack].specialists else "cannot have"
        raise InputError(f"{path}: act: a scenario of {pack} {wanted} an `act`; add or remove it")
    patterns = {*file.patterns, *(c.pattern for c in file.rubric if c.pattern)}
    for name in sorted(patterns - set(load_patterns())):
        raise InputError(f"{path}: '{name}' is no failure pattern; see evals/patterns.yaml")
    identity = file.model_dump_json(exclude_defaults=True)
    if own := own_pack(pack):
        identity += own[1].model_dump_json()
    if file.bug:
        # The program is part of the question, and its hidden checks are part of what is right.
        try:
            identity += posed_bug(file.bug).digest
        except ValueError as error:
            raise InputError(f"{path}: bug: {error}") from None
        for name in sorted(file.files.keys() & posed_bug(file.bug).files.keys()):
            raise InputError(f"{path}: files: '{name}' is a file of the program; give it another name")
    digest = hashlib.sha256(identity.encode()).hexdigest()
    return Scenario(id=f"{pack}/{slug}", pack=pack, digest=digest, file=file)


def scenario_set_hash(scenarios: Iterable[Scenario]) -> str:
    """A hash of the contents of a set of scenarios, independent of their order. 64 hex digits."""
    lines = sorted(f"{scenario.id} {scenario.digest}" for scenario in scenarios)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def select(scenarios: Sequence[Scenario], wanted: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios that any of ``wanted`` names, in the order of ``scenarios``.

    Args:
        scenarios: What to choose from.
        wanted: Ids (``pack/slug`` or ``slug``), globs, packs or tags. Empty: all.

    Raises:
        InputError: An entry names nothing; the nearest names are given.
    """
    if not wanted:
        return tuple(scenarios)
    chosen: set[str] = set()
    for entry in wanted:
        named = {s.id for s in scenarios if _is_named(s, entry)}
        if not named:
            shown = (s.id for s in scenarios if s.file.split == "public")
            raise unknown_name("scenario", entry, shown, "redgreen list scenarios")
        chosen |= named
    return tuple(s for s in scenarios if s.id in chosen)


def _is_named(scenario: Scenario, entry: str) -> bool:
    return (
        entry in (scenario.id, scenario.slug)
        or (entry == scenario.pack and not scenario.is_positive_control)
        or entry in scenario.file.tags
        or fnmatch.fnmatchcase(scenario.id, entry)
        or fnmatch.fnmatchcase(scenario.slug, entry)
    )
