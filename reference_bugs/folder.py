"""A reference bug's folder: the only place that knows the names of the files in it.

``program.py`` is the program as its user has it, or ``project`` holds its files; ``bug.yaml`` describes it, and
``symptom.txt`` is what the program printed when it was recorded by running it (`record_symptom`), never text typed by
hand. ``fixes`` and ``workarounds`` hold patches, ``probe.py`` says what is done with a program behind the wall, and
``checks.py`` what must come out; the latter never goes there.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from redgreenbench.reference_bugs.files import PROGRAM, TRAIN, Files, program_text, read_files, split_name
from redgreenbench.reference_bugs.private import private_folder
from redgreenbench.reference_bugs.submission import patched

__all__ = [
    "HERE",
    "IMAGES",
    "NAME",
    "BugFolder",
    "Patch",
    "add_bugs",
    "bug_folder",
    "bug_names",
    "bugs_with_same_symptom",
    "program_path",
    "read_folder",
    "record_symptom",
]

HERE = Path(__file__).resolve().parent
# The C loader reads the bugs about eight times faster; PyYAML may be built without it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
IMAGES = HERE / "engine" / "images"
"""What other sandboxes are made from: a Dockerfile, a compose file, and values for Kubernetes."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
"""Names of bugs: small words joined by hyphens, at least two, which tells them from packages."""

FAMILIES = (
    "shape",
    "indexing",
    "device-dtype",
    "autograd",
    "numerics",
    "training-loop",
    "schedule",
    "loss",
    "evaluation",
    "memory",
)
# The 15 categories of Humbatova et al., "Taxonomy of Real Faults in Deep Learning Systems", ICSE 2020, below their top one.
TAXONOMY = (
    "model/type-and-properties",
    "model/missing-or-redundant-layer",
    "model/layer-properties",
    "model/activation",
    "tensors-and-inputs/wrong-shape",
    "tensors-and-inputs/wrong-input",
    "training/hyperparameters",
    "training/loss-function",
    "training/validation-and-testing",
    "training/preprocessing",
    "training/optimizer",
    "training/data-quality",
    "training/process",
    "gpu-usage",
    "api",
)
KINDS = ("silent", "slow")
_FIELDS = {
    "title": "what is wrong, in a few words",
    "family": f"one of {', '.join(FAMILIES)}",
    "taxonomy": f"one of {', '.join(TAXONOMY)}",
    "document": "number of the source document",
    "section": "its heading, word for word",
    "ran": "how the user came to what it printed, before the colon",
    "shows": "a regular expression that what it prints must match as long as the bug is live",
    "root_cause": "why it happens, in one or two sentences",
    "location": "class or function whose code has to change",
    "error_pattern": "the well-known pattern that the symptom belongs to",
    "tools": "debugging tools that fit, by their ids in evals/tools.yaml",
    "contract": "the names that a fixed program must keep, each with how it is called",
    "seconds": "wall-clock seconds that one grade of it may take",
    "memory_mb": "megabytes that a program may take beyond the warm process",
    "fails": "id of the first check that the buggy program fails",
    "fixes": "a mapping of patch names in fixes/ to one line each, 'reference' among them",
    "workarounds": "a mapping of patch names in workarounds/ to `about` and `fails`",
}
_OPTIONAL = {
    "also": "other ways to put the root cause that are right too, a list",
    "deviation": "where the program departs from the document",
    "intro": "how the user hands the program over, before the colon; default: This is `program.py`",
    "device": "'cuda' where the symptom shows on a GPU alone",
    "clean": "true where nothing is wrong with the program, so that it passes as it is and needs no reference",
    "kind": "'silent' where it runs without an error and all that it prints could come from a right program, 'slow' where "
    "results are right and counters grade the work",
    "shares": "name of another bug whose printed trouble is of the same kind, from another cause",
    "since": "for an old way of torch: a mapping of the version from which it fails, as a text, to what changed",
}


@dataclass(frozen=True)
class Patch:
    """A change to the program, as a unified diff.

    Attributes:
        name: Its file name without ``.patch``.
        about: What it does, in one line.
        text: The diff.
        fails: For a workaround, the check at which it fails first; empty for a fix.
    """

    name: str
    about: str
    text: str
    fails: str = ""


@dataclass(frozen=True)
class BugFolder:
    """One reference bug.

    Attributes:
        name: Name of its folder.
        path: The folder.
        files: The buggy program's files, without their final newlines; for a single program only ``program.py``.
        symptom: What the program printed when it was recorded, without the final newline.
        about: The fields of ``bug.yaml``.
        reference: The reference fix; a clean program's changes nothing.
        fixes: Other fixes that are as right.
        workarounds: Changes that hide the symptom or part of it.
    """

    name: str
    path: Path
    files: Files
    symptom: str
    about: dict[str, Any]
    reference: Patch
    fixes: tuple[Patch, ...]
    workarounds: tuple[Patch, ...]

    @property
    def entry_points(self) -> list[str]:
        """The names that a program must keep; in a project with their module, such as ``model.Net``."""
        placed = (split_name(call, self.files) for call in self.about["contract"])
        return list(
            dict.fromkeys(
                name if path == PROGRAM else f"{path.removesuffix('.py').replace('/', '.')}.{name}"
                for path, name in placed
            )
        )

    @property
    def entry(self) -> str:
        """The path of the file that the user runs."""
        return PROGRAM if PROGRAM in self.files else TRAIN

    @property
    def is_project(self) -> bool:
        """Whether it has several files."""
        return self.entry == TRAIN

    @property
    def program(self) -> str:
        """The buggy program as one text, see `redgreenbench.reference_bugs.files.program_text`."""
        return program_text(self.files)

    @property
    def probe(self) -> str:
        """Source text of its probes."""
        return (self.path / "probe.py").read_text("utf-8")

    @property
    def checks(self) -> Path:
        """The file of its checks."""
        return self.path / "checks.py"

    @property
    def digest(self) -> str:
        """Hash of what is posed and of what is checked, 64 hex digits."""
        posed = [self.program, self.symptom, str(self.about["ran"]), str(self.about.get("intro"))]
        parts = [*posed, self.probe, self.checks.read_text("utf-8"), self.reference.text]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @cached_property
    def mended_files(self) -> Files:
        """The program's files with the reference fix, or those of the clean program itself.

        Raises:
            PatchError: The patch does not fit.
        """
        return self.files if self.clean else patched(self.files, self.reference.text)

    @property
    def mended(self) -> str:
        """The same as one text."""
        return program_text(self.mended_files)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong with the program: the right reply leaves it as it is."""
        return self.about.get("clean") is True

    @property
    def kind(self) -> str:
        """``silent`` or ``slow``, see ``bug.yaml``; empty for the others."""
        return str(self.about.get("kind", ""))

    @property
    def shows_on_cuda(self) -> bool:
        """Whether the symptom shows on a GPU alone; fixes are graded anywhere."""
        return self.about.get("device") == "cuda"


def bug_names(private: bool = True) -> tuple[str, ...]:
    """Names of all reference bugs, sorted.

    Args:
        private: Whether those of the private split and of a user's own packs are among them.

    Raises:
        ValueError: The private split cannot be read, or has a bug of a shipped one's name.
    """
    shipped = {path.parent.name for path in HERE.glob("*/bug.yaml")}
    own = set(_private_bugs()) if private else set()
    if both := sorted(shipped & own):
        raise ValueError(f"the private bug {both[0]} has the name of a shipped one; rename its folder")
    return tuple(sorted(shipped | own))


def bugs_with_same_symptom(name: str) -> tuple[str, ...]:
    """The other bugs with the same symptom, sorted. Follows the field `shares` in both directions, transitively."""
    links = [{other, shared} for other in bug_names() if (shared := bug_folder(other).about.get("shares"))]
    group = {name}
    while more := {other for link in links if link & group for other in link} - group:
        group |= more
    return tuple(sorted(group - {name}))


_own_bugs: dict[str, Path] = {}
"""Folders of the bugs that lie beside a user's own packs, by name."""


def add_bugs(folder: Path) -> None:
    """Adds the bugs of a user's own pack, for this process.

    Args:
        folder: Each folder in it with a ``bug.yaml`` is a bug.

    Raises:
        ValueError: Another bug has the name of one of them.
    """
    for path in sorted(file.parent.resolve() for file in folder.glob("*/bug.yaml")):
        if path.name in bug_names() and _own_bugs.get(path.name) != path:
            raise ValueError(f"{path}: there is another bug called '{path.name}'; rename the folder")
        _own_bugs[path.name] = path


def _private_bugs() -> dict[str, Path]:
    folder = private_folder()
    folders = {path.parent.name: path.parent for path in folder.glob("bugs/*/bug.yaml")} if folder else {}
    return folders | _own_bugs


@cache
def bug_folder(name: str) -> BugFolder:
    """Reads the folder of one bug.

    Raises:
        ValueError: There is no such bug, or a file or field of it is missing; the message says which.
    """
    if name not in bug_names():
        raise ValueError(f"no reference bug '{name}'; the bugs are {', '.join(bug_names(private=False))}")
    return read_folder(_private_bugs().get(name, HERE / name))


def read_folder(path: Path) -> BugFolder:
    """Reads a folder of this form, wherever it is.

    Raises:
        ValueError: A file or field of it is missing or wrong; the message says which and what to do.
    """
    if not NAME.fullmatch(path.name):
        raise ValueError(f"{path.name}: a bug's name is at least two small words joined by hyphens")
    remedies = {
        "bug.yaml": "describe the bug in it",
        "symptom.txt": f"record it: python -m redgreenbench.reference_bugs record {path.name}",
        "probe.py": "write what is done with a program",
        "checks.py": "write what must come out",
    }
    for needed, remedy in remedies.items():
        if not (path / needed).is_file():
            raise ValueError(f"{path / needed} is missing; {remedy}")
    about = _about(path / "bug.yaml")
    files = _files(path)
    for call in about["contract"] if TRAIN in files else ():
        if split_name(str(call), files)[0] == PROGRAM:
            raise ValueError(
                f"{path / 'bug.yaml'}: contract: {call}: say in which file it is, such as model.Net(width)"
            )
    fixes = [
        Patch(name, str(text), _patch(path / "fixes" / f"{name}.patch"))
        for name, text in about["fixes"].items()
    ]
    workarounds = [
        Patch(name, entry["about"], _patch(path / "workarounds" / f"{name}.patch"), entry["fails"])
        for name, entry in about["workarounds"].items()
    ]
    for folder, named in (("fixes", about["fixes"]), ("workarounds", about["workarounds"])):
        for file in sorted((path / folder).glob("*.patch")):
            if file.stem not in named:
                raise ValueError(
                    f"{path / 'bug.yaml'}: {folder}: {file.name} is not described; add {file.stem}"
                )
    return BugFolder(
        name=path.name,
        path=path,
        files=files,
        symptom=(path / "symptom.txt").read_text("utf-8").rstrip("\n"),
        about=about,
        reference=Patch("reference", "nothing is wrong", "") if about.get("clean") else fixes.pop(0),
        fixes=tuple(fixes),
        workarounds=tuple(workarounds),
    )


def program_path(folder: Path) -> Path:
    """The file of a bug's folder that its user runs: ``program.py``, or ``project/train.py``.

    Raises:
        ValueError: There is neither, or both; the message says what to do.
    """
    single, project = folder / PROGRAM, folder / "project" / TRAIN
    if single.is_file() and project.parent.exists():
        raise ValueError(f"{folder}: it has both {PROGRAM} and project/; keep one of them")
    if not single.is_file() and not project.is_file():
        raise ValueError(
            f"{single} is missing; write the program, or a project with {project.relative_to(folder)}"
        )
    return single if single.is_file() else project


def _files(folder: Path) -> Files:
    path = program_path(folder)
    if path.name == PROGRAM:
        return {PROGRAM: path.read_text("utf-8").rstrip("\n")}
    files = read_files(path.parent)
    if PROGRAM in files or len(files) < 2:
        raise ValueError(
            f"{path.parent}: a project has at least two files, none of them called {PROGRAM}; rename or split"
        )
    return files


def _about(path: Path) -> dict[str, Any]:
    about = yaml.load(path.read_text("utf-8"), _LOADER)
    if not isinstance(about, dict):
        raise ValueError(f"{path}: a mapping is expected; start with title:")
    clean = about.get("clean") is True
    if clean and "fails" in about:
        raise ValueError(f"{path}: fails: a clean program fails nothing; remove this field, or `clean`")
    for field in _FIELDS.keys() - set(about) - ({"fails"} if clean else set()):
        raise ValueError(f"{path}: {field}: this field is required; add {_FIELDS[field]}")
    for field in set(about) - _FIELDS.keys() - _OPTIONAL.keys():
        raise ValueError(f"{path}: {field}: no such field; correct its name or remove it")
    for field, allowed in (("family", FAMILIES), ("taxonomy", TAXONOMY), ("kind", KINDS)):
        if field in about and about[field] not in allowed:
            raise ValueError(f"{path}: {field}: no '{about[field]}'; take one of {', '.join(allowed)}")
    for field in ("seconds", "memory_mb"):
        if not isinstance(about[field], int | float) or about[field] <= 0:
            raise ValueError(f"{path}: {field}: a number above 0 is expected; give {_FIELDS[field]}")
    try:
        re.compile(about["shows"])
    except (re.error, TypeError) as error:
        raise ValueError(f"{path}: shows: not a regular expression ({error}); correct it") from None
    if "shares" in about and about["shares"] not in set(bug_names()) - {path.parent.name}:
        raise ValueError(f"{path}: shares: no other bug '{about['shares']}'; give {_OPTIONAL['shares']}")
    fixes, workarounds = about["fixes"], about["workarounds"]
    since = about.get("since", {"0": ""})
    if (
        not isinstance(since, dict)
        or len(since) != 1
        or not all(isinstance(v, str) for v in chain(*since.items()))
    ):
        raise ValueError(f"{path}: since: not understood; give {_OPTIONAL['since']}")
    if "since" in about and "old-way" not in workarounds:
        raise ValueError(
            f"{path}: workarounds: name 'old-way' among them, the advice that was right before `since`"
        )
    if (
        not isinstance(fixes, dict)
        or (next(iter(fixes), None) == "reference") == clean
        or len(fixes) < 2 - clean
    ):
        raise ValueError(
            f"{path}: fixes: name 'reference' first, and at least one fix that is as right; a clean program has no "
            "'reference', and at least one other program that is as right"
        )
    if not isinstance(workarounds, dict) or len(workarounds) < 2:
        raise ValueError(f"{path}: workarounds: name at least two changes that do not mend the cause")
    for name, entry in workarounds.items():
        if not isinstance(entry, dict) or set(entry) != {"about", "fails"}:
            raise ValueError(f"{path}: workarounds.{name}: give it `about` and `fails`, and nothing else")
    return about


def _patch(path: Path) -> str:
    if not path.is_file():
        raise ValueError(
            f"{path} is missing; write the patch (diff -u program.py fixed.py) or remove its name"
        )
    return path.read_text("utf-8")


_LAUNCH = """
import subprocess, sys
try:
    sys.exit(subprocess.call([sys.executable, sys.argv[1]], timeout=float(sys.argv[2])))
except subprocess.TimeoutExpired:
    sys.exit(124)
"""


def record_symptom(program: Path, timeout: float = 120.0, cuda: bool = False, warm: bool = False) -> str:
    """Runs a program as its user would and returns what it prints.

    The program runs in a copy of its folder's Python files under this Python with one thread. Paths of this machine are cut
    out of tracebacks, so that the text is the same everywhere.

    Args:
        program: The file to run; a project's others lie beside it.
        timeout: Seconds until the run is given up.
        cuda: Whether it sees a GPU.
        warm: Whether it runs in a fork of a process that has imported torch, which takes as long as many a program: on the
            CPU alone, and with a few lines more in tracebacks.

    Raises:
        subprocess.TimeoutExpired: The program did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="redgreen-") as copy:
        for file in (*program.parent.glob("*.py"), *program.parent.glob("*/*.py")):
            target = Path(copy) / file.relative_to(program.parent)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target)
        place = os.path.realpath(copy)
        text = (
            _run_in_fork(place, program.name, timeout)
            if warm
            else _run_in_new_process(place, program.name, timeout, cuda)
        )
    # Without the codes that make a terminal write in bold.
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).replace(place + os.sep, "")
    return re.sub(r'"[^"\n]*?(?:site|dist)-packages[/\\]', '"', text)


_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _run_in_new_process(place: str, name: str, timeout: float, cuda: bool) -> str:
    hidden = {} if cuda else {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        # A process of its own between: a child inherits its parent's peak memory, which a program may print.
        [sys.executable, "-c", _LAUNCH, name, str(timeout)],
        cwd=place,
        env=os.environ | _ENVIRONMENT | hidden,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 124:
        raise subprocess.TimeoutExpired(name, timeout, done.stdout)
    return done.stdout


def _run_in_fork(place: str, name: str, timeout: float) -> str:
    context = multiprocessing.get_context("forkserver")
    # The first step of an optimizer imports torch._dynamo, which takes longer than many a program.
    context.set_forkserver_preload(["torch", "torch._dynamo", __name__])
    with tempfile.NamedTemporaryFile(prefix="redgreen-") as output:
        process = context.Process(target=_run_script, args=(place, name, output.name))
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(name, timeout)
        return Path(output.name).read_text("utf-8", "replace")


def _run_script(place: str, name: str, output: str) -> None:
    """Does in its process what ``python name`` does in a folder, and writes to a file what that prints."""
    import torch

    os.environ |= _ENVIRONMENT | {"CUDA_VISIBLE_DEVICES": ""}
    torch.set_num_threads(1)
    os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), 1)
    os.dup2(1, 2)
    os.chdir(place)
    sys.argv, sys.path[:0] = [name], [place]
    runpy.run_path(name, run_name="__main__")
