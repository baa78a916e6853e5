"""The command line of the ground floor, on the small example that `redgreen new bug` lays out."""

import difflib
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from redgreenbench.cli import main as redgreen
from redgreenbench.reference_bugs import verify
from redgreenbench.reference_bugs.__main__ import main
from redgreenbench.reference_bugs.engine.pool import Worker
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.submission import apply_patch

confined = pytest.mark.needs("landlock")
QUICK = ["--seeds", "1", "--threads", "1", "--workers", "1"]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return laid_out(tmp_path, "forgotten-zero-grad")


def laid_out(into: Path, name: str) -> Path:
    done = CliRunner().invoke(redgreen, ["new", "bug", name, "--into", str(into)])
    assert done.exit_code == 0, done.output
    (into / name / "symptom.txt").write_text("step 19: loss 1\n")
    return into / name


BROKEN = {
    "other-check": ("bug.yaml", "fails: it-converges\nfixes", "fails: steps-use-their-own-gradient\nfixes", "must first fail steps-use"),
    "no-such-check": ("bug.yaml", "fails: it-converges\nfixes", "fails: it-flies\nfixes", "names the check it-flies, the checks are it-converges"),
    "dead-symptom": ("bug.yaml", "shows: 'step 19: loss'", "shows: 'RuntimeError'", "the symptom is gone"),
    "bad-fix": ("fixes/clear-after-step.patch", "+        model.zero_grad()", "+        optimizer.param_groups[0]['lr'] = 0.0",
         "fix clear-after-step: fails"),
    "loose-patch": ("fixes/reference.patch", "optimizer.step()", "optimizer.leap()", "reference.patch: context line 10, "),
}  # fmt: skip


@confined
def test_what_does_not_hold_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run over bugs of which each is broken in its own way, and one that is whole."""
    nulls_of = verify.nulls_of
    monkeypatch.setattr(verify, "nulls_of", lambda bug: list(nulls_of(bug))[:1])
    for name, (file, old, new, _) in BROKEN.items():
        changed = laid_out(tmp_path, name) / file
        text = changed.read_text()
        assert old in text, name
        changed.write_text(text.replace(old, new))
    hidden = laid_out(tmp_path, "no-workaround")
    (hidden / "workarounds" / "lower-rate.patch").write_text(
        (hidden / "fixes" / "reference.patch").read_text()
    )
    laid_out(tmp_path, "as-laid-out")
    expected = {name: words for name, (*_, words) in BROKEN.items()}
    expected["no-workaround"] = "workaround lower-rate: passes every check, but must fail it-converges"
    bugs = [part for name in [*expected, "as-laid-out"] for part in ("--bug", str(tmp_path / name))]
    code = main(["verify", "--json", *bugs, *QUICK])
    found = {bug["bug"]: bug for bug in json.loads(capsys.readouterr().out)["bugs"]}
    assert code == 1
    assert set(found) == {*expected, "as-laid-out"}
    for name, words in expected.items():
        assert any(words in problem for problem in found[name]["problems"]), found[name]
    assert found["as-laid-out"]["problems"] == []
    assert found["as-laid-out"]["grades"] == 5
    assert found["as-laid-out"]["grade_ms"] > 0


@confined
def test_a_short_run_grades_the_reference_and_the_workarounds_alone(worker: Worker) -> None:
    bug = bug_folder("missing-optimizer-step")
    found = verify.verify(bug, worker, seeds=1, threads=(1,), workers=1, short=True)
    assert (found.problems, found.fixes, found.nulls, found.seconds) == ([], 1, 0, 0.0)
    assert bug.fixes
    assert found.grades == 2 + len(bug.workarounds)


def made_clean(folder: Path) -> None:
    """The example with its fault mended, so that nothing is wrong, and taking the fix out again is for the worse."""
    program = (folder / "program.py").read_text()
    mended = apply_patch(program, (folder / "fixes" / "reference.patch").read_text()) + "\n"
    (folder / "fixes" / "reference.patch").unlink()
    (folder / "fixes" / "clear-after-step.patch").rename(folder / "fixes" / "clear-twice.patch")
    changes = {
        "fixes/clear-twice": mended.replace(
            "optimizer.step()\n", "optimizer.step()\n        model.zero_grad()\n"
        ),
        "workarounds/lower-rate": mended.replace("lr=0.1", "lr=0.01"),
        "workarounds/fewer-steps": program,
    }
    (folder / "program.py").write_text(mended)
    for name, text in changes.items():
        diff = difflib.unified_diff(
            mended.splitlines(True), text.splitlines(True), "program.py", "program.py"
        )
        (folder / f"{name}.patch").write_text("".join(diff))
    about = (folder / "bug.yaml").read_text().replace("\nfails: it-converges\n", "\nclean: true\n")
    about = re.sub(
        "fixes:\n.*\n.*\n", "fixes:\n  clear-twice: clears them once more, which changes nothing\n", about
    )
    (folder / "bug.yaml").write_text(about)


@confined
@pytest.mark.usefixtures("warm")
def test_a_clean_program_passes_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = laid_out(tmp_path, "nothing-is-wrong")
    made_clean(folder)
    assert main(["verify", "--json", "--bug", str(folder), *QUICK]) == 0
    (found,) = json.loads(capsys.readouterr().out)["bugs"]
    assert (found["problems"], found["fixes"], found["workarounds"]) == ([], 1, 2)
    (tmp_path / "answer.md").write_text(
        f"Nothing is wrong.\n\n```python\n{(folder / 'program.py').read_text()}```\n"
    )
    assert main(["grade", str(folder), "--workers", "1", "--json", str(tmp_path / "answer.md")]) == 0
    (verdict,) = json.loads(capsys.readouterr().out)
    assert (verdict["correct"], verdict["minimal"], verdict["edit"]["nodes"]) == (True, True, 0)
    about = folder / "bug.yaml"
    about.write_text(about.read_text() + "fails: it-converges\n")
    assert main(["verify", "--bug", str(folder), *QUICK]) == 2
    assert "a clean program fails nothing" in capsys.readouterr().err


@confined
@pytest.mark.usefixtures("warm")
def test_the_table_is_for_people(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example / "bug.yaml").write_text(
        (example / "bug.yaml").read_text().replace("shows: 'step 19: loss'", "shows: 'RuntimeError'")
    )
    assert main(["verify", "--bug", str(example), *QUICK]) == 1
    shown = capsys.readouterr()
    assert re.search(r"forgotten-zero-grad\s+\S.*\s2\s+2\s+5", shown.out)
    assert "the symptom is gone" in shown.err


@confined
@pytest.mark.usefixtures("warm")
def test_answers_and_programs_are_graded_by_hand(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (example / "program.py").read_text()
    (tmp_path / "same.py").write_text(program)
    (tmp_path / "prose.md").write_text("Call `optimizer.zero_grad()` before `loss.backward()`.\n")
    mended = apply_patch(program, (example / "fixes" / "reference.patch").read_text())
    (tmp_path / "answer.md").write_text(f"Clear them:\n\n```python\n{mended}\n```\n")
    files = [str(tmp_path / name) for name in ("answer.md", "same.py", "prose.md")]
    assert main(["grade", str(example), "--workers", "1", *files]) == 1
    shown = capsys.readouterr().out
    assert "answer.md: correct: the root cause is mended" in shown
    assert "same.py: not correct: after training a weight is still off" in shown
    assert "prose.md: not correct: no program: the reply has no code block" in shown
    assert main(["grade", str(example), "--workers", "1", "--json", files[0]]) == 0
    (verdict,) = json.loads(capsys.readouterr().out)
    assert (verdict["correct"], verdict["how"], verdict["failed_check"]) == (True, "whole", "")


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["verify", "--bug", "no-such-bug"],
        ["grade", "no-such-bug", "x.md"],
        ["record", "no-such-bug"],
    ):
        assert main(arguments) == 2
        assert "the bugs are" in capsys.readouterr().err.strip().splitlines()[-1]
    assert main(["grade", "missing-optimizer-step", str(tmp_path / "none.md")]) == 2
    assert "none.md" in capsys.readouterr().err


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    for name in ("Bug", "bug", "a_b", "../x-y"):
        done = CliRunner().invoke(redgreen, ["new", "bug", name, "--into", str(tmp_path)])
        assert done.exit_code != 0, name
    assert not list(tmp_path.iterdir())
