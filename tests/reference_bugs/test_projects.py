"""A program of several files: what a reply gives of it, how it is imported behind the wall, recorded and graded."""

import difflib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from redgreenbench.cli import main as redgreen
from redgreenbench.reference_bugs.__main__ import main
from redgreenbench.reference_bugs.engine.inside import driver
from redgreenbench.reference_bugs.engine.pool import Worker
from redgreenbench.reference_bugs.files import (
    MAX_FILES,
    Files,
    imported_paths,
    problem_of,
    program_text,
    split_name,
)
from redgreenbench.reference_bugs.folder import read_folder, record_symptom
from redgreenbench.reference_bugs.submission import PatchError, missing_names, patched, read_submission
from redgreenbench.reference_bugs.variants import CannotVary, vary
from redgreenbench.reference_bugs.verdict import Verdict, grade_program, grade_reply

confined = pytest.mark.needs("landlock")

FILES = {
    "train.py": """import torch
import torch.nn as nn

import config
from nets.linear import build
from steps import step


def train(model, data, targets, steps=config.STEPS):
    optimizer = torch.optim.SGD(model.parameters(), lr=config.RATE)
    for number in range(steps):
        print(f"step {number}: loss {step(model, optimizer, data, targets):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    data = torch.randn(64, 4)
    train(build(), data, data.sum(1, keepdim=True))
""",
    "config.py": "RATE = 0.1\nSTEPS = 20\n",
    "steps.py": """import torch.nn as nn


def loss_of(model, data, targets):
    return nn.functional.mse_loss(model(data), targets)


def step(model, optimizer, data, targets):
    loss = loss_of(model, data, targets)
    loss.backward()
    optimizer.step()
    return loss.item()
""",
    "nets/linear.py": "import torch.nn as nn\n\n\ndef build():\n    return nn.Linear(4, 1)\n",
}
Change = dict[str, list[tuple[str, str]]]
CLEARED = ("    loss.backward()\n", "    optimizer.zero_grad()\n    loss.backward()\n")
CHANGES = {
    "fixes/reference": {"steps.py": [CLEARED]},
    "fixes/clear-after-step": {
        "steps.py": [("    return loss.item()\n", "    clear(model)\n    return loss.item()\n"), ("import torch.nn as nn\n", "import torch.nn as nn\n\nfrom clearing import clear\n")],
        "clearing.py": [("", "def clear(model):\n    model.zero_grad()\n")],
    },
    "workarounds/lower-rate": {"config.py": [("0.1", "0.01")]},
    "workarounds/fewer-steps": {"config.py": [("20", "5")], "train.py": [("number in", "number in ")]},
}  # fmt: skip


def changed(change: Change) -> Files:
    """The project's files after a change."""
    files = dict(FILES)
    for path, pairs in change.items():
        for old, new in pairs:
            files[path] = files.get(path, "").replace(old, new) if old else new
    return files


def diff_of(before: Files, after: Files) -> str:
    """A unified diff over the files that differ."""
    lines: list[str] = []
    for path in after:
        if before.get(path) != after[path]:
            old = before.get(path, "").splitlines(keepends=True)
            source = f"a/{path}" if path in before else "/dev/null"
            lines += difflib.unified_diff(old, after[path].splitlines(keepends=True), source, f"b/{path}")
    return "".join(lines)


def write(folder: Path, files: Files) -> None:
    """Writes files below a folder."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of the example of `redgreen new bug`, as a project."""
    name = "never-cleared"
    done = CliRunner().invoke(redgreen, ["new", "bug", name, "--into", str(tmp_path)])
    assert done.exit_code == 0, done.output
    folder = tmp_path / name
    (folder / "program.py").unlink()
    write(folder / "project", FILES)
    for patch, change in CHANGES.items():
        (folder / f"{patch}.patch").write_text(diff_of(FILES, changed(change)))
    about = (folder / "bug.yaml").read_text()
    (folder / "bug.yaml").write_text(about.replace("  train(model,", "  train.train(model,"))
    probe = (folder / "probe.py").read_text()
    (folder / "probe.py").write_text(probe.replace("program.train(", "program.train.train("))
    (folder / "symptom.txt").write_text("step 19: loss 1\n")
    return folder


GIVEN = {path: text.rstrip("\n") for path, text in FILES.items()}
MENDED = {path: text.rstrip("\n") for path, text in changed(CHANGES["fixes/reference"]).items()}
STEPS = MENDED["steps.py"]
KEPT = ["train.train"]


def block(text: str, info: str = "python") -> str:
    return f"```{info}\n{text}\n```"


def read(reply: str) -> Files | None:
    return read_submission(reply, GIVEN, KEPT).files


def problem(reply: str) -> str:
    found = read_submission(reply, GIVEN, KEPT)
    assert found.files is None, found
    return found.problem


# --- files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["../x.py", "/abs.py", "a/b/c.py", "a\\b.py", "x.txt", "x", "", "1x.py", "a-b.py", "./x.py", "x.py/", "x\n.py", ".py",
     "torch.py", "json.py", "probing.py", "probe.py", "driver.py", "torch/x.py", "__init__.py", "__main__.py", "a/__main__.py",
     "sys.py", "redgreenbench/x.py", "numpy/__init__.py", "sitecustomize/../x.py"],
)  # fmt: skip
def test_a_path_or_name_that_would_reach_elsewhere_is_refused(path: str) -> None:
    assert problem_of({**GIVEN, path: ""})


def test_paths_of_a_project_are_fine_and_its_size_is_bounded() -> None:
    assert problem_of(GIVEN) == ""
    assert problem_of({**GIVEN, "Nets.py": "", "nets/__init__.py": ""}) == ""
    assert "cannot be imported beside" in problem_of({**GIVEN, "nets.py": ""})
    assert f"more than {MAX_FILES}" in problem_of({f"a{n}.py": "" for n in range(MAX_FILES + 1)})
    assert "longer than" in problem_of({**GIVEN, "big.py": "#" * 1_000_000})


def test_a_name_says_where_it_lives() -> None:
    files = {"train.py", "nets/block.py", "model.py"}
    assert split_name("model.Net(width)", files) == ("model.py", "Net")
    assert split_name("nets.block.Net.forward(x)", files) == ("nets/block.py", "Net")
    assert split_name("Net.forward(x)", {"program.py"}) == ("program.py", "Net")
    assert missing_names(MENDED, ["train.train", "steps.step", "steps.stride", "gone.name"]) == [
        "steps.stride",
        "gone.name",
    ]
    assert missing_names({**MENDED, "steps.py": "def ("}, ["steps.stride"]) == []


def test_what_a_file_imports_is_found_beside_it() -> None:
    text = "import torch, data, json\nfrom nets.block import Net\nfrom . import other\nfrom torch.utils import data"
    found = imported_paths("train.py", text)
    assert {"data.py", "nets/block.py", "nets/__init__.py", "other.py"} <= set(found)
    assert not any(path.startswith(("torch", "json", "..")) for path in found)
    assert "nets/other.py" in imported_paths("nets/block.py", "from . import other")
    assert imported_paths("train.py", "def (") == []


# --- replies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "info",
    ["python steps.py", "python title=steps.py", 'python title="steps.py"', "python:steps.py", "steps.py", "py ./steps.py",
     "{.python file=steps.py}"],
)  # fmt: skip
def test_a_block_under_a_path_replaces_that_file(info: str) -> None:
    found = read_submission(f"I clear them:\n\n{block(STEPS, info)}\n\nRun it.", GIVEN, KEPT)
    assert (found.files, found.how, found.problem, found.open) == (MENDED, "whole", "", False)


def test_a_path_in_the_first_line_counts_as_well() -> None:
    assert read(block(f"# steps.py\n{STEPS}")) == {**MENDED, "steps.py": f"# steps.py\n{STEPS}"}


def test_several_files_are_given_and_new_ones() -> None:
    files = {path: text.rstrip("\n") for path, text in changed(CHANGES["fixes/clear-after-step"]).items()}
    assert read("\n".join(block(text, f"python {path}") for path, text in files.items())) == files
    only = [block(files[path], f"python {path}") for path in ("steps.py", "clearing.py")]
    assert read("\n".join(only)) == files
    assert read("\n".join(only[::-1])) == files


def test_the_last_block_of_a_file_that_changes_it_counts() -> None:
    wrong = STEPS.replace("zero_grad", "add_grad")
    both = [block(wrong, "python steps.py"), block(STEPS, "python steps.py")]
    assert read("\n".join(both)) == MENDED
    assert read("\n".join([*both, block(GIVEN["steps.py"], "python steps.py")])) == MENDED
    assert read(f"{block(GIVEN['train.py'], 'python train.py')}\n{both[1]}") == MENDED


def test_whole_definitions_replace_those_of_their_file() -> None:
    step = STEPS[STEPS.index("def step") :]
    for info in ("python steps.py", "python"):
        found = read_submission(block(step, info), GIVEN, KEPT)
        assert (found.files, found.how) == (MENDED, "definitions")
    config = read(block("RATE = 0.01", "python config.py"))
    assert config == {**GIVEN, "config.py": "RATE = 0.01\nSTEPS = 20"} or config == {
        **GIVEN,
        "config.py": "RATE = 0.01",
    }


def test_a_diff_names_its_files() -> None:
    for change in CHANGES.values():
        files = {path: text.rstrip("\n") for path, text in changed(change).items()}
        diff = diff_of({p: f"{t}\n" for p, t in GIVEN.items()}, {p: f"{t}\n" for p, t in files.items()})
        found = read_submission(block(diff.rstrip("\n"), "diff"), GIVEN, KEPT)
        assert (found.files, found.how) == (files, "diff"), found.problem
        assert patched(GIVEN, diff) == files
        assert patched(GIVEN, diff.replace("a/", "").replace("b/", "")) == files


NO_PROGRAM = {
    "no path, loose statements": (block("optimizer.zero_grad()"), "defines nothing"),
    "an unknown path alike": (block(STEPS, "python src/steps.py"), "has no `src/steps.py`; it has `steps.py`"),
    "a path out of the folder": (block(STEPS, "python ../steps2.py"), "is no path"),
    "an absolute path": (block("X = 1", "python /etc/x.py"), "is no path"),
    "one file for all": (block("\n\n".join(GIVEN.values()), "python program.py"), "has no `program.py`"),
    "all in one block": (block("\n\n".join(MENDED.values())), "changes several files"),
    "a name of ours": (f"{block(STEPS, 'python steps.py')}\n{block('X = 1', 'python torch.py')}", "`torch.py` has the name"),
    "a piece under a path": (block("    optimizer.zero_grad()", "python steps.py"), "no Python"),
    "loose statements under a path": (block("optimizer.zero_grad()", "python steps.py"), "defines nothing"),
    "a good file and a broken one": (f"{block(STEPS, 'python steps.py')}\n{block('def (', 'python train.py')}", "no Python"),
    "a lost name": (block("def main():\n    pass\n\n\nmain()", "python train.py"), "does not define `train`"),
    "different parts": (
        block("def loss_of(m, d, t):\n    return 0", "python steps.py")
        + "\n"
        + block("def step(m, o, d, t):\n    return 0", "python steps.py"),
        "different parts",
    ),
    "a diff without a name": (block("@@ -1,2 +1,2 @@\n-RATE = 0.1\n+RATE = 0.2\n STEPS = 20", "diff"), "names no file"),
    "a diff of another file": (block("--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b", "diff"), "names no file"),
    "a diff that deletes": (block("--- a/config.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-RATE = 0.1\n-STEPS = 20", "diff"), "names no"),
    "a diff that nearly fits": (
        f"{block(STEPS, 'python steps.py')}\n" + block("--- a/config.py\n+++ b/config.py\n@@ -1 +1 @@\n-RATE = 7\n+RATE = 8", "diff"),
        "does not apply",
    ),
    "a log under a path": (block(STEPS, "text steps.py"), "no code block holds a program"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_PROGRAM)
def test_what_would_have_to_be_guessed_is_no_program(name: str) -> None:
    reply, words = NO_PROGRAM[name]
    assert words in problem(reply)


def test_an_example_beside_the_files_is_no_file() -> None:
    assert (
        read(
            f"{block(STEPS, 'python steps.py')}\nThen:\n{block('from train import train')}\n{block('ls', 'bash')}"
        )
        == MENDED
    )
    old = GIVEN["steps.py"][GIVEN["steps.py"].index("def step") :]
    assert read(f"It was:\n{block(old)}\nNow:\n{block(STEPS, 'python steps.py')}") == MENDED


def test_a_block_that_was_cut_off_is_said_to_be_open() -> None:
    assert read_submission(
        f"{block('RATE = 0.1', 'python config.py')}\n```python steps.py\n{STEPS}", GIVEN, KEPT
    ).open


def test_patches_over_files_fit_exactly_or_not_at_all() -> None:
    twice = "--- a/config.py\n+++ b/config.py\n@@ -1 +1 @@\n-RATE = 0.1\n+RATE = 8\n"
    with pytest.raises(PatchError, match="twice"):
        patched(GIVEN, twice + twice)
    with pytest.raises(PatchError):
        patched(GIVEN, twice.replace("0.1", "0.3"))


# --- imports -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def importing() -> Iterator[object]:
    """Makes programs importable, and leaves everything as it was."""
    entered: list[driver.Program] = []

    def start(files: Files, entry: str = "train.py") -> driver.Program:
        program = driver.Program(files, entry)
        program.enter()
        entered.append(program)
        return program

    before = list(sys.meta_path)
    yield start
    for program in reversed(entered):
        program.leave()
    assert sys.meta_path == before


def test_a_project_imports_its_own_files_and_leaves_nothing_behind(importing) -> None:  # type: ignore[no-untyped-def]
    known = set(sys.modules)
    sys.modules["config"] = here = type(sys)("config")
    try:
        program = importing(GIVEN)
        loaded = program.load()
        assert loaded.config.RATE == 0.1
        assert loaded.train.build is loaded.nets.linear.build
        assert loaded.steps.__file__ == "steps.py"
        with pytest.raises(AttributeError, match="no other"):
            _ = loaded.other
        program.leave()
        assert sys.modules["config"] is here
        assert set(sys.modules) - known == {"config"}
        program.enter()
        assert loaded.config.RATE == 0.1
    finally:
        sys.modules.pop("config", None)


def test_two_projects_with_files_of_the_same_names_do_not_meet(importing) -> None:  # type: ignore[no-untyped-def]
    first, second = (
        driver.Program(
            {"train.py": "def late():\n    import data\n    return data.X", "data.py": f"X = {n}"}, "train.py"
        )
        for n in (1, 2)
    )
    found = []
    for program in (first, second, first):
        program.enter()
        found.append(program.load().train.late())
        program.leave()
    assert found == [1, 2, 1]


@pytest.mark.parametrize(
    ("path", "text", "line", "shown_text"),
    [
        ("steps.py", "import torch\n\nraise ValueError('no')", 3, "raise ValueError('no')"),
        ("steps.py", "x = 1\ndef (", 2, "def ("),
    ],
)
def test_an_error_says_in_which_file_and_line_it_arose(importing, path, text, line, shown_text) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(driver.ProgramError) as raised:
        importing({**GIVEN, path: text}).load()
    error = raised.value.error
    assert (error["file"], error["line"], error["text"]) == (path, line, shown_text)


# --- folders -------------------------------------------------------------------------------------------------------------


def test_a_folder_holds_a_project(project: Path) -> None:
    bug = read_folder(project)
    assert bug.files == GIVEN
    assert next(iter(bug.files)) == "train.py"
    assert (bug.entry, bug.is_project, bug.entry_points) == ("train.py", True, KEPT)
    assert bug.mended_files == MENDED
    assert program_text(bug.files).startswith("# train.py\nimport torch")
    with pytest.raises(CannotVary, match="is a project, of which no variants are made"):
        vary(bug, 1, project.parent / "varied")


def test_what_is_wrong_with_a_project_is_one_line(project: Path) -> None:
    about = (project / "bug.yaml").read_text()
    (project / "bug.yaml").write_text(about.replace("  train.train(model,", "  train(model,"))
    with pytest.raises(ValueError, match="say in which file it is"):
        read_folder(project)
    (project / "bug.yaml").write_text(about)
    for name, text, words in (
        ("project/json.py", "", "has the name of a module"),
        ("project/program.py", "", "none of them called program.py"),
        ("program.py", "", "both program.py and project/"),
    ):
        (project / name).write_text(text)
        with pytest.raises(ValueError, match=words):
            read_folder(project)
        (project / name).unlink()
    (project / "project" / "train.py").unlink()
    with pytest.raises(ValueError, match="write the program, or a project with"):
        read_folder(project)


def test_a_project_is_run_in_a_copy_of_it(project: Path) -> None:
    marker = "open('left.txt', 'w')\nraise KeyError('x')\n"
    (project / "project" / "config.py").write_text(marker)
    text = record_symptom(project / "project" / "train.py")
    assert 'File "config.py", line 2, in <module>' in text
    assert str(project) not in text
    assert sorted(p.name for p in (project / "project").iterdir()) == [
        "config.py",
        "nets",
        "steps.py",
        "train.py",
    ]


@confined
@pytest.mark.usefixtures("warm")
def test_a_project_is_verified_and_graded_by_hand(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", str(project)]) == 0
    quick = ["--seeds", "1", "--threads", "1", "--workers", "1"]
    assert main(["verify", "--json", "--bug", str(project), *quick]) == 0, capsys.readouterr()
    out = capsys.readouterr().out
    (found,) = json.loads(out[out.index("{") :])["bugs"]
    assert (found["problems"], found["fixes"], found["workarounds"]) == ([], 2, 2)
    assert found["nulls"] > 15
    mended, reply = project.parent / "mended", project.parent / "reply.md"
    write(mended, MENDED)
    reply.write_text(block(STEPS, "python steps.py"))
    given = [str(mended), str(reply), str(project / "project")]
    assert main(["grade", str(project), "--workers", "1", "--json", *given]) == 1
    right, same, wrong = json.loads(capsys.readouterr().out)
    assert [v["correct"] for v in (right, same, wrong)] == [True, True, False]
    assert right["edit"] == right["reference_edit"] == same["edit"]
    write(mended, {"torch.py": ""})
    assert main(["grade", str(project), str(mended)]) == 2
    assert "has the name of a module" in capsys.readouterr().err


def grade(project: Path, worker: Worker, files: Files) -> Verdict:
    return grade_program(read_folder(project), {**MENDED, **files}, worker)


@confined
def test_an_error_in_a_file_is_shown_with_its_place(project: Path, worker: Worker) -> None:
    verdict = grade(project, worker, {"steps.py": "raise ValueError('x')"})
    assert "ValueError: x (steps.py line 1: raise ValueError('x'))" in verdict.reason
    late = MENDED["steps.py"].replace("    loss = ", "    loss = 1 / 0\n    loss = ")
    assert "(steps.py line 9: loss = 1 / 0)" in grade(project, worker, {"steps.py": late}).reason
    renamed = grade(project, worker, {"train.py": MENDED["train.py"].replace("def train", "def fit")})
    assert renamed.failed_check == "names"
    assert "`train.train`" in renamed.reason


# What tries to stand in the place of ours: each fails, or is refused before it runs.
SHADOWS: dict[str, tuple[Files, str]] = {
    "torch": ({"torch.py": "manual_seed = lambda seed: None"}, "`torch.py` has the name"),
    "probing": ({"probing.py": "copy_state = lambda module: {}"}, "`probing.py` has the name"),
    "json": ({"json.py": "dumps = lambda *a, **k: '{}'"}, "`json.py` has the name"),
    "a package": ({"torch/__init__.py": ""}, "`torch/__init__.py` has the name"),
    "path": ({"../probe.py": "X = 1"}, "is no path"),
    "package and file": ({"steps/__init__.py": ""}, "cannot be imported beside"),
}


@pytest.mark.parametrize("name", SHADOWS)
def test_a_file_in_the_place_of_ours_is_refused(project: Path, name: str) -> None:
    files, words = SHADOWS[name]
    verdict = grade_program(read_folder(project), {**MENDED, **files}, None)  # type: ignore[arg-type]
    assert not verdict.correct
    assert words in verdict.reason
    reply = "\n".join(block(text, f"python {path}") for path, text in files.items() if text) or "none"
    assert not grade_reply(read_folder(project), reply, None).correct  # type: ignore[arg-type]
