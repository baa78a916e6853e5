"""Projects whose files attack their grading: none passes, and what comes after is graded as ever.

Each is the project of `frozen-part-optimized` with the files of a folder of `projects/` in the place of its own or beside them.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from redgreenbench.reference_bugs.engine.pool import Worker
from redgreenbench.reference_bugs.files import Files
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.verdict import Verdict, grade_program

HERE = Path(__file__).parent / "projects"
BUG = bug_folder("frozen-part-optimized")
ATTACKS = sorted(path.name for path in HERE.iterdir())

Effect = Callable[[Verdict], bool]


def fails(check: str, output: str = "") -> Effect:
    return lambda v: v.failed_check == check and re.search(output, v.output) is not None


def refused(words: str) -> Effect:
    return lambda v: v.failed_check == "program" and words in v.reason


EFFECTS: dict[str, Effect] = {
    "easier_data": fails("loss-falls"),
    "modules_in_the_place_of_modules": fails("loss-falls"),
    "answers_at_import": fails("loss-falls"),
    # With some draws the loss falls by what the encoder learns.
    "package_that_finds_for_others": lambda v: v.failed_check in ("loss-falls", "readout-takes-steps"),
    "reads_what_the_importer_holds": fails("loss-falls", "nothing is held"),
    "empty_the_importers": fails("loss-falls"),
    "library_of_its_own": lambda v: v.outcome == "exit" and "own sympy" in v.output,
    "main_that_ends": lambda v: v.outcome == "exit" and v.failed_check == "names",
    "writes_files_beside_itself": fails("loss-falls"),
    "a_name_of_ours": refused("`torch.py` has the name"),
    "a_library_of_ours": refused("`safetensors/__init__.py` has the name"),
    "a_module_of_the_standard_library": refused("`json.py` has the name"),
}


def files_of(attack: str) -> Files:
    folder = HERE / attack
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.py"))}


def test_every_attack_has_its_own_expectation() -> None:
    assert set(EFFECTS) == set(ATTACKS)


@pytest.mark.needs("landlock")
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_fails_and_a_right_project_passes_after_it(attack: str, worker: Worker) -> None:
    verdict = grade_program(BUG, {**BUG.files, **files_of(attack)}, worker)
    assert not verdict.correct
    shown = "\n".join([verdict.outcome, *verdict.lines(), verdict.output])
    assert EFFECTS[attack](verdict), shown
    assert "LEAK" not in shown
    after = grade_program(BUG, BUG.mended_files, worker)
    assert after.correct, after.lines()
    assert "LEAK" not in after.output
