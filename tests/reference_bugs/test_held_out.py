"""Held-out submissions: programs labelled right or wrong by authors who had not seen the checks."""

from pathlib import Path

import pytest

from redgreenbench.reference_bugs.__main__ import main
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.held_out import FOLDER, load_held_out

BUG = bug_folder("missing-optimizer-step")


def test_every_patch_applies_and_says_what_it_does() -> None:
    if FOLDER.is_dir():
        found = load_held_out(FOLDER)
        assert min(len(held.about) for held in found) > 10
        assert min(sum(held.right is label for held in found) for label in (True, False)) > 400


@pytest.mark.needs("landlock")
@pytest.mark.usefixtures("warm")
def test_a_wrong_label_is_told_and_a_right_one_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / BUG.name).mkdir()
    reference = f"# calls step()\n{BUG.reference.text}"
    (tmp_path / BUG.name / "right-reference.patch").write_text(reference)
    assert main(["confusion", str(tmp_path), "--workers", "1"]) == 0
    assert f"{BUG.name}: right accepted 1/1, wrong accepted 0/0" in capsys.readouterr().out
    workaround = f"# hides it\n{BUG.workarounds[0].text}"
    (tmp_path / BUG.name / "right-workaround.patch").write_text(workaround)
    (tmp_path / BUG.name / "wrong-reference.patch").write_text(reference)
    assert main(["confusion", str(tmp_path), "--workers", "1", "--bug", BUG.name]) == 1
    out = capsys.readouterr().out
    assert f"{BUG.name}/right-workaround: refused: " in out
    assert f"{BUG.name}/wrong-reference: accepted: calls step()" in out
    assert "3 submissions, 2 verdicts differ from their labels" in out


def test_bad_patches_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["confusion", str(tmp_path)]) == 2
    assert "no held-out submission" in capsys.readouterr().err
    (tmp_path / BUG.name).mkdir()
    (tmp_path / BUG.name / "right-reference.patch").write_text(BUG.reference.text)
    assert main(["confusion", str(tmp_path)]) == 2
    assert "right-reference.patch: name it right-" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.needs("landlock")
def test_the_checks_agree_with_every_label(capsys: pytest.CaptureFixture[str]) -> None:
    if not FOLDER.is_dir():
        pytest.skip("there are none")
    assert main(["confusion"]) == 0, capsys.readouterr().out
