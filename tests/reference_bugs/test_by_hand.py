"""The command line of the ground floor, on the small example that `redgreen new bug` lays out."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from redgreenbench.cli import main as redgreen
from redgreenbench.reference_bugs.__main__ import main
from redgreenbench.reference_bugs.engine.host import examine

confined = pytest.mark.skipif(bool(examine().inner), reason="this machine cannot confine submissions")
QUICK = ["--seeds", "1", "--threads", "1", "--workers", "1"]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    done = CliRunner().invoke(redgreen, ["new", "bug", "forgotten-zero-grad", "--into", str(tmp_path)])
    assert done.exit_code == 0, done.output
    folder = tmp_path / "forgotten-zero-grad"
    (folder / "symptom.txt").write_text("step 19: loss 1\n")
    return folder


@confined
def test_the_example_verifies_as_laid_out(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--bug", str(example), *QUICK]) == 0
    assert re.search(r"forgotten-zero-grad\s+holds\s+2\s+2\s+5", capsys.readouterr().out)


@confined
@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("bug.yaml", "fails: it-converges\nfixes", "fails: steps-use-their-own-gradient\nfixes", "must first fail steps-use"),
        ("bug.yaml", "fails: it-converges\nfixes", "fails: it-flies\nfixes", "names the check it-flies, the checks are it-converges"),
        ("bug.yaml", "shows: 'step 19: loss'", "shows: 'RuntimeError'", "the symptom is gone"),
        ("fixes/clear-after-step.patch", "+        model.zero_grad()", "+        optimizer.param_groups[0]['lr'] = 0.0",
         "fix clear-after-step: fails"),
        ("fixes/reference.patch", "optimizer.step()", "optimizer.leap()", "reference.patch: the hunk does not fit"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_said(
    example: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, words: str
) -> None:
    text = (example / file).read_text()
    assert old in text
    (example / file).write_text(text.replace(old, new))
    code = main(["verify", "--bug", str(example), *QUICK])
    shown = capsys.readouterr()
    assert code == 1
    assert words in shown.err


@confined
def test_a_fix_that_is_named_a_workaround_is_found_out(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = (example / "fixes" / "reference.patch").read_text()
    (example / "workarounds" / "lower-rate.patch").write_text(fixed)
    assert main(["verify", "--bug", str(example), *QUICK]) == 1
    assert "workaround lower-rate: passes every check, but must fail it-converges" in capsys.readouterr().err


@confined
def test_verify_prints_json(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--json", "--bug", str(example), *QUICK]) == 0
    (bug,) = json.loads(capsys.readouterr().out)["bugs"]
    assert bug["problems"] == []
    assert bug["grades"] == 5
    assert bug["grade_ms"] > 0


@confined
def test_answers_and_programs_are_graded_by_hand(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (example / "program.py").read_text()
    (tmp_path / "same.py").write_text(program)
    (tmp_path / "answer.md").write_text(
        "Clear them:\n\n```python\n        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n```\n"
    )
    files = [str(tmp_path / "answer.md"), str(tmp_path / "same.py")]
    assert main(["grade", str(example), *files]) == 1
    shown = capsys.readouterr().out
    assert "answer.md: correct: the root cause is mended" in shown
    assert "same.py: not correct: after training a weight is still off" in shown
    assert main(["grade", str(example), "--json", *files]) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert first["correct"]
    assert second["failed_check"] == "it-converges"
    assert main(["grade", str(example), files[0]]) == 0


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
