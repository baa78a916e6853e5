"""A diff is applied as far as it can be understood, and wholly or not at all."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redgreenbench.reference_bugs.extraction import PatchError, apply_patch

PROGRAM = "def f(x):\n    a = 1\n    b = 2\n    return a + b\n\n\ndef g(x):\n    a = 1\n    return a\n"


def test_a_correct_diff_needs_no_fuzz() -> None:
    patch = "--- a/p.py\n+++ b/p.py\n@@ -2,2 +2,2 @@\n     a = 1\n-    b = 2\n+    b = 3\n"
    assert apply_patch(PROGRAM, patch) == PROGRAM.replace("b = 2", "b = 3")


def test_wrong_line_numbers_are_forgiven_from_fuzz_one() -> None:
    patch = "@@ -40,2 +40,2 @@\n     a = 1\n-    b = 2\n+    b = 3\n"
    with pytest.raises(PatchError, match="does not fit at line 40"):
        apply_patch(PROGRAM, patch)
    assert "b = 3" in apply_patch(PROGRAM, patch, fuzz=1)


def test_white_space_is_forgiven_from_fuzz_two_and_repaired() -> None:
    patch = "- b = 2\n+ b = 3\n+ c = 4\n"
    with pytest.raises(PatchError):
        apply_patch(PROGRAM, patch, fuzz=1)
    assert "    b = 3\n    c = 4\n    return a + b" in apply_patch(PROGRAM, patch, fuzz=2)


def test_context_without_its_column_keeps_the_indentation() -> None:
    patch = "@@ -1,3 +1,4 @@\ndef f(x):\n    a = 1\n+    c = 5\n    b = 2\n"
    assert "    a = 1\n    c = 5\n    b = 2\n" in apply_patch(PROGRAM, patch, fuzz=2)


@pytest.mark.parametrize(("fuzz", "wrong"), [(3, 1), (4, 2)])
def test_wrong_context_at_the_ends_is_dropped(fuzz: int, wrong: int) -> None:
    patch = " nonsense\n" * wrong + "-    b = 2\n+    b = 3\n" + " more nonsense\n" * wrong
    with pytest.raises(PatchError, match="the program has no line"):
        apply_patch(PROGRAM, patch, fuzz=fuzz - 1)
    assert apply_patch(PROGRAM, patch, fuzz=fuzz) == PROGRAM.replace("b = 2", "b = 3")


def test_a_hunk_that_fits_twice_is_refused() -> None:
    with pytest.raises(PatchError, match="fits in 2 places"):
        apply_patch(PROGRAM, "-    a = 1\n+    a = 2\n", fuzz=4)


def test_all_hunks_or_none() -> None:
    patch = "@@ -3 +3 @@\n-    b = 2\n+    b = 3\n@@ -9 +9 @@\n-    return z\n+    return y\n"
    with pytest.raises(PatchError, match="hunk 2 of 2"):
        apply_patch(PROGRAM, patch, fuzz=4)


def test_added_lines_alone_have_no_place() -> None:
    with pytest.raises(PatchError, match="no line to find its place by"):
        apply_patch(PROGRAM, "+    c = 1\n", fuzz=4)


def test_a_diff_without_changes_is_refused() -> None:
    with pytest.raises(PatchError, match="no added or removed lines"):
        apply_patch(PROGRAM, "@@ -1 +1 @@\n def f(x):\n")


def test_a_stated_insertion_needs_no_context() -> None:
    assert apply_patch(PROGRAM, "@@ -0,0 +1 @@\n+import torch\n") == "import torch\n" + PROGRAM


def test_windows_newlines_stay() -> None:
    after = apply_patch(PROGRAM.replace("\n", "\r\n"), "@@ -3 +3 @@\n-    b = 2\n+    b = 3\n")
    assert after == PROGRAM.replace("\n", "\r\n").replace("b = 2", "b = 3")


def test_the_end_of_a_file_without_newline() -> None:
    patch = "@@ -9 +9,2 @@\n     return a\n+    # end\n\\ No newline at end of file\n"
    assert apply_patch(PROGRAM.rstrip("\n"), patch).endswith("    return a\n    # end\n")


LINES = st.lists(st.sampled_from(["a", "b", "  c", "d = 1", "", "-x", "+y"]), max_size=12)


@given(LINES, LINES)
def test_what_difflib_writes_applies_strictly(before: list[str], after: list[str]) -> None:
    old, new = [line + "\n" for line in before], [line + "\n" for line in after]
    patch = "".join(difflib.unified_diff(old, new, "a", "b"))
    if patch:
        assert apply_patch("".join(old), patch) == "".join(new)


@given(st.text(max_size=200), st.text(alphabet="+- @abc\n\r.1,", max_size=200), st.integers(0, 4))
def test_any_text_applies_or_is_refused(program: str, patch: str, fuzz: int) -> None:
    reason = ""
    try:
        apply_patch(program, patch, fuzz)
    except PatchError as problem:
        reason = str(problem)
    assert "\n" not in reason
