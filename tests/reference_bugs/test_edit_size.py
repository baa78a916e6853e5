"""The size of an edit counts code, not looks."""

import pytest

from redgreenbench.reference_bugs.edit_size import EditSize, edit_size

BEFORE = "x = 1\n\nfor i in range(3):\n    x = x + i  # add\nprint('# no comment', x)\n"


def test_nothing_changed_is_nothing() -> None:
    assert edit_size(BEFORE, BEFORE) == EditSize(0, 0)


def test_comments_and_blank_lines_count_for_nothing() -> None:
    after = "# a program\n\n\n" + BEFORE.replace("# add", "# adds up").replace("x = 1\n", "x = 1  # start\n")
    assert edit_size(BEFORE, after) == EditSize(0, 0)


def test_a_hash_in_a_string_is_code() -> None:
    assert edit_size(BEFORE, BEFORE.replace("# no", "# yes")).lines == 2


def test_a_changed_line_counts_twice() -> None:
    size = edit_size(BEFORE, BEFORE.replace("range(3)", "range(4)"))
    assert size == EditSize(lines=2, nodes=2)


def test_an_added_line_counts_once_and_with_its_nodes() -> None:
    assert edit_size(BEFORE, BEFORE + "print(x)\n") == EditSize(lines=1, nodes=6)


def test_formatting_counts_in_lines_only() -> None:
    assert edit_size("f(a, b)\n", "f(\n    a,\n    b,\n)\n").nodes == 0


def test_removing_is_as_large_as_adding() -> None:
    after = BEFORE + "print(x)\n"
    assert edit_size(BEFORE, after) == edit_size(after, BEFORE)


def test_code_that_does_not_parse_raises() -> None:
    with pytest.raises(SyntaxError):
        edit_size(BEFORE, "def (:")
