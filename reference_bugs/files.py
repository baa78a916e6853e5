"""A program as its files: a mapping of paths to texts. A single program is the file `PROGRAM` alone.

A project has Python files side by side or in one level of folders, and starts with `TRAIN`. All that reads, executes or
compares programs takes this form, so that none of it has to know how many files there are.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = [
    "MAX_BYTES",
    "MAX_FILES",
    "PROGRAM",
    "TRAIN",
    "UNPARSABLE",
    "Files",
    "as_files",
    "imported_paths",
    "normalized_file",
    "normalized_program",
    "problem_of",
    "program_text",
    "read_files",
    "split_name",
    "too_long",
]

Files = dict[str, str]
"""Texts by path, such as ``model.py`` or ``nets/block.py``."""

PROGRAM = "program.py"
"""The one file of a single program."""
TRAIN = "train.py"
"""The file of a project that its user runs."""
MAX_BYTES = 1_000_000
"""A longer reply or program, in UTF-8, is not read."""
MAX_FILES = 40
"""A program of more files is not read."""

_PATH = re.compile(r"(?:[a-z_]\w*/)?[a-z_]\w*\.py", re.ASCII | re.IGNORECASE)
UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)

# What the sandbox itself is made of; a file of such a name would stand in the place of ours, or never be found.
_OURS = "accounting child confine driver framing probe probing redgreenbench runner wire zygote"
_LIBRARIES = "landlockpy numpy safetensors seccompy torch torchaudio torchvision"
RESERVED = {*sys.stdlib_module_names, *_OURS.split(), *_LIBRARIES.split()}
"""Names of modules that no file or folder of a program may have."""


def as_files(source: str | Mapping[str, str]) -> Files:
    """The files of a program that may be given as the text of a single one."""
    return {PROGRAM: source} if isinstance(source, str) else dict(source)


def program_text(files: Files) -> str:
    """A program as one text for a person: a single program as it is, the files of a project each under its path."""
    if set(files) == {PROGRAM}:
        return files[PROGRAM]
    return "\n\n\n".join(f"# {path}\n{text}" for path, text in files.items())


def too_long(text: str) -> bool:
    """Whether a text is longer than `MAX_BYTES`."""
    return len(text) > MAX_BYTES or len(text.encode(errors="surrogatepass")) > MAX_BYTES


def problem_of(files: Files) -> str:
    """What is wrong with these files as a program, in one line; empty if nothing."""
    if too_long("".join(files.values())):
        return f"it is longer than {MAX_BYTES:,} bytes"
    if len(files) > MAX_FILES:
        return f"it has more than {MAX_FILES} files"
    for path in files:
        if not _PATH.fullmatch(path):
            return f"`{path[:80]}` is no path of a file in it; they are such as `model.py` or `nets/block.py`"
        first, *rest = path.removesuffix(".py").split("/")
        if first in RESERVED or first.startswith("__"):
            return f"`{path}` has the name of a module that Python or a library has already; choose another"
        if rest and (f"{first}.py" in files or (rest[0].startswith("__") and rest[0] != "__init__")):
            return f"`{path}` cannot be imported beside the other files; choose another name"
    return ""


def split_name(name: str, files: Iterable[str]) -> tuple[str, str]:
    """Splits ``nets.block.Net`` into the path ``nets/block.py`` and ``Net``; a bare ``Net`` is in a single program.

    What stands behind the name, such as a method or arguments, is left out.
    """
    dotted = name.partition("(")[0].split(".")
    for size in (1, 2):
        path = f"{'/'.join(dotted[:size])}.py"
        if path in files and len(dotted) > size:
            return path, dotted[size]
    return PROGRAM, dotted[0]


def read_files(folder: Path) -> Files:
    """The Python files of a folder and of those in it, without their final newlines; `TRAIN` comes first.

    Raises:
        ValueError: They cannot be a program; the message says which and why.
    """
    paths = sorted([*folder.glob("*.py"), *folder.glob("*/*.py")], key=lambda p: (p.name != TRAIN, p))
    files = {p.relative_to(folder).as_posix(): p.read_text("utf-8").rstrip("\n") for p in paths}
    if problem := problem_of(files):
        raise ValueError(f"{folder}: {problem}")
    return files


def normalized_program(source: str | Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A program without comments and layout, for comparisons."""
    return tuple((path, normalized_file(text)) for path, text in sorted(as_files(source).items()))


def normalized_file(text: str) -> str:
    """A file without comments and layout, for comparisons."""
    try:
        return ast.dump(ast.parse(text))
    except UNPARSABLE:
        return text


def imported_paths(path: str, text: str) -> list[str]:
    """Paths that the imported modules of a file would have if they belonged to the program."""
    try:
        tree = ast.parse(text)
    except UNPARSABLE:
        return []
    paths: list[str] = []
    here = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            dotted = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = (here if node.level else []) + (node.module.split(".") if node.module else [])
            dotted = [base, *([*base, alias.name] for alias in node.names)]
        else:
            continue
        for parts in dotted:
            if parts and parts[0] not in RESERVED:
                paths += [f"{'/'.join(parts[:2])}.py", f"{parts[0]}.py", f"{parts[0]}/__init__.py"]
    return [path for path in dict.fromkeys(paths) if not problem_of({path: ""})]
