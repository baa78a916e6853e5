"""The programs really print what their users quote."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.reference_bugs.__main__ import main
from redgreenbench.reference_bugs.folder import (
    FAMILIES,
    KINDS,
    TAXONOMY,
    bug_folder,
    bug_names,
    bugs_with_same_symptom,
    read_folder,
    record_symptom,
)


# An error and a loss that becomes NaN, and once a week a curve and memory. `verify` runs every program.
@pytest.mark.parametrize(
    "name",
    [
        "shape-mismatch-after-flatten",
        "nan-after-five-epochs",
        pytest.param("plateau-constant-adam-rate", marks=pytest.mark.slow),
        pytest.param("loss-tensors-kept", marks=pytest.mark.slow),
    ],
)
def test_a_program_prints_its_recorded_symptom(name: str) -> None:
    bug = bug_folder(name)
    printed = record_symptom(bug.path / "program.py").rstrip("\n")
    if "memory" in bug.about["family"]:
        assert len(printed.splitlines()) == len(bug.symptom.splitlines())  # megabytes differ from run to run
    elif torch.__version__.startswith("2.13.0"):
        assert printed == bug.symptom
    else:
        assert printed.splitlines()[-1].partition(":")[0] == bug.symptom.splitlines()[-1].partition(":")[0]


def test_a_recorded_symptom_shows_the_bug_and_no_machine() -> None:
    for bug in map(bug_folder, bug_names()):
        assert bug.shows_on_cuda or re.search(bug.about["shows"], bug.symptom), bug.name
        assert not re.search(r"/(?:root|home|work|usr)/", bug.symptom), bug.name


def test_five_good_epochs_come_before_nan() -> None:
    lines = bug_folder("nan-after-five-epochs").symptom.splitlines()
    losses = [float(line.split("= ")[1]) for line in lines]
    assert losses[:5] == sorted(losses[:5], reverse=True)
    assert all(loss != loss for loss in losses[5:])


def test_one_run_in_ten_fails() -> None:
    from importlib import util

    spec = util.spec_from_file_location(
        "program", bug_folder("embedding-index-out-of-range").path / "program.py"
    )
    program = util.module_from_spec(spec)
    spec.loader.exec_module(program)
    known = set(program.VOCAB)
    failing = [
        r for r in range(10) if any(set(t.split()) - known for t, _ in program.make_reviews(160, seed=r + 25))
    ]
    assert len(failing) == 1


def test_every_bug_is_posed_and_every_posed_bug_exists() -> None:
    posed = {s.file.bug for s in load_scenarios() if s.file.bug}
    assert posed == set(bug_names())


def test_the_docs_count_the_bugs() -> None:
    names = bug_names(private=False)
    clean = [name for name in names if bug_folder(name).clean]
    further = [s for s in load_scenarios() if s.file.source.document == "catalogue"]
    said = " ".join((Path(__file__).parents[2] / "docs" / "concepts.md").read_text().split())
    assert f"told apart from a workaround: {len(names)} programs" in said
    assert len(clean) == 4
    assert "four of them with nothing wrong" in said
    assert f"{len(further)} further programs" in said


def test_the_catalogue_covers_what_it_should() -> None:
    bugs = [bug_folder(name) for name in bug_names(private=False)]
    assert {bug.about["taxonomy"] for bug in bugs} == set(TAXONOMY)
    assert {bug.about["family"] for bug in bugs} == set(FAMILIES)
    assert {bug.kind for bug in bugs} == {"", *KINDS}
    assert any(bugs_with_same_symptom(bug.name) for bug in bugs)


def test_the_kind_of_a_bug_fits_what_it_prints() -> None:
    for bug in map(bug_folder, bug_names()):
        if bug.kind:
            assert "Traceback" not in bug.symptom, bug.name
            assert "nan" not in bug.symptom.split(), bug.name
            assert not bug.clean, bug.name
        assert all(bug.name in bugs_with_same_symptom(other) for other in bugs_with_same_symptom(bug.name)), (
            bug.name
        )
        assert "\x1b" not in bug.symptom, bug.name


def test_an_old_way_fails_in_every_torch_that_is_allowed() -> None:
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    oldest = tuple(int(part) for part in re.search(r'"torch>=([\d.]+)"', pyproject)[1].split("."))
    for name in bug_names():
        for version in bug_folder(name).about.get("since", {}):
            assert tuple(int(part) for part in version.split(".")) <= oldest, name


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("kind: loud", "kind: no 'loud'; take one of silent, slow"),
        ("shares: no-such-bug", "shares: no other bug 'no-such-bug'"),
        ("shares: missing-optimizer-step", "shares: no other bug 'missing-optimizer-step'"),
        ("since: 2.6", "since: not understood; give for an old way of torch"),
        ('since: {"2.6": it raises}', "workarounds: name 'old-way' among them"),
    ],
)
def test_fields_of_the_catalogue_are_read_with_care(tmp_path: Path, line: str, says: str) -> None:
    folder = tmp_path / "missing-optimizer-step"
    shutil.copytree(bug_folder("missing-optimizer-step").path, folder)
    with (folder / "bug.yaml").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ValueError, match=re.escape(says)):
        read_folder(folder)


def test_programs_give_no_hint() -> None:
    for name in bug_names():
        assert not re.search(
            r"\b(?:bug|wrong|fixme|todo|fix|error|missing|oops)\b", bug_folder(name).program, re.IGNORECASE
        ), name


def test_unknown_bugs_are_named() -> None:
    with pytest.raises(ValueError, match="the bugs are accumulation-"):
        bug_folder("nope")
    assert main(["record", "nope"]) == 2
