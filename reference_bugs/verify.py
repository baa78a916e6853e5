"""Proves that each reference bug is what its folder says: live, mended by its fixes, not by its workarounds or by nothing.

Every program of a folder is graded with several seeds and thread counts in the same way as a submission; of what must
fail the first failure is asked. Programs that do no work are graded as well, and must fail every check.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from redgreenbench.reference_bugs.engine.host import choose_mode
from redgreenbench.reference_bugs.engine.pool import GraderError, Pool, Request
from redgreenbench.reference_bugs.files import Files
from redgreenbench.reference_bugs.folder import BugFolder, program_path, record_symptom
from redgreenbench.reference_bugs.nulls import nulls_of
from redgreenbench.reference_bugs.submission import PatchError, patched
from redgreenbench.reference_bugs.variants import CannotVary

__all__ = ["Outcome", "Program", "check_variants", "programs_of", "verify"]


@dataclass(frozen=True)
class Program:
    """A program of a bug's folder and what must become of it.

    Attributes:
        kind: ``buggy``, ``clean``, ``reference``, ``fix`` or ``workaround``.
        name: Its patch; empty for the buggy program.
        files: Its files.
        fails: The check that it must fail first; empty where it must pass them all.
    """

    kind: str
    name: str
    files: Files
    fails: str


@dataclass
class Outcome:
    """What verifying one bug showed.

    Attributes:
        problems: What is not as its folder says, one line each; empty where all is.
        seconds: Wall-clock seconds of one run of the buggy program; on the CPU without the import of torch.
        grade_ms: Median wall-clock milliseconds of one grade of a fix.
        cpu_ms: Median CPU milliseconds that the fix's process used in one grade.
        peak_mb: Highest memory of a fix's process in megabytes, the warm process's share included.
        grades: Number of grades.
        nulls: Number of programs that do no work, of which none may pass any check.
    """

    bug: str
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    grade_ms: float = 0.0
    cpu_ms: float = 0.0
    peak_mb: float = 0.0
    grades: int = 0
    fixes: int = 0
    workarounds: int = 0
    nulls: int = 0


def programs_of(bug: BugFolder) -> Iterator[Program]:
    """The programs of a folder.

    Raises:
        PatchError: A patch does not fit the program.
    """
    yield Program("clean" if bug.clean else "buggy", "", bug.files, bug.about.get("fails", ""))
    for kind, patches in (
        ("reference", () if bug.clean else (bug.reference,)),
        ("fix", bug.fixes),
        ("workaround", bug.workarounds),
    ):
        for patch in patches:
            try:
                files = patched(bug.files, patch.text)
            except PatchError as error:
                raise PatchError(f"{patch.name}.patch: {error}") from None
            yield Program(kind, patch.name, files, patch.fails)


def verify(
    bug: BugFolder,
    pool: Pool,
    seeds: int = 5,
    threads: Sequence[int] = (1, 2),
    device: str = "cpu",
    workers: int = 2,
    short: bool = False,
) -> Outcome:
    """Verifies one bug: grades its own programs and, with one seed and one thread, its null submissions.

    Args:
        bug: The bug.
        pool: Graders, on the device.
        seeds: How many seeds to grade each program with.
        threads: Thread counts of torch to grade each program with.
        device: ``cpu`` or ``cuda``.
        workers: Grades at a time.
        short: Whether other fixes than the reference, null submissions and a run of the buggy program are left out.
    """
    outcome = Outcome(bug.name, workarounds=len(bug.workarounds))
    try:
        programs = [program for program in programs_of(bug) if not (short and program.kind == "fix")]
        outcome.fixes = sum(program.kind in ("reference", "fix") for program in programs)
    except PatchError as error:
        outcome.problems.append(str(error))
        return outcome
    jobs: list[tuple[Program, int, int]] = []
    results: list[tuple[float, dict[str, Any] | str]] = []
    # Beside the grades: it is a process of one thread that mostly imports.
    with ThreadPoolExecutor(1) as beside:
        symptom = beside.submit(lambda: (0.0, "") if short else _run_and_compare(bug, device))
        for count in threads:
            if count > 1:
                symptom.result()
            batch = [(program, seed, count) for program in programs for seed in range(seeds)]
            # Threads that wait for each other spin, so that more of them than cores take many times as long.
            with ThreadPoolExecutor(max(1, workers // count)) as executor:
                results += executor.map(lambda job: _grade(pool, bug, *job), batch)
            jobs += batch
        outcome.seconds, shown = symptom.result()
    if shown:
        outcome.problems.append(shown)
    nulls = [Program("null", null.name, null.files, "") for null in (() if short else nulls_of(bug))]
    with ThreadPoolExecutor(workers) as executor:
        for null, (_, answer) in zip(
            nulls, executor.map(lambda null: _grade(pool, bug, null, 0, 1), nulls), strict=True
        ):
            outcome.problems += _checks_passed(null, answer)
    outcome.nulls = len(nulls)
    outcome.grades = len(results)
    seen: set[str] = set()
    for (program, seed, count), (_, answer) in zip(jobs, results, strict=True):
        problem = _problem(program, answer)
        if problem and problem not in seen:
            seen.add(problem)
            outcome.problems.append(f"{problem} [seed {seed}, {count} threads]")
    fixes = [
        (seconds, answer)
        for (program, _, _), (seconds, answer) in zip(jobs, results, strict=True)
        if program.kind in ("reference", "fix", "clean") and isinstance(answer, dict)
    ]
    if fixes:
        outcome.grade_ms = _median([1000 * seconds for seconds, _ in fixes])
        outcome.cpu_ms = _median([1000 * answer["usage"]["cpu"] for _, answer in fixes])
        outcome.peak_mb = max(answer["usage"]["peak"] for _, answer in fixes) / 1e6
    return outcome


def check_variants(bugs: Sequence[BugFolder]) -> None:
    """Verifies variants like other bugs, once per version of torch; the result is kept in the variant's folder.

    Raises:
        CannotVary: One does not pass.
        ValueError: Nothing can be run here.
    """
    version = importlib.metadata.version("torch")
    waiting = [bug for bug in bugs if not (bug.path / f"verified-torch-{version}").exists()]
    if not waiting:
        return
    with Pool(1, choose_mode()) as pool:
        for bug in waiting:
            outcome = verify(bug, pool, seeds=1, threads=(1,), workers=1)
            if outcome.problems:
                raise CannotVary(
                    f"{bug.name} does not pass the gate ({outcome.problems[0]}); take another seed"
                )
            (bug.path / f"verified-torch-{version}").touch()


def _run_and_compare(bug: BugFolder, device: str) -> tuple[float, str]:
    """Seconds of one run of the buggy program, and what is wrong with what it prints."""
    start = time.monotonic()
    try:
        text = record_symptom(program_path(bug.path), cuda=device == "cuda", warm=device == "cpu")
    except subprocess.TimeoutExpired:
        return 120.0, "the buggy program did not end within 120 s"
    seconds = time.monotonic() - start
    if bug.shows_on_cuda and device == "cpu":
        return seconds, ""
    if not re.search(bug.about["shows"], text):
        return seconds, f"the symptom is gone: nothing that the program prints matches {bug.about['shows']!r}"
    return seconds, ""


def _grade(
    pool: Pool, bug: BugFolder, program: Program, seed: int, threads: int
) -> tuple[float, dict[str, Any] | str]:
    start = time.monotonic()
    try:
        # What must fail is graded up to its first failure and whether the symptom is gone: nothing else is asked of it.
        request = Request(str(bug.path), program.files, seed, threads, brief=bool(program.fails))
        answer: dict[str, Any] | str = pool.grade(request)
    except GraderError as error:
        answer = str(error)
    return time.monotonic() - start, answer


def _problem(program: Program, answer: dict[str, Any] | str) -> str:
    who = f"{program.kind} {program.name}".strip()
    if isinstance(answer, str):
        return f"{who}: not graded: {answer}"
    findings = answer["findings"]
    failed = next((check for check in findings["checks"] if check["outcome"] == "fail"), None)
    known = [check["id"] for check in findings["checks"]]
    if program.fails and program.fails not in known:
        return f"{who}: bug.yaml names the check {program.fails}, the checks are {', '.join(known)}"
    if not findings["imports"]:
        return f"{who}: cannot be loaded: {findings['message']}"
    if failed is None:
        return f"{who}: passes every check, but must fail {program.fails}" if program.fails else ""
    if failed["id"] != program.fails:
        expected = f"must first fail {program.fails}" if program.fails else "must pass"
        return f"{who}: fails {failed['id']} ({failed['message']}), but {expected}"
    return ""


def _checks_passed(null: Program, answer: dict[str, Any] | str) -> list[str]:
    who = f"null {null.name}"
    if isinstance(answer, str):
        return [f"{who}: not graded: {answer}"]
    return [
        f"{who}: passes {check['id']} ({check['title']})"
        for check in answer["findings"]["checks"]
        if check["outcome"] == "pass"
    ]


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]
