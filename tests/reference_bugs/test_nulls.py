"""Programs that do no work fail every check: a part of the bugs here, all of them in `verify`."""

import ast

import pytest

from redgreenbench.reference_bugs import nulls
from redgreenbench.reference_bugs.engine.pool import Request, Worker
from redgreenbench.reference_bugs.folder import bug_folder, bug_names
from redgreenbench.reference_bugs.nulls import nulls_of, other_bug
from redgreenbench.reference_bugs.submission import missing_names
from redgreenbench.reference_bugs.verify import Program, _checks_passed

# Short ones in which checks were too weak once.
BUGS = ("nan-from-saturated-bce", "dropout-active-in-evaluation")


@pytest.mark.needs("landlock")
@pytest.mark.parametrize("name", BUGS)
def test_no_work_passes_no_check(name: str, worker: Worker) -> None:
    bug = bug_folder(name)
    for null in nulls_of(bug):
        findings = worker.grade(Request(str(bug.path), null.files, 1))["findings"]
        passed = [check["id"] for check in findings["checks"] if check["outcome"] == "pass"]
        assert not passed, null.name
        assert findings["outcome"] != "pass"


@pytest.mark.parametrize("name", bug_names(private=False))
def test_every_bug_has_all_of_them(name: str) -> None:
    bug = bug_folder(name)
    made = {null.name: null.files for null in nulls_of(bug)}
    assert len(made) == 3 + len(nulls.CONSTANTS) + len(nulls.ANSWERS) + 2 + len(nulls.FORMS)
    taken = f"fix of {other_bug(bug).name}"
    for null, files in made.items():
        for text in files.values():
            ast.parse(text)  # of what cannot be parsed no name is missing
        if null not in ("empty text", taken):
            assert missing_names(files, bug.entry_points) == [], null


def test_what_another_program_has_word_for_word_is_no_null() -> None:
    # Their networks are the same, so that one's is right for the other.
    assert other_bug(bug_folder("cosine-stepped-per-batch")).name != "onecycle-stepped-per-epoch"
    assert other_bug(bug_folder("onecycle-stepped-per-epoch")).name != "cosine-stepped-per-batch"


def test_a_passing_null_is_a_problem() -> None:
    checks = [
        {"id": "weak", "title": "a claim", "outcome": "pass"},
        {"id": "strong", "title": "another", "outcome": "fail"},
    ]
    null = Program("null", "echo", {}, "")
    assert _checks_passed(null, {"findings": {"checks": checks}}) == ["null echo: passes weak (a claim)"]
    assert _checks_passed(null, "no grader") == ["null echo: not graded: no grader"]
