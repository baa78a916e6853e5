"""Held-out submissions: programs that nobody had seen who wrote the checks, labelled right or wrong before they are graded.

A folder of them has a folder for each bug, with patches to its program named ``right-….patch`` or ``wrong-….patch``,
each of which opens with a comment that says what it does and why that is right or wrong. How far the checks agree with
these labels is the confusion matrix of the benchmark's verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from redgreenbench.reference_bugs.engine.pool import GraderError, Pool
from redgreenbench.reference_bugs.files import Files
from redgreenbench.reference_bugs.folder import HERE, BugFolder, bug_folder
from redgreenbench.reference_bugs.submission import PatchError, patched
from redgreenbench.reference_bugs.verdict import grade_program

__all__ = ["FOLDER", "HeldOut", "grade_held_out", "load_held_out"]

FOLDER = HERE.parent / "tests" / "reference_bugs" / "held_out"
"""Where they are in a checkout; installed packages have none."""


@dataclass(frozen=True)
class HeldOut:
    """A labelled program: its bug, the name of its patch, what it does, its files, and whether it is right."""

    bug: BugFolder
    name: str
    about: str
    files: Files
    right: bool


def load_held_out(folder: Path, bugs: Sequence[str] = ()) -> list[HeldOut]:
    """Reads a folder of them, those of some bugs or of all.

    Raises:
        ValueError: There are none, or one has no label or no first line, or does not fit; the message says which.
    """
    submissions = []
    for path in sorted(folder.glob("*/*.patch")):
        if bugs and path.parent.name not in bugs:
            continue
        bug, text = bug_folder(path.parent.name), path.read_text("utf-8")
        label, about = path.name.partition("-")[0], text.partition("\n")[0]
        if label not in ("right", "wrong") or not about.startswith("# "):
            raise ValueError(
                f"{path}: name it right-….patch or wrong-….patch and say why in a first line after #"
            )
        try:
            files = patched(bug.files, text)
        except PatchError as error:
            raise ValueError(f"{path}: {error}; make it anew with diff -u") from None
        submissions.append(HeldOut(bug, path.stem, about[2:], files, label == "right"))
    if not submissions:
        raise ValueError(f"{folder}: no held-out submission {'of these bugs ' if bugs else ''}is there")
    return submissions


def grade_held_out(
    submissions: Sequence[HeldOut], pool: Pool, workers: int, seed: int
) -> Iterator[tuple[HeldOut, bool, str]]:
    """Grades each submission; yields it with whether it was accepted and, if not, why."""

    def grade(held: HeldOut) -> tuple[HeldOut, bool, str]:
        try:
            verdict = grade_program(held.bug, held.files, pool, seed)
        except GraderError as error:
            return held, not held.right, f"not graded: {error}"
        return held, verdict.correct, verdict.reason

    with ThreadPoolExecutor(workers) as many:
        yield from many.map(grade, submissions)
