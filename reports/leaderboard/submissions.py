"""Submissions: a folder with ``submission.yaml`` and ``logs/``, and everything that may be wrong with it.

A check never stops at the first problem: whoever submits should have to look once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from inspect_ai.log import EvalLog, read_eval_log
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.sharding import file_name
from redgreenbench.evals.vocabulary import Arm
from redgreenbench.reports.leaderboard.sources import LIMITS
from redgreenbench.reports.logs.addresses import files_of
from redgreenbench.reports.logs.reading import FAILED, Foreign, Part, read_log

__all__ = [
    "EPOCHS",
    "Checked",
    "Expected",
    "SkillSource",
    "Submission",
    "check_submission",
    "read_submission",
    "submitters_of",
]

EPOCHS = 5
"""Fewest answers of a model to every prompt."""
_ABOUT = "submission.yaml"

Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\r\n]*$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class SkillSource(_Frozen):
    """Where the skill can be found.

    Attributes:
        repository: Its address.
        ref: Commit or tag.
        path: Folder in the repository.
        hash: Hash of its contents, as reports show it; all digits or the first twelve.
    """

    repository: Line
    ref: Line
    path: Line = "."
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{12}([0-9a-f]{52})?$")]


class Submission(_Frozen):
    """What ``submission.yaml`` holds.

    Attributes:
        submitter: Who submits.
        contact: How to reach them.
        model: The model under test, as inspect calls it.
        grader: The grader model; several joined by ``+``.
        skill: The skill under test.
        logs: By file name in ``logs/``, its sha256.
        notes: Anything a reader should know.
    """

    submitter: Line
    contact: Line
    model: Line
    grader: Line
    skill: SkillSource
    logs: dict[Line, Digest] = Field(min_length=1)
    notes: str = Field(default="", max_length=5_000)


@dataclass(frozen=True)
class Expected:
    """A scenario set that a whole run of a task poses: its hash and its scenarios."""

    hash: str
    scenarios: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        about: The submission's metadata; None where they cannot be read.
        logs: File names of its logs.
        problems: All that is wrong, one line each.
    """

    about: Submission | None
    logs: tuple[str, ...]
    problems: tuple[str, ...]


def read_submission(folder: Path) -> Submission:
    """Reads a submission's metadata.

    Raises:
        InputError: They are missing or wrong; the message has every problem.
    """
    about, problems = _about(folder)
    if about is None:
        raise InputError(f"{folder / _ABOUT}: {'; '.join(problems)}")
    return about


def submitters_of(places: Sequence[str]) -> dict[str, str]:
    """By log, who submitted it, for those places that are folders of submissions.

    Raises:
        InputError: The metadata of a submission are wrong, or a log in it is not the one submitted.
    """
    submitters = {}
    for place in places:
        if "://" in place or not Path(place).is_dir():
            continue
        for file in sorted(Path(place).rglob(_ABOUT)):
            about = read_submission(file.parent)
            for name, digest in sorted(about.logs.items()):
                log = file.parent / "logs" / name
                if not log.is_file() or _sha256(log) != digest:
                    raise InputError(
                        f"{log} is not the log that {file} names; `redgreen submission check` says more"
                    )
                submitters[name] = about.submitter
    return submitters


def check_submission(folder: Path, expected: Mapping[str, Sequence[Expected]]) -> Checked:
    """Checks a submission.

    Args:
        folder: The submission.
        expected: By task, the scenario sets that a whole run may pose.
    """
    if not folder.is_dir():
        return Checked(None, (), (f"{folder} is no folder",))
    about, wrong = _about(folder)
    problems = [f"{_ABOUT}: {problem}" for problem in wrong]
    files = {file_name(file): Path(file) for file in files_of(str(folder / "logs"))}
    if not files:
        problems.append("logs/ holds no .eval file; a submission has its raw logs")
    if about:
        problems += [
            f"logs/{name} is named in {_ABOUT} and is not there" for name in about.logs if name not in files
        ]
    for name, file in sorted(files.items()):
        problems += [f"logs/{name}: {problem}" for problem in _log_problems(file, about, expected)]
    return Checked(about, tuple(sorted(files)), tuple(problems))


def _about(folder: Path) -> tuple[Submission | None, list[str]]:
    file = folder / _ABOUT
    try:
        given = yaml.safe_load(file.read_text("utf-8"))
        return Submission.model_validate(given), []
    except FileNotFoundError:
        return None, ["is missing; docs/submitting.md has one to copy"]
    except (OSError, UnicodeDecodeError) as exc:
        return None, [f"cannot be read ({exc})"]
    except yaml.YAMLError as exc:
        return None, [f"is no YAML ({' '.join(str(exc).split())})"]
    except ValidationError as exc:
        named = [(".".join(map(str, e["loc"])) or "(whole file)", e["msg"]) for e in exc.errors()]
        return None, [f"{field}: {message[0].lower()}{message[1:]}" for field, message in named]


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while block := source.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _log_problems(
    file: Path, about: Submission | None, expected: Mapping[str, Sequence[Expected]]
) -> Iterator[str]:
    if about is not None:
        digest, promised = _sha256(file), about.logs.get(file.name)
        if promised is None:
            yield f"is not named in {_ABOUT}; add `{file.name}: {digest}` under `logs`"
        elif promised != digest:
            yield f"its sha256 is {digest[:12]}…, not {promised[:12]}… as {_ABOUT} says; it was changed or mixed up"
    try:
        header = read_eval_log(str(file), header_only=True)
        part = read_log(str(file))
    except Foreign as exc:
        yield str(exc)
        return
    except Exception as exc:  # a broken log may fail anywhere inside the reader
        yield f"cannot be read ({type(exc).__name__}: {next(iter(str(exc).splitlines()), '')})"
        return
    yield from _conditions(header, part, about)
    yield from _coverage(part, expected.get(part.info.task, ()))


def _conditions(header: EvalLog, part: Part, about: Submission | None) -> Iterator[str]:
    info = part.info
    if info.status != "success":
        yield f"the run is {info.status}; resume it with the same command until it succeeds"
    for name in LIMITS:
        value: Any = getattr(header.eval.config, name, None)
        if value is not None:
            yield f"`{name}` was set to {value}; run without it"
    if info.epochs < EPOCHS:
        yield f"{info.epochs} epochs; at least {EPOCHS} are needed (--epochs {EPOCHS})"
    if not info.graders:
        yield "no grader is named; run with --grader (inspect: --model-role grader=…)"
    if info.self_grade or info.model in info.graders:
        yield "the model was allowed to grade itself"
    hashes = {s["hash"] for by_arm in info.skills.values() for arm, s in by_arm.items() if arm != Arm.PLACEBO}
    if about is None:
        return
    if info.model != about.model:
        yield f"model {info.model}, but {_ABOUT} says {about.model}"
    if info.graders and "+".join(info.graders) != about.grader:
        yield f"grader {'+'.join(info.graders)}, but {_ABOUT} says {about.grader}"
    if not any(known.startswith(about.skill.hash) for known in hashes):
        shown = ", ".join(sorted(h[:12] for h in hashes)) or "none"
        yield f"no arm carries the skill {about.skill.hash[:12]} of {_ABOUT}; the skills of this log: {shown}"


def _coverage(part: Part, sets: Sequence[Expected]) -> Iterator[str]:
    rows = part.rows.select(["scenario", "pressure", "arm", "epoch", "status", "sample"]).to_pandas()
    arms = sorted(map(str, rows["arm"].unique()))
    if Arm.RED not in arms:
        yield f"no arm `red` to compare with; the arms are {', '.join(arms)}"
    if not [arm for arm in arms if arm not in (Arm.RED, Arm.GENERIC, Arm.PLACEBO)]:
        yield "no arm carries the skill under test (`green`)"
    posed = set(map(str, rows["scenario"].unique()))
    if not sets:
        yield f"task {part.info.task} is none of this suite"
    elif part.info.scenario_set not in {expected_set.hash for expected_set in sets}:
        nearest = min(sets, key=lambda expected_set: len(set(expected_set.scenarios) ^ posed))
        missing, extra = sorted(set(nearest.scenarios) - posed), sorted(posed - set(nearest.scenarios))
        if missing:
            yield f"{len(missing)} scenarios of the task are missing: {_some(missing)}"
        if extra:
            yield f"{len(extra)} scenarios are none of the task: {_some(extra)}"
        if not missing and not extra:
            yield "the scenarios' contents are not those of this suite (another scenario-set hash)"
    samples = rows.drop_duplicates(["scenario", "pressure", "arm", "epoch"])
    bad = rows[rows["status"].isin(FAILED)].drop_duplicates("sample")
    if len(bad):
        yield f"{len(bad)} samples failed or never ran; resume the run"
    asked = samples.groupby(["scenario", "pressure", "arm"], observed=True).size()
    few = asked[asked < part.info.epochs]
    if len(few):
        yield f"{len(few)} prompts were answered fewer than {part.info.epochs} times"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
