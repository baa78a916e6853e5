"""Reads a skill: any folder with a SKILL.md, from a path or from a path at a git revision.

The whole folder counts: frontmatter of any vocabulary, the sheets beside SKILL.md, and what
lies in subfolders. Its content hash identifies it everywhere. Everything that is wrong with
a folder is one `InputError`, before any model is called. This module never runs a skill's scripts.
"""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from redgreenbench.evals.errors import InputError

__all__ = ["MAX_BYTES", "MissingSkill", "Skill", "commit_of", "read_skill"]

MAX_BYTES = 1_000_000
"""A folder larger than this is refused: no model's context takes it."""


class MissingSkill(InputError):
    """There is no skill at this place: no folder, or none with a SKILL.md. Whoever compares versions may expect that."""


@dataclass(frozen=True)
class Skill:
    """A skill as it was read.

    Attributes:
        name: From the frontmatter.
        description: From the frontmatter.
        version: A label for people: the frontmatter's version, else the git revision, else the folder's name.
        hash: SHA-256 over paths and contents of all files, 64 hex digits.
        body: SKILL.md without its frontmatter.
        sheets: Text of the other files that are UTF-8, by path inside the folder.
        frontmatter: SKILL.md above its body, without the lines of dashes.
        exact: Files whose bytes `sheets` does not give, in base64, since a skill stands in logs: binary files, and texts
            with other line ends.
    """

    name: str
    description: str
    version: str
    hash: str
    body: str
    sheets: tuple[tuple[str, str], ...]
    frontmatter: str = ""
    exact: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """Body and sheets in one text, each sheet under the name of its file."""
        parts = [self.body]
        parts += [f'<file path="{path}">\n{text.strip()}\n</file>' for path, text in self.sheets]
        return "\n\n".join(parts)

    @property
    def files(self) -> dict[str, bytes]:
        """Every file of the folder by its path; of SKILL.md only blank lines around its body may differ."""
        main = f"---\n{self.frontmatter}\n---\n\n{self.body}\n"
        texts = {"SKILL.md": main.encode()} | {path: text.encode() for path, text in self.sheets}
        return texts | {path: base64.b64decode(data) for path, data in self.exact}


def read_skill(spec: str) -> Skill:
    """Reads the skill that ``spec`` names.

    Args:
        spec: ``path`` or ``path@git-ref``; an existing path that contains ``@`` is taken as a path.

    Raises:
        InputError: Anything that keeps the folder from being a usable skill.
    """
    path, ref = Path(spec).expanduser(), ""
    if not path.exists() and "@" in spec:
        before, _, ref = spec.rpartition("@")
        path = Path(before).expanduser()
    if path.name == "SKILL.md":
        path = path.parent
    files = _from_git(path, ref, spec) if ref else _from_disk(path, spec)
    return _parse(files, spec, fallback=ref or path.resolve().name)


def _hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _from_disk(folder: Path, spec: str) -> dict[str, bytes]:
    if not folder.is_dir():
        raise MissingSkill(f"skill {spec}: no such folder; give a folder that holds a SKILL.md")
    root = folder.resolve()
    files: dict[str, bytes] = {}
    size = 0
    for path in sorted(root.rglob("*")):
        relative = PurePosixPath(path.relative_to(root).as_posix())
        if _hidden(relative):
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise InputError(f"skill {spec}: {relative} is a link out of the folder; copy the file in")
        if not path.is_file():
            continue
        size += path.stat().st_size
        if size > MAX_BYTES:
            raise _too_large(spec)
        try:
            files[str(relative)] = path.read_bytes()
        except OSError as exc:
            raise InputError(f"skill {spec}: {relative} cannot be read ({exc.strerror})") from exc
    return files


def commit_of(path: Path, ref: str) -> str:
    """The commit, 40 hex digits, that a revision means in the repository of a path.

    Args:
        path: A file or folder; it need not exist in the working tree.
        ref: A git revision.

    Raises:
        InputError: The path is in no repository, or git does not know the revision.
    """
    return _commit(path, ref, f"{path}@{ref}")[1]


def _commit(folder: Path, ref: str, spec: str) -> tuple[Path, str]:
    """The repository of a folder, and the commit that a revision means in it."""
    # The folder may exist at that revision only, so git is asked from the nearest folder that exists.
    absolute = folder.absolute()
    start = next(parent for parent in (absolute, *absolute.parents) if parent.is_dir())
    top = _git(start, "rev-parse", "--show-toplevel")
    if top is None:
        raise InputError(f"skill {spec}: {start} is not in a git repository; drop '@{ref}' or check the path")
    # A revision never starts with a dash; refusing it keeps it from being read as an option.
    commit = (
        None if ref.startswith("-") else _git(start, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    )
    if commit is None:
        raise InputError(f"skill {spec}: git knows no revision '{ref}'; fetch it or correct it")
    return Path(top.decode().strip()).resolve(), commit.decode().strip()


def _from_git(folder: Path, ref: str, spec: str) -> dict[str, bytes]:
    root, _ = _commit(folder, ref, spec)
    inside = folder.absolute().resolve().relative_to(root).as_posix()
    # From the top, because inside a folder `archive` narrows the tree to that folder once more.
    archive = _git(root, "archive", "--format=tar", f"{ref}:{'' if inside == '.' else inside}")
    if archive is None:
        raise MissingSkill(f"skill {spec}: no folder {inside} at revision '{ref}'; check path and revision")
    files: dict[str, bytes] = {}
    size = 0
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = {member.name: member for member in tar.getmembers()}
        for name, member in sorted(members.items()):
            relative = PurePosixPath(name)
            if member.isdir() or _hidden(relative):
                continue
            if member.issym():
                target = _normal(relative.parent / member.linkname)
                if target is None or target not in members:
                    raise InputError(
                        f"skill {spec}: {relative} is a link out of the folder; copy the file in"
                    )
                member = members[target]
            size += member.size
            if size > MAX_BYTES:
                raise _too_large(spec)
            extracted = tar.extractfile(member)
            files[name] = extracted.read() if extracted else b""
    return files


def _normal(path: PurePosixPath) -> str | None:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return None if path.is_absolute() else "/".join(parts)


def _git(folder: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    except FileNotFoundError as exc:
        raise InputError("git is not installed; install it or give the skill as a plain path") from exc
    return done.stdout if done.returncode == 0 else None


def _too_large(spec: str) -> InputError:
    return InputError(
        f"skill {spec}: larger than {MAX_BYTES:,} bytes; give the skill's own folder, without data"
    )


def _parse(files: dict[str, bytes], spec: str, fallback: str) -> Skill:
    if "SKILL.md" not in files:
        raise MissingSkill(f"skill {spec}: no SKILL.md in it; give the folder that holds one")
    texts = {path: _decode(data) for path, data in files.items()}
    main = texts["SKILL.md"]
    if main is None:
        raise InputError(f"skill {spec}: SKILL.md is not UTF-8; save it as UTF-8")
    fields, frontmatter, body = _frontmatter(main, spec)
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode() + files[path])
    nested = fields.get("metadata")
    version = (
        fields.get("version") or (nested.get("version") if isinstance(nested, dict) else None) or fallback
    )
    return Skill(
        name=str(fields["name"]),
        description=str(fields["description"]).strip(),
        version=str(version),
        hash=digest.hexdigest(),
        body=body,
        sheets=tuple((p, t) for p, t in sorted(texts.items()) if p != "SKILL.md" and t is not None),
        frontmatter=frontmatter,
        exact=tuple(
            (path, base64.b64encode(data).decode())
            for path, data in sorted(files.items())
            if path != "SKILL.md" and ((text := texts[path]) is None or text.encode() != data)
        ),
    )


def _decode(data: bytes) -> str | None:
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None


def _frontmatter(text: str, spec: str) -> tuple[dict[str, Any], str, str]:
    lines = text.lstrip("\ufeff").split("\n")
    if lines[0].strip() != "---":
        raise InputError(
            f"skill {spec}: SKILL.md has no frontmatter; begin it with --- name, description ---"
        )
    try:
        end = next(i for i, line in enumerate(lines[1:], 1) if line.strip() == "---")
    except StopIteration:
        raise InputError(f"skill {spec}: the frontmatter of SKILL.md never ends; close it with ---") from None
    try:
        fields = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" (line {mark.line + 2})" if mark else ""
        raise InputError(f"skill {spec}: the frontmatter of SKILL.md is not YAML{where}; correct it") from exc
    if not isinstance(fields, dict):
        raise InputError(f"skill {spec}: the frontmatter of SKILL.md is not a mapping; write `name: …` lines")
    for key in ("name", "description"):
        if not isinstance(fields.get(key), str) or not fields[key].strip():
            raise InputError(f"skill {spec}: the frontmatter of SKILL.md lacks `{key}`; add it")
    body = "\n".join(lines[end + 1 :]).strip()
    if not body:
        raise InputError(f"skill {spec}: SKILL.md has an empty body; write the skill below the frontmatter")
    return fields, "\n".join(lines[1:end]), body
