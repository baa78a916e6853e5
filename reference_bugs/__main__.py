"""`python -m redgreenbench.reference_bugs`: records what the programs print.

`record` runs every program (or those named) and writes its `symptom.txt`; with `--check` it writes
nothing and fails where the text no longer comes out.
"""

from __future__ import annotations

import argparse
import difflib
import sys

from redgreenbench.reference_bugs.folder import HERE, bug_folder, bug_names, record_symptom


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns 0, or 1 where `--check` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m redgreenbench.reference_bugs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record", help="run the programs and write down what they print")
    record.add_argument("bug", nargs="*", help="names of bugs; default: all")
    record.add_argument("--check", action="store_true", help="write nothing, compare with what is recorded")
    options = parser.parse_args(arguments)
    unknown = set(options.bug) - set(bug_names())
    if unknown:
        parser.error(f"no bug named {', '.join(sorted(unknown))}; the bugs are {', '.join(bug_names())}")
    differing = 0
    for name in options.bug or bug_names():
        text = record_symptom(HERE / name / "program.py")
        if not options.check:
            (HERE / name / "symptom.txt").write_text(text, "utf-8")
            print(f"{name}: recorded {len(text.splitlines())} lines")
            continue
        recorded = bug_folder(name).symptom
        same = recorded == text.rstrip("\n")
        differing += not same
        print(f"{name}: {'as recorded' if same else 'prints something else now'}")
        if not same:
            sys.stdout.writelines(
                f"  {line}\n" for line in difflib.unified_diff(recorded.splitlines(), text.splitlines(), lineterm="")
            )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
