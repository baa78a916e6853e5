"""The program that a reply gives: as asked for, exactly; and none where it would have to be guessed."""

from __future__ import annotations

import ast
import difflib
from functools import cache

import pytest

from redgreenbench.reference_bugs.files import Files, program_text
from redgreenbench.reference_bugs.folder import Patch, bug_folder, bug_names
from redgreenbench.reference_bugs.submission import (
    PatchError,
    apply_patch,
    code_blocks,
    missing_names,
    patched,
    read_submission,
    without_reasoning,
)
from redgreenbench.scorers.calibration.readers import ProgramCase, load_programs

PROGRAM = '''"""What a user has."""

import math

RATE = 0.1


def area(radius):
    return math.pi * radius


@staticmethod
def twice(x):
    return x + x


class Circle:
    def __init__(self, radius):
        self.radius = radius


if __name__ == "__main__":
    print(area(1), twice(2), Circle(3))'''
FIXED = PROGRAM.replace("math.pi * radius", "math.pi * radius**2")
AREA = "def area(radius):\n    return math.pi * radius**2"
NAMES = ["area", "twice", "Circle"]


def block(code: str, language: str = "python") -> str:
    return f"```{language}\n{code}\n```"


def diff(before: str, after: str, path: str = "program.py") -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), path, path, lineterm="")
    return "\n".join(lines)


def source(reply: str) -> str | None:
    return read_submission(reply, PROGRAM, NAMES).source


@cache
def parts(program: str) -> list[str]:
    return [ast.dump(node) for node in ast.parse(program).body]


def definitions(before: str, after: str) -> str | None:
    """Those functions and classes of a program that another has otherwise; None where they differ in more than that."""
    had, new = parts(before), ast.parse(after)
    changed = [node for node in new.body if ast.dump(node) not in had]
    if len(had) != len(new.body) or not all(
        isinstance(node, ast.FunctionDef | ast.ClassDef) for node in changed
    ):
        return None
    lines = after.split("\n")
    starts = {node: min([node.lineno, *(d.lineno for d in node.decorator_list)]) for node in changed}
    return "\n\n\n".join("\n".join(lines[starts[node] - 1 : node.end_lineno]) for node in changed)


def bodies(text: str) -> list[str]:
    """What a file does beside imports."""
    return [
        ast.dump(node) for node in ast.parse(text).body if not isinstance(node, ast.Import | ast.ImportFrom)
    ]


CASES = load_programs()


@cache
def posed(name: str) -> dict[str, tuple[Patch, Files]]:
    """Each fix and workaround of a bug by its name, and the program that it makes."""
    bug = bug_folder(name)
    patches = (*(() if bug.clean else (bug.reference,)), *bug.fixes, *bug.workarounds)
    return {patch.name: (patch, patched(bug.files, patch.text)) for patch in patches}


@cache
def as_definitions(name: str) -> dict[str, tuple[str, str]]:
    """Those of them whose changed definitions say all: the program, and these definitions."""
    bug = bug_folder(name)
    programs = (
        {} if bug.is_project else {which: program_text(files) for which, (_, files) in posed(name).items()}
    )
    changed = {which: definitions(bug.program, program) for which, program in programs.items()}
    return {which: (programs[which], text) for which, text in changed.items() if text is not None}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_labelled_reply_is_read_as_labelled(case: ProgramCase) -> None:
    bug = bug_folder(case.bug)
    found = read_submission(case.text, bug.program, bug.entry_points)
    assert (found.how or "none") == case.label.reads, found.problem
    assert bool(found.problem) == (found.source is None)


@pytest.mark.parametrize("name", bug_names())
def test_programs_of_ours_in_the_form_that_is_asked_for_are_read_to_the_letter(name: str) -> None:
    bug = bug_folder(name)
    # In a file of a project that holds nothing but imports and definitions these replace those of their names.
    hows = ("whole", "definitions") if bug.is_project else ("whole",)
    for which, (patch, files) in posed(name).items():
        blocks = [
            block(text, f"python {path}" if bug.is_project else "python")
            for path, text in files.items()
            if text != bug.files.get(path)
        ]
        reply = "\n\n".join([patch.about, *blocks, "Run it again."])
        found = read_submission(reply, bug.files, bug.entry_points)
        assert (found.problem, found.open) == ("", False), which
        assert found.how in hows, which
        if found.how == "whole":
            assert {path: text.rstrip("\n") for path, text in (found.files or {}).items()} == files, which
        else:
            # Imports of the given file stay: a block of definitions may rely on them.
            assert {path: bodies(text) for path, text in (found.files or {}).items()} == {
                path: bodies(text) for path, text in files.items()
            }, which


@pytest.mark.parametrize("name", bug_names())
def test_programs_of_ours_as_diffs_are_read_to_the_letter(name: str) -> None:
    bug = bug_folder(name)
    for which, (patch, files) in posed(name).items():
        own = "\n".join(
            diff(bug.files[path], files[path], path) for path in bug.files if files[path] != bug.files[path]
        )
        for text in (patch.text.rstrip("\n"), *([own] if set(files) == set(bug.files) else [])):
            found = read_submission(block(text, "diff"), bug.files, bug.entry_points)
            assert (found.files, found.how) == (files, "diff"), (which, found.problem)


@pytest.mark.parametrize("name", bug_names())
def test_programs_of_ours_as_their_changed_definitions_are_the_same_programs(name: str) -> None:
    bug = bug_folder(name)
    for which, (program, changed) in as_definitions(name).items():
        found = read_submission(f"Change this:\n\n{block(changed)}", bug.program, bug.entry_points)
        assert found.how == "definitions", (which, found.problem)
        given = found.source or ""
        assert given == program or ast.dump(ast.parse(given)) == ast.dump(ast.parse(program)), which


def test_most_programs_of_ours_can_be_given_as_definitions() -> None:
    names = bug_names()
    assert sum(len(as_definitions(name)) for name in names) > sum(len(posed(name)) for name in names) / 2


@pytest.mark.parametrize(
    "language", ["python", "Python", "py", "python3", "py3", "", "{.python}", "python title=program.py"]
)
def test_a_block_of_python_by_any_of_its_names_counts(language: str) -> None:
    assert source(block(FIXED, language)) == FIXED


@pytest.mark.parametrize("language", ["text", "bash", "json", "pycon", "pytb", "c"])
def test_a_block_of_another_language_does_not(language: str) -> None:
    assert source(block(FIXED, language)) is None


def test_the_last_program_that_changes_something_counts() -> None:
    assert (
        source(f"Yours:\n{block(PROGRAM)}\nMended:\n{block(FIXED)}\nUse it so:\n{block('area(2)')}") == FIXED
    )
    assert source(f"{block(FIXED)}\n{block(PROGRAM)}") == FIXED
    assert source(f"Nothing is wrong:\n{block(PROGRAM)}") == PROGRAM
    assert source(f"{block(PROGRAM)}\nThe mended function:\n{block(AREA)}") == FIXED
    assert source(f"{block(FIXED)}\nIt was:\n{block(ast.unparse(ast.parse(PROGRAM).body[-2]))}") == FIXED
    assert source(f"{block(diff(PROGRAM, FIXED), 'diff')}\nor, whole:\n{block(FIXED)}") == FIXED


def test_a_program_in_reasoning_is_none() -> None:
    assert source(f"<think>\n{block(PROGRAM)}\n</think>\n{block(FIXED)}") == FIXED
    assert source(f"<think>\n{block(FIXED)}\n</think>\nThat is it.") is None
    assert source(f"<think>\n{block(FIXED)}") is None
    assert without_reasoning("thinking\n</think>said") == "said"
    assert without_reasoning("<think>a</think><think>b</think>said") == "said"
    assert without_reasoning("said <think>x</think>") == "said <think>x</think>"


def test_definitions_take_the_place_of_those_of_their_name() -> None:
    found = read_submission(block(AREA), PROGRAM, NAMES)
    assert (found.source, found.how) == (FIXED, "definitions")


def test_new_definitions_and_imports_stand_before_those_that_use_them() -> None:
    code = f"import cmath\n\n\ndef square(x):\n    return x**2\n\n\n{AREA.replace('radius**2', 'square(radius)')}"
    given = source(block(code)) or ""
    names = [getattr(node, "name", None) for node in ast.parse(given).body]
    assert given.index("import cmath") < given.index("def square") < given.index("def area")
    assert names.count("area") == names.count("square") == names.count("twice") == 1
    assert "RATE = 0.1" in given
    assert given.endswith(PROGRAM[PROGRAM.index("if __name__") :])


def test_a_definition_brings_its_decorators_and_takes_the_old_ones_along() -> None:
    mended = source(block("import functools\n\n\n@functools.cache\ndef twice(x):\n    return 2 * x")) or ""
    assert mended.count("@") == 1
    assert "@functools.cache\ndef twice(x):\n    return 2 * x" in mended


def test_a_future_import_comes_first() -> None:
    given = source(block(f"from __future__ import annotations\n\n\n{AREA}")) or ""
    assert given.startswith("from __future__ import annotations\n")
    ast.parse(given)


def test_a_constant_of_the_same_name_is_replaced() -> None:
    given = source(block(f"RATE = 0.5\n\n\n{AREA}")) or ""
    assert "RATE = 0.5" in given
    assert "RATE = 0.1" not in given


@pytest.mark.parametrize("mark", ["\x0c", "\x1c", "\x85", "\u2028", "\u2029"], ids=ascii)
def test_what_only_looks_like_a_line_break_ends_no_line(mark: str) -> None:
    """Python counts lines by line feeds; other tools break lines at these too."""
    code = f"def twice(x):\n    # two{mark}marks{mark}here\n    return 2 * x\n\n\n{AREA}"
    mended = read_submission(block(code), PROGRAM, NAMES)
    assert mended.how == "definitions"
    assert f"# two{mark}marks{mark}here\n    return 2 * x\n" in (mended.source or "")
    assert AREA in (mended.source or "")
    ast.parse(mended.source or "")
    # The mark may stand in the user's program as well.
    marked = PROGRAM.replace("RATE = 0.1", f"RATE = 0.1  # a{mark}rate")
    assert read_submission(block(AREA), marked, NAMES).source == marked.replace(
        "math.pi * radius", "math.pi * radius**2"
    )


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("Square the radius in `area`.", "the reply has no code block"),
        ("", "the reply has no code block"),
        (block("area(2)"), "defines nothing of the program"),
        (block("def other():\n    pass"), "defines nothing of the program"),
        (block("    return math.pi * radius**2"), "a code block is no Python"),
        (block("def area(radius):\n    ...\n    # rest unchanged\n  return"), "a code block is no Python"),
        (block(AREA.replace("area", "circle_area") + "\n\nprint(circle_area(1))"), "defines nothing of the program"),
        (block(f"{AREA}\n\n\nprint(area(1))"), "does not define `twice`, `Circle`"),
        (f"{block(AREA)}\nand\n" + block("class Circle:\n    pass"), "several code blocks hold different parts"),
        (block("@@ -7,2 +7,2 @@\n def area(r):\n-    return math.pi * radius\n+    return 2", "diff"), "the diff does not apply"),
        (block("-    return math.pi * radius\n+    return math.pi * radius**2", "diff"), "no hunk of a unified diff"),
        (block("<<<<<<< SEARCH\n    return math.pi * radius\n=======\n    return 2\n>>>>>>> REPLACE"), "a code block is no Python"),
        ("    " + FIXED.replace("\n", "\n    "), "the reply has no code block"),
    ],
)  # fmt: skip
def test_where_a_program_would_have_to_be_guessed_there_is_none(reply: str, problem: str) -> None:
    found = read_submission(reply, PROGRAM, NAMES)
    assert found.source is None
    assert found.how == ""
    assert problem in found.problem
    assert "\n" not in found.problem


def test_the_same_definition_twice_is_its_last_form() -> None:
    assert source(f"{block(AREA.replace('**2', '**3'))}\nNo:\n{block(AREA)}") == FIXED


def test_a_block_that_is_never_closed_is_open() -> None:
    cut = read_submission(f"Here:\n```python\n{FIXED}", PROGRAM, NAMES)
    assert (cut.source, cut.open) == (FIXED, True)
    assert read_submission(f"```python\n{FIXED[:-30]}", PROGRAM, NAMES).open
    assert not read_submission(block(FIXED), PROGRAM, NAMES).open
    assert not read_submission(
        f"> ```python\n> {FIXED.replace(chr(10), chr(10) + '> ')}\n> ```", PROGRAM, NAMES
    ).open


@pytest.mark.parametrize("wrapped", [
    "1. Do this:\n\n   ```python\n   {indented}\n   ```",
    "> ```python\n> {quoted}\n> ```",
    "<details><summary>x</summary>\n\n```python\n{plain}\n```\n\n</details>",
    "~~~~python\n{plain}\n~~~~",
])  # fmt: skip
def test_a_block_within_other_markdown_counts(wrapped: str) -> None:
    forms = {"plain": FIXED, "indented": FIXED.replace("\n", "\n   "), "quoted": FIXED.replace("\n", "\n> ")}
    assert source(wrapped.format(**forms)) == FIXED


def test_line_ends_of_windows_change_nothing() -> None:
    assert source(block(FIXED).replace("\n", "\r\n")) == FIXED
    assert source(block(diff(PROGRAM, FIXED), "diff").replace("\n", "\r\n")) == FIXED


def test_names_that_are_gone_are_named() -> None:
    assert missing_names(PROGRAM.replace("area", "size"), NAMES) == ["area"]
    assert missing_names("from shapes import area as area, twice\nCircle = object", NAMES) == []
    assert missing_names("def (", NAMES) == []


def test_blocks_come_with_their_language_in_order() -> None:
    found = code_blocks("```Python\na\n```\n\n~~~ text\nb\n~~~\n\n    c\n\n````\n```\n````\n")
    assert [(block.language, block.text) for block in found] == [
        ("python", "a\n"),
        ("text", "b\n"),
        ("", "```\n"),
    ]


PATCH = diff(PROGRAM, FIXED)


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        (PATCH.replace("@@ -6,7 +6,7 @@", "@@ -7,7 +7,7 @@"), "does not match"),
        (PATCH.replace(" def area", " def size"), "does not match"),
        (PATCH.replace("-    return math.pi * radius", "-    return math.pi * diameter"), "does not match"),
        (PATCH.replace("@@ -6,7 +6,7 @@", "@@ -6,9 +6,9 @@"), "has other lines than it says"),
        (PATCH.replace("@@ -6,7 +6,7 @@", "@@"), "no hunk"),
        ("", "no hunk"),
        (f"{PATCH}\n--- other.py\n+++ other.py\n@@ -1 +1 @@\n-a\n+b", "does not match"),
        (
            f"diff --git a/p.py b/p.py\n{PATCH}\ndiff --git a/q.py b/q.py\n--- q.py\n+++ q.py\n@@ -1 +1 @@\n-a\n+b",
            "no diff of one file",
        ),
    ],
)
def test_a_patch_applies_as_it_stands_or_not_at_all(patch: str, problem: str) -> None:
    assert "@@ -6,7 +6,7 @@" in PATCH
    assert apply_patch(PROGRAM, PATCH) == FIXED
    with pytest.raises(PatchError, match=problem):
        apply_patch(PROGRAM, patch)
