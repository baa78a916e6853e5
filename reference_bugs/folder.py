"""A reference bug's folder: the only place that knows the names of the files in it.

`program.py` is the program as its user has it, `bug.yaml` describes it, and `symptom.txt` is what
the program printed when it was recorded by running it (`record_symptom`), never text typed by hand.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

__all__ = ["HERE", "BugFolder", "bug_folder", "bug_names", "record_symptom"]

HERE = Path(__file__).resolve().parent
_FIELDS = {
    "title": "what is wrong, in a few words",
    "document": "number of the source document",
    "section": "its heading, word for word",
    "ran": "how the user came to what it printed, before the colon",
    "root_cause": "why it happens, in one or two sentences",
    "location": "class or function whose code has to change",
    "error_pattern": "the well-known pattern that the symptom belongs to",
    "tools": "PyTorch debugging tools that fit",
}
_OPTIONAL = {"deviation": "where the program departs from the document"}


@dataclass(frozen=True)
class BugFolder:
    """One reference bug.

    Attributes:
        name: Name of its folder.
        path: The folder.
        program: Source text of the buggy program, without the final newline.
        symptom: What the program printed when it was recorded, without the final newline.
        about: The fields of ``bug.yaml``.
    """

    name: str
    path: Path
    program: str
    symptom: str
    about: dict[str, Any]


def bug_names() -> tuple[str, ...]:
    """Names of all reference bugs, sorted."""
    return tuple(sorted(path.parent.name for path in HERE.glob("*/bug.yaml")))


@cache
def bug_folder(name: str) -> BugFolder:
    """Reads the folder of one bug.

    Raises:
        ValueError: There is no such bug, or a file or field of it is missing; the message says which.
    """
    path = HERE / name
    if name not in bug_names():
        raise ValueError(f"no reference bug '{name}'; the bugs are {', '.join(bug_names())}")
    for needed in ("program.py", "symptom.txt"):
        if not (path / needed).is_file():
            raise ValueError(f"{path / needed} is missing; write the program, then record its symptom")
    about = yaml.safe_load((path / "bug.yaml").read_text("utf-8"))
    for field in _FIELDS.keys() - set(about):
        raise ValueError(f"{path / 'bug.yaml'}: {field}: this field is required; add {_FIELDS[field]}")
    for field in set(about) - _FIELDS.keys() - _OPTIONAL.keys():
        raise ValueError(f"{path / 'bug.yaml'}: {field}: no such field; correct its name or remove it")
    return BugFolder(
        name=name,
        path=path,
        program=(path / "program.py").read_text("utf-8").rstrip("\n"),
        symptom=(path / "symptom.txt").read_text("utf-8").rstrip("\n"),
        about=about,
    )


def record_symptom(program: Path, timeout: float = 120.0) -> str:
    """Runs a program as its user would and returns what it prints.

    The program runs in its own folder under this Python on the CPU with one thread. Paths of this
    machine are cut out of tracebacks, so that the text is the same everywhere.

    Args:
        program: The file to run.
        timeout: Seconds until the run is given up.

    Raises:
        subprocess.TimeoutExpired: The program did not end in time.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, program.name],
        cwd=program.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        text=True,
        check=False,
    )
    text = done.stdout.replace(str(program.parent) + os.sep, "")
    return re.sub(r'"[^"\n]*?(?:site|dist)-packages[/\\]', '"', text)
