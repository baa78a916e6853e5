"""`python -m redgreenbench.reference_bugs`: verifies and fuzzes the bugs, grades fixes by hand, records symptoms.

Grades held-out fixes as well, and compares with their labels.

It needs torch, numpy, safetensors, PyYAML, markdown-it-py and whatthepatch, and runs from a bare checkout with
`PYTHONPATH=src`.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
from pathlib import Path

from redgreenbench.reference_bugs.folder import HERE, bug_names, program_path, record_symptom


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns 0, 1 where something does not hold, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m redgreenbench.reference_bugs", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)

    prove = subparsers.add_parser(
        "verify", help="prove that bugs are live, fixes right and workarounds caught"
    )
    prove.add_argument("--bug", action="append", help="name or folder of a bug; default: all")
    prove.add_argument("--seeds", type=int, default=5, help="seeds per program (default 5)")
    prove.add_argument(
        "--short",
        action="store_true",
        help="no other fixes than the reference, no null submissions, no run of the buggy program",
    )
    prove.add_argument("--threads", default="1,2", help="thread counts (default 1,2)")
    prove.add_argument("--workers", type=int, default=2, help="grades at a time (default 2)")
    prove.add_argument("--markdown", action="store_true", help="print the table as Markdown")

    grade = subparsers.add_parser("grade", help="grade replies or programs")
    grade.add_argument("bug", help="name or folder of a bug")
    grade.add_argument(
        "file",
        nargs="+",
        help="a reply (.md, .txt), a program (.py), the folder of a project, or - for standard input",
    )
    grade.add_argument("--seed", type=int, help="seed of the inputs (default: a new one for each grade)")
    grade.add_argument("--workers", type=int, default=2, help="grades at a time (default 2)")

    compare = subparsers.add_parser("confusion", help="grade held-out submissions, compare with their labels")
    compare.add_argument("folder", nargs="?", type=Path, help="default: tests/reference_bugs/held_out")
    compare.add_argument("--bug", action="append", help="name of a bug; default: all in the folder")
    compare.add_argument("--seed", type=int, default=0, help="seed of the inputs (default 0)")
    compare.add_argument("--workers", type=int, default=2, help="grades at a time (default 2)")

    for command in (prove, grade, compare):
        command.add_argument(
            "--mode", help="isolation: full, landlock or unsafe; default: the strongest that works"
        )
    for command in (prove, grade):
        command.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where torch runs")
        command.add_argument("--json", action="store_true", help="print JSON")

    fuzz = subparsers.add_parser("fuzz", help="give odd answers to the checks and odd bytes to their readers")
    fuzz.add_argument("--bug", action="append", help="name or folder of a bug; default: all, and the readers")
    fuzz.add_argument(
        "--examples", type=int, default=500, help="per bug (default 500); four times as many per reader"
    )
    fuzz.add_argument("--seed", type=int, default=0, help="seed of what is drawn (default 0)")

    record = subparsers.add_parser("record", help="run the programs and write down what they print")
    record.add_argument("bug", nargs="*", help="names of bugs; default: all")
    record.add_argument("--check", action="store_true", help="write nothing, compare with what is recorded")

    options = parser.parse_args(arguments)
    try:
        if options.command == "record":
            return _record(options)
        from redgreenbench.reference_bugs import commands

        commanded = {
            "verify": commands.verify_command,
            "grade": commands.grade_command,
            "fuzz": commands.fuzz_command,
            "confusion": commands.confusion_command,
        }
        return commanded[options.command](options)
    except (ValueError, OSError) as error:
        if options.command in ("verify", "grade") and options.json:
            print(json.dumps({"error": str(error)}))
        print(error, file=sys.stderr)
        return 2


def _record(options: argparse.Namespace) -> int:
    differing = 0
    for name in options.bug or bug_names():
        # A folder of one's own is recorded before it is complete, so nothing but the program is asked of it.
        folder = Path(name).resolve() if os.sep in name else HERE / name
        if not folder.is_dir():
            raise ValueError(f"no bug named {name}; the bugs are {', '.join(bug_names(private=False))}")
        text = record_symptom(program_path(folder))
        target = folder / "symptom.txt"
        if not options.check:
            target.write_text(text, "utf-8")
            print(f"{name}: recorded {len(text.splitlines())} lines")
            continue
        recorded = target.read_text("utf-8").rstrip("\n")
        same = recorded == text.rstrip("\n")
        differing += not same
        print(f"{name}: {'as recorded' if same else 'prints something else now'}")
        if not same:
            sys.stdout.writelines(
                f"  {line}\n"
                for line in difflib.unified_diff(recorded.splitlines(), text.splitlines(), lineterm="")
            )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
