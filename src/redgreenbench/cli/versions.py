"""Two versions of a skill in a git repository, and the answers of each: run now, or found where they were run before."""

from __future__ import annotations

import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from redgreenbench.cli.plan import dry_run_model
from redgreenbench.cli.run import (
    build_tasks,
    default_tasks,
    is_finished,
    model_options,
    run_folder,
    run_tasks,
    usable_model,
)

if TYPE_CHECKING:
    from inspect_ai import Task

    from redgreenbench.evals.skillfolder import Skill

__all__ = [
    "INTERRUPTED",
    "SuiteOptions",
    "TimeBudget",
    "Version",
    "VersionAnswers",
    "answers_of",
    "interrupt",
    "interruptible",
    "run_answers",
    "set_aside",
    "slug",
    "task_names",
    "version_at",
]

INTERRUPTED = 130
_SHORT = 12
"""Digits of a hash that people are shown."""


def slug(text: str) -> str:
    """Text as part of a file name, of a cache's key or of an artifact's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or "skill"


@dataclass(frozen=True)
class Version:
    """A skill at one revision.

    Attributes:
        ref: The revision as it was given; empty for the working tree.
        commit: The commit with this content, 40 hex digits; empty for a working tree with changes.
        spec: What tasks are told to read.
        skill: The skill; None where it does not exist at this revision.
    """

    ref: str
    commit: str
    spec: str
    skill: Skill | None

    @property
    def hash(self) -> str:
        """Hash of the content, 64 hex digits; empty where there is none."""
        return self.skill.hash if self.skill else ""

    @property
    def label(self) -> str:
        """What it is called, with its commit and the hash of its content."""
        known = [f"commit {self.commit[:_SHORT]}"] if self.commit and self.commit != self.ref else []
        known += [f"content {self.hash[:_SHORT]}"] if self.skill else ["not there"]
        return f"{self.ref or 'working tree'} ({', '.join(known)})"


def version_at(folder: Path, ref: str | None) -> Version:
    """A skill at a revision, or in the working tree.

    Args:
        folder: Its folder, which need not exist in the working tree.
        ref: A git revision; None: the working tree.

    Raises:
        InputError: The revision is unknown, there is no repository, or a skill is there that cannot be used.
    """
    from redgreenbench.evals.skillfolder import commit_of

    # With a leading dot no folder can be taken for a shipped skill of the same name.
    place = str(folder) if folder.is_absolute() else f"./{folder}"
    if ref is not None:
        commit = commit_of(folder, ref)
        spec = f"{place}@{commit[:_SHORT]}"
        return Version(ref, commit, spec, _skill(spec))
    skill = _skill(place)
    commit = commit_of(folder, "HEAD")
    same = _skill(f"{place}@{commit}")
    unchanged = (same.hash if same else "") == (skill.hash if skill else "")
    return Version("", commit if unchanged else "", place, skill)


def _skill(spec: str) -> Skill | None:
    from redgreenbench.evals.skillfolder import MissingSkill, read_skill

    try:
        return read_skill(spec)
    except MissingSkill:
        return None


@dataclass(frozen=True)
class SuiteOptions:
    """What both versions are asked; the options of `redgreen run` of the same names."""

    model: str
    tasks: tuple[str, ...]
    pressure: tuple[str, ...]
    scenarios: tuple[str, ...]
    epochs: int
    limit: int | None
    graders: tuple[str, ...]
    self_grade: bool
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class VersionAnswers:
    """A version's answers: what was asked and where they are.

    Attributes:
        tasks: The tasks.
        folder: Their folder.
        reused: Whether they were all there before.
        code: How the run ended, see `run_tasks`; 0 if all samples finished.
    """

    tasks: tuple[Task, ...]
    folder: Path
    reused: bool
    code: int = 0

    @property
    def logs(self) -> str:
        """The folder of the logs."""
        return str(self.folder / "logs")

    def samples(self, arm: str) -> int:
        """Samples of an arm, each of which is asked once an epoch."""
        return sum(str(sample.id).endswith(f"/{arm}") for task in self.tasks for sample in task.dataset)


class TimeBudget:
    """The time that all runs together may take.

    Args:
        minutes: That time; None: as long as it takes.
    """

    def __init__(self, minutes: float | None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self._end is not None and time.monotonic() >= self._end

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Interrupts the body, as Ctrl-C would, when the time is over."""
        if self._end is None:
            yield
            return
        timer = threading.Timer(max(0.0, self._end - time.monotonic()), interrupt)
        timer.daemon = True
        timer.start()
        try:
            with interruptible():
                yield
        finally:
            timer.cancel()


@contextmanager
def interruptible() -> Iterator[None]:
    """Enables interrupts in the body, even in a background job of a shell, which ignores them."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if before is signal.SIG_IGN:
            signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    """Interrupts the main thread, as Ctrl-C would."""
    # To the main thread, so that it wakes up from waiting; raised in this one nobody would look at it before it does.
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def answers_of(
    version: Version, arms: Sequence[str], asked: SuiteOptions, names: Sequence[str], runs: Path
) -> VersionAnswers:
    """What a version is asked, and whether its answers are there already.

    Args:
        version: The version.
        arms: The arms that are needed.
        asked: What is asked.
        names: Names of the tasks.
        runs: The folder of all runs.

    Raises:
        InputError: It cannot be asked.
    """
    tasks = build_tasks(
        names,
        version.spec,
        arms,
        asked.pressure,
        asked.scenarios,
        asked.limit,
        self_grade=asked.self_grade,
        parameters=asked.parameters,
    )
    graders = [*asked.graders, *(["self-grade"] if asked.self_grade else [])]
    name = slug(version.skill.name if version.skill else "skill")
    # By content and not by revision, so that the head's answers serve when it has become the base.
    parent = runs / f"{name}-{version.hash[:_SHORT]}"
    folder = run_folder(parent, asked.model, tasks, asked.epochs, graders)
    return VersionAnswers(tuple(tasks), folder, is_finished(tasks, folder, asked.epochs))


def task_names(asked: SuiteOptions, version: Version) -> list[str]:
    """The tasks for both versions: the given ones, or those that follow from the skill's name."""
    return list(asked.tasks) or default_tasks(version.spec, asked.scenarios)


def run_answers(
    answers: VersionAnswers, asked: SuiteOptions, budget: TimeBudget, quiet: bool
) -> VersionAnswers:
    """Asks what is not answered yet.

    Args:
        answers: What to ask.
        asked: Of which model and how often.
        budget: How long.
        quiet: Whether to show nothing.

    Raises:
        InputError: Nothing can be asked: a model that does not exist, a folder that cannot be written.
    """
    if answers.reused:
        return answers
    code = INTERRUPTED
    if not budget.spent:
        with suppress(KeyboardInterrupt), budget.watch():
            code = run_tasks(
                answers.tasks,
                dry_run_model(usable_model(asked.model)),
                answers.folder / "logs",
                asked.epochs,
                # One sample that fails must not cost the others' answers.
                continue_on_fail=True,
                **model_options(asked.graders, quiet),
            )
    return VersionAnswers(answers.tasks, answers.folder, False, code)


def set_aside(answers: VersionAnswers) -> VersionAnswers:
    """Moves answers away that arose under other conditions, so that they are asked for again. The last ones are kept."""
    aside = answers.folder.with_name(f"{answers.folder.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    answers.folder.rename(aside)
    return VersionAnswers(answers.tasks, answers.folder, False)
