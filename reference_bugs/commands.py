"""The commands of `python -m redgreenbench.reference_bugs` that grade, for a person at a terminal."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from redgreenbench.reference_bugs.engine.host import UNSAFE, choose_mode, detect_isolation
from redgreenbench.reference_bugs.engine.pool import GraderError, Pool
from redgreenbench.reference_bugs.files import Files, as_files, read_files
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder, bug_names, read_folder
from redgreenbench.reference_bugs.held_out import FOLDER, grade_held_out, load_held_out
from redgreenbench.reference_bugs.printable import printable
from redgreenbench.reference_bugs.verdict import Verdict, grade_program, grade_reply
from redgreenbench.reference_bugs.verify import Outcome, verify

__all__ = ["confusion_command", "fuzz_command", "grade_command", "verify_command"]

_HEADINGS = (
    "bug",
    "result",
    "fixes",
    "workarounds",
    "grades",
    "nulls",
    "program s",
    "grade ms",
    "CPU ms",
    "peak MB",
)


def _folder(name: str) -> BugFolder:
    return read_folder(Path(name).resolve()) if os.sep in name or Path(name).is_dir() else bug_folder(name)


def _cuda_missing() -> str:
    import torch

    if not torch.cuda.is_available():
        return "no GPU: torch sees no CUDA device, so nothing was verified on one"
    return ""


def verify_command(options: argparse.Namespace) -> int:
    """Verifies bugs and prints a table; returns 1 where something does not hold."""
    bugs = [_folder(name) for name in options.bug or bug_names()]
    if options.device == "cuda" and (reason := _cuda_missing()):
        print(json.dumps({"skipped": reason}) if options.json else f"skipped: {reason}")
        return 0
    host = detect_isolation()
    if host.mode == "unsafe" and options.mode is None:
        # These are our own programs; what is refused is running somebody else's without a wall.
        os.environ[UNSAFE] = "1"
    mode = choose_mode(options.mode)
    if not options.json:
        print(f"isolation: {mode} ({host})", file=sys.stderr, flush=True)
    threads = [int(count) for count in options.threads.split(",")]
    # With one thread a grade takes one core, so that several bugs fill the cores better than one bug after the other:
    # each with a grader of its own, which asks the reference once.
    abreast = options.workers if max(threads) == 1 else 1
    size = max(1, options.workers // abreast)
    outcomes = []
    with contextlib.ExitStack() as stack:
        idle: SimpleQueue[Pool] = SimpleQueue()
        for _ in range(abreast):
            idle.put(stack.enter_context(Pool(size, mode, options.device)))
        many = stack.enter_context(ThreadPoolExecutor(abreast))

        def verify_bug(bug: BugFolder) -> Outcome:
            pool = idle.get()
            try:
                return verify(bug, pool, options.seeds, threads, options.device, size, options.short)
            finally:
                idle.put(pool)

        for outcome in many.map(verify_bug, bugs):
            outcomes.append(outcome)
            if not options.json:
                # On the error stream, so that a table can be redirected while one sees how far it is.
                _print_outcome(outcome)
    if options.json:
        print(
            json.dumps(
                {"mode": mode, "device": options.device, "bugs": [dataclasses.asdict(o) for o in outcomes]}
            )
        )
    elif options.markdown:
        print(_markdown(outcomes))
    else:
        print(_table(outcomes))
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def _print_outcome(outcome: Outcome) -> None:
    word = "holds" if not outcome.problems else "DOES NOT HOLD"
    print(f"{outcome.bug}: {word}", file=sys.stderr, flush=True)
    for problem in outcome.problems:
        print(f"    {problem}", file=sys.stderr, flush=True)


def _outcome_row(outcome: Outcome) -> list[str]:
    result = "FAILS" if outcome.problems else "holds"
    numbers = [
        f"{outcome.seconds:.1f}",
        f"{outcome.grade_ms:.0f}",
        f"{outcome.cpu_ms:.0f}",
        f"{outcome.peak_mb:.0f}",
    ]
    counts = [str(outcome.fixes), str(outcome.workarounds), str(outcome.grades), str(outcome.nulls)]
    return [outcome.bug, result, *counts, *numbers]


def _table(outcomes: Sequence[Outcome]) -> str:
    rows = [list(_HEADINGS), *map(_outcome_row, outcomes)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i < 2 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _markdown(outcomes: Sequence[Outcome]) -> str:
    lines = [list(_HEADINGS), ["---", "---", *["---:"] * (len(_HEADINGS) - 2)], *map(_outcome_row, outcomes)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def grade_command(options: argparse.Namespace) -> int:
    """Grades files and prints verdicts; returns 1 where one of them is not correct or not graded."""
    bug = _folder(options.bug)
    given = [(name, _read_argument(name)) for name in options.file]
    if options.device == "cuda" and (reason := _cuda_missing()):
        raise ValueError(reason)
    mode = choose_mode(options.mode)
    verdicts: list[tuple[str, Verdict | str]] = []

    def grade_file(item: tuple[str, str | Files]) -> tuple[str, Verdict | str]:
        name, what = item
        try:
            if isinstance(what, str):
                return name, grade_reply(bug, what, pool, options.seed)
            return name, grade_program(bug, what, pool, options.seed)
        except GraderError as error:
            return name, str(error)

    with (
        Pool(min(options.workers, len(given)), mode, options.device) as pool,
        ThreadPoolExecutor(options.workers) as many,
    ):
        for name, verdict in many.map(grade_file, given):
            verdicts.append((name, verdict))
            if not options.json:
                _print_verdict(name, verdict)
    if options.json:
        print(
            json.dumps(
                [
                    {"file": name, **verdict.as_dict()}
                    if isinstance(verdict, Verdict)
                    else {"file": name, "unscored": verdict}
                    for name, verdict in verdicts
                ]
            )
        )
    return 0 if all(isinstance(v, Verdict) and v.correct for _, v in verdicts) else 1


def confusion_command(options: argparse.Namespace) -> int:
    """Grades held-out submissions and prints where the checks differ from labels; returns 1 where they do."""
    submissions = load_held_out(options.folder or FOLDER, options.bug or ())
    counts: dict[str, dict[bool, list[bool]]] = {}
    differing = 0
    with Pool(options.workers, choose_mode(options.mode)) as pool:
        for held, accepted, why in grade_held_out(submissions, pool, options.workers, options.seed):
            counts.setdefault(held.bug.name, {True: [], False: []})[held.right].append(accepted)
            if accepted != held.right:
                differing += 1
                said = (
                    f"refused: {why}" if held.right else f"accepted{f' ({why})' if why else ''}: {held.about}"
                )
                print(f"{held.bug.name}/{held.name}: {said}", flush=True)
    for name, rows in counts.items():
        right, wrong = rows[True], rows[False]
        print(f"{name}: right accepted {sum(right)}/{len(right)}, wrong accepted {sum(wrong)}/{len(wrong)}")
    print(f"{len(submissions)} submissions, {differing} verdicts differ from their labels")
    return 1 if differing else 0


def _read_argument(name: str) -> str | Files:
    """A reply's text, or the files of a program that is a folder or ends in ``.py``."""
    if Path(name).is_dir():
        return read_files(Path(name))
    data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    text = data.decode("utf-8", errors="replace")
    return as_files(text) if name.endswith(".py") else text


def fuzz_command(options: argparse.Namespace) -> int:
    """Fuzzes checks and readers and prints a line for each; returns 1 where a property does not hold."""
    try:
        from redgreenbench.reference_bugs.fuzz import READERS, FuzzResult, fuzz_bug, fuzz_reader
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ValueError("the fuzzer needs hypothesis; install it: pip install hypothesis") from None
    import torch

    torch.set_num_threads(1)
    bugs = [_folder(name) for name in options.bug or bug_names()]
    bad = 0

    def tell(fuzzed: FuzzResult, noun: str) -> None:
        nonlocal bad
        bad += bool(fuzzed.problem)
        word = "DOES NOT HOLD" if fuzzed.problem else "holds"
        counts = f"{fuzzed.examples} examples, {fuzzed.changed} {noun}, {fuzzed.seconds:.1f} s"
        print(f"{fuzzed.what}: {word}: {counts}", flush=True)
        if fuzzed.problem:
            print(f"    {printable(fuzzed.problem)}", flush=True)

    for name in READERS if not options.bug else ():
        tell(fuzz_reader(name, 4 * options.examples, options.seed), "refused")
    for bug in bugs:
        tell(fuzz_bug(bug, options.examples, options.seed), "with a changed answer")
    return 1 if bad else 0


def _print_verdict(name: str, verdict: Verdict | str) -> None:
    if isinstance(verdict, str):
        print(f"{name}: not graded: {verdict}", flush=True)
        return
    print(f"{name}: " + "\n    ".join(verdict.lines()), flush=True)
