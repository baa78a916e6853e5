"""Reads a skill: any folder with a SKILL.md, from a path or from a path at a git revision.

What counts is its text: SKILL.md and the sheets beside it. What an author keeps beside them for other ends is left out of
what is delivered, of the hash and of the length that a placebo gets, and listed in `Skill.left_out`:

- ``evals/``, whose answers a model must not see
- licences and notices, signatures
- hidden files and folders, ``node_modules``, ``venv``, ``__pycache__``
- files that are no UTF-8 text, and links that lead nowhere

Line ends and a byte order mark make no difference. Everything that is wrong with a folder is one `InputError`, before any
model is called. This module never runs a skill's scripts.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from frontmatter.default_handlers import YAMLHandler

from redgreenbench.evals.errors import InputError

__all__ = [
    "MAX_BYTES",
    "SKILL_FILE",
    "MissingSkill",
    "Skill",
    "commit_of",
    "dead_links",
    "largest_files",
    "read_skill",
    "skills_below",
]

SKILL_FILE = "SKILL.md"
MAX_BYTES = 10_000_000
"""Bytes of text beyond which a folder is refused: it stands in logs, and no skill of a person's making is as long."""

_FOLDERS = frozenset({"__pycache__", "node_modules", "venv"})
_LICENCES = frozenset({"LICENSE", "LICENCE", "COPYING", "NOTICE", "OFL"})
_SIGNATURES = frozenset({".sig", ".asc", ".sigstore", ".minisig", ".p7s"})
_SHOWN = 12


class MissingSkill(InputError):
    """There is no skill here: no folder, or no SKILL.md in it. Comparing versions handles this case."""


@dataclass(frozen=True)
class Skill:
    """A skill as it was read.

    Attributes:
        name: From the frontmatter.
        description: From the frontmatter.
        version: A label for people: the frontmatter's version, else the git revision, else the folder's name.
        hash: SHA-256 over paths and contents of its texts, 64 hex digits.
        body: SKILL.md without its frontmatter.
        sheets: The other texts, by path inside the folder.
        frontmatter: SKILL.md above its body, without the lines of dashes.
        left_out: Paths of what is no part of the skill; a folder's end with a slash.
    """

    name: str
    description: str
    version: str
    hash: str
    body: str
    sheets: tuple[tuple[str, str], ...]
    frontmatter: str = ""
    left_out: tuple[str, ...] = field(default=(), compare=False)

    @property
    def text(self) -> str:
        """Body and sheets in one text, each sheet under the name of its file."""
        parts = [self.body]
        parts += [f'<file path="{path}">\n{text.strip()}\n</file>' for path, text in self.sheets]
        return "\n\n".join(parts)

    @property
    def files(self) -> dict[str, bytes]:
        """Every text by its path; of SKILL.md only blank lines around its body may differ."""
        main = f"---\n{self.frontmatter}\n---\n\n{self.body}\n"
        return {SKILL_FILE: main.encode()} | {path: text.encode() for path, text in self.sheets}


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
        if not ref:
            raise InputError(f"skill {spec}: no revision behind the @; name one, or drop the @")
        path = Path(before).expanduser()
    if _is_main(path.name):
        path = path.parent
    tree = _git_tree(path, ref, spec) if ref else _disk_tree(path, spec)
    return _parse(tree, spec, path.absolute().name, ref)


def skills_below(folder: Path) -> list[Path]:
    """Folders with a SKILL.md at most three levels below a folder, such as those of a plugin, sorted."""
    candidates = (path for depth in (1, 2, 3) for path in folder.glob("*/" * depth + "*.[mM][dD]"))
    inside = (path for path in candidates if not _is_unread(path.relative_to(folder).parts))
    mains = sorted((path for path in inside if _is_main(path.name)), key=lambda path: (len(path.parts), path))
    # By where they really lie, the nearest last: a link to a folder above would list the same skills again.
    once = {os.path.realpath(path): path.parent for path in reversed(mains)}
    return sorted(once.values())


def largest_files(skill: Skill, count: int = 3) -> str:
    """The longest texts of a skill with their lengths, for a message."""
    sizes = {SKILL_FILE: len(skill.body)} | {path: len(text) for path, text in skill.sheets}
    return _sizes(sizes, count)


def dead_links(skill: Skill) -> list[str]:
    """Links of Markdown sheets to files that the folder does not have, each once, as ``sheet: target``."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt()
    there = {SKILL_FILE, *(path for path, _ in skill.sheets), *(path.rstrip("/") for path in skill.left_out)}
    there |= {str(parent) for path in there for parent in PurePosixPath(path).parents}
    unread = tuple(path for path in skill.left_out if path.endswith("/"))
    dead: dict[str, str] = {}
    for sheet, text in ((SKILL_FILE, skill.body), *skill.sheets):
        if not sheet.lower().endswith((".md", ".markdown")):
            continue
        for block in parser.parse(text):
            for token in block.children or ():
                target = str(token.attrGet("href") or "") if token.type == "link_open" else ""
                path = _link_path(target, sheet)
                if path and path not in there and not path.startswith(unread):
                    dead.setdefault(path, f"{sheet}: {target}")
    return list(dead.values())


def _link_path(target: str, sheet: str) -> str:
    """The path inside the folder that a link leads to; empty for an address, an anchor, or what lies elsewhere."""
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    # A target without a dot or slash, such as (url) or (...), is a placeholder or a page of another kind.
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return ""
    path = unquote(parts.path)
    if "." not in posixpath.basename(path).strip("."):
        return ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(sheet), path))
    return "" if path.startswith("..") else path


def commit_of(path: Path, ref: str) -> str:
    """The commit, 40 hex digits, that a revision means in the repository of a path.

    Args:
        path: A file or folder; it need not exist in the working tree.
        ref: A git revision.

    Raises:
        InputError: The path is in no repository, or git does not know the revision.
    """
    return _commit(path, ref, f"{path}@{ref}")[1]


@dataclass(frozen=True)
class _Tree:
    """A folder on disk or in git, by paths inside of it.

    Attributes:
        entries: For each file its size in bytes, or for a link where it leads to; a folder that is not looked into ends
            with a slash.
        read: Gives the contents of files.
    """

    entries: dict[str, int | str]
    read: Callable[[list[str]], dict[str, bytes]]


def _is_main(name: str) -> bool:
    return name.lower() == SKILL_FILE.lower()


def _is_unread(parts: tuple[str, ...]) -> bool:
    return any(part in _FOLDERS or part.startswith(".") for part in parts) or parts[0] == "evals"


def _is_unread_file(path: str) -> bool:
    name = PurePosixPath(path)
    if name.suffix.lower() in _SIGNATURES:
        return True
    words = name.stem.upper().replace("_", "-").split("-")
    if name.suffix.lower() in ("", ".txt"):
        return bool(_LICENCES & {words[0], words[-1]})
    return len(words) == 1 and words[0] in _LICENCES


def _disk_tree(folder: Path, spec: str) -> _Tree:
    if not folder.is_dir():
        raise MissingSkill(f"skill {spec}: no such folder; give a folder that holds a {SKILL_FILE}")
    root = folder.resolve()
    if not any(_is_main(path.name) and not path.is_dir() for path in root.iterdir()):
        raise MissingSkill(_without_main(spec, [str(p.relative_to(root)) for p in skills_below(root)]))

    def failed(error: OSError) -> None:
        raise InputError(f"skill {spec}: {error.filename} cannot be read ({error.strerror})") from error

    def entries() -> Iterator[tuple[str, int | str]]:
        for where, folders, names in os.walk(root, onerror=failed):
            inside = PurePosixPath(Path(where).relative_to(root).as_posix())
            for name in sorted(folders):
                path = inside / name
                if _is_unread(path.parts):
                    folders.remove(name)
                    yield f"{path}/", 0
                elif (Path(where) / name).is_symlink():
                    yield str(path), os.readlink(Path(where) / name)
            for name in names:
                file = Path(where) / name
                if file.is_symlink():
                    yield str(inside / name), os.readlink(file)
                elif file.is_file():
                    yield str(inside / name), file.stat().st_size

    def read(paths: list[str]) -> dict[str, bytes]:
        try:
            return {path: (root / path).read_bytes() for path in paths}
        except OSError as exc:
            raise InputError(f"skill {spec}: {exc.filename} cannot be read ({exc.strerror})") from exc

    return _Tree(dict(entries()), read)


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


def _git_tree(folder: Path, ref: str, spec: str) -> _Tree:
    root, commit = _commit(folder, ref, spec)
    inside = folder.absolute().resolve().relative_to(root).as_posix()
    place = f"{commit}:{'' if inside == '.' else inside}"
    listed = _git(root, "ls-tree", "-r", "-l", "-z", "--full-tree", place)
    if listed is None:
        raise MissingSkill(f"skill {spec}: no folder {inside} at revision '{ref}'; check path and revision")
    entries: dict[str, int | str] = {}
    blobs: dict[str, str] = {}
    for line in filter(None, listed.decode("utf-8", "surrogateescape").split("\0")):
        about, _, path = line.partition("\t")
        mode, _, blob, size = about.split()
        parts = PurePosixPath(path).parts
        cut = next((n for n in range(1, len(parts)) if _is_unread(parts[:n])), None)
        if cut is not None:
            entries["/".join(parts[:cut]) + "/"] = 0
        elif mode == "120000":
            entries[path] = _blobs(root, [blob])[0].decode("utf-8", "surrogateescape")
        elif mode != "160000":
            entries[path] = int(size)
            blobs[path] = blob
    if not any(_is_main(path) for path in entries):
        below = sorted({str(PurePosixPath(p).parent) for p in blobs if _is_main(PurePosixPath(p).name)})
        raise MissingSkill(_without_main(spec, below))
    return _Tree(
        entries, lambda paths: dict(zip(paths, _blobs(root, [blobs[p] for p in paths]), strict=True))
    )


def _blobs(root: Path, names: list[str]) -> list[bytes]:
    """Contents of blobs, as they are stored: neither line ends nor attributes of the repository change them."""
    out = _git(root, "cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode()) or b""
    contents, at = [], 0
    for _ in names:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[2])
        contents.append(out[end + 1 : end + 1 + size])
        at = end + size + 2
    return contents


def _git(folder: Path, *arguments: str, given: bytes | None = None) -> bytes | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False, input=given)
    except FileNotFoundError as exc:
        raise InputError("git is not installed; install it or give the skill as a plain path") from exc
    return done.stdout if done.returncode == 0 else None


def _without_main(spec: str, below: list[str]) -> str:
    if not below:
        return f"skill {spec}: no {SKILL_FILE} in it; give the folder that holds one"
    shown = ", ".join(below[:_SHOWN]) + (f" and {len(below) - _SHOWN} more" if len(below) > _SHOWN else "")
    return (
        f"skill {spec}: no {SKILL_FILE} in it, but {len(below)} skill{'s' if len(below) > 1 else ''} below: {shown}; "
        f"give one of them, or several, each with --skill"
    )


def _parse(tree: _Tree, spec: str, folder: str, ref: str) -> Skill:
    sources, left_out = _sources(tree.entries, spec)
    for path in sources:
        if any("\ud800" <= c <= "\udfff" for c in path):  # for bytes that are no UTF-8
            raise InputError(f"skill {spec}: the name of the file {path!a} is not UTF-8; rename it")
    sizes = {path: int(tree.entries[source]) for path, source in sources.items()}
    if sum(sizes.values()) > MAX_BYTES:
        # Images and fonts may be large, and are no text; so what is text is found out before anything is refused.
        sizes = {p: n for p, n in sizes.items() if _decode(tree.read([sources[p]])[sources[p]]) is not None}
        left_out += sorted(set(sources) - set(sizes))
        sources = {path: sources[path] for path in sizes}
        if sum(sizes.values()) > MAX_BYTES:
            raise InputError(
                f"skill {spec}: {sum(sizes.values()):,} bytes of text, at most {MAX_BYTES:,} are read; the largest files "
                f"are {_sizes(sizes, 3)}: move what is data out of the skill's folder"
            )
    data = tree.read(sorted(set(sources.values())))
    texts: dict[str, str] = {}
    for path, source in sources.items():
        text = _decode(data[source])
        if text is None:
            left_out.append(path)
        else:
            texts[path] = text
    mains = sorted(path for path in sources if _is_main(path))
    if not mains:
        raise InputError(
            f"skill {spec}: {SKILL_FILE} is a link that leads nowhere; copy in what it should lead to"
        )
    if len(mains) > 1:
        raise InputError(f"skill {spec}: {' and '.join(mains)} differ in case alone; keep one")
    main = mains[0]
    if main not in texts:
        raise InputError(f"skill {spec}: {main} is not UTF-8; save it as UTF-8")
    fields, front, body = _frontmatter(texts.pop(main), spec)
    name = str(fields.get("name") or folder).strip()
    digest = hashlib.sha256()
    for path, text in sorted({**texts, SKILL_FILE: f"{front}\0{body}"}.items()):
        encoded = text.encode()
        digest.update(f"{path}\0{len(encoded)}\0".encode() + encoded)
    nested = fields.get("metadata")
    version = fields.get("version") or (nested.get("version") if isinstance(nested, dict) else None)
    return Skill(
        name=name,
        description=str(fields["description"]).strip(),
        version=str(version or ref or folder),
        hash=digest.hexdigest(),
        body=body,
        sheets=tuple(sorted(texts.items())),
        frontmatter=front,
        left_out=tuple(sorted(left_out)),
    )


def _sources(entries: dict[str, int | str], spec: str) -> tuple[dict[str, str], list[str]]:
    """The files of a skill, each with the file that holds its contents, and what is left out. Links are followed.

    Raises:
        InputError: A link leads out of the folder.
    """
    sources: dict[str, str] = {}
    left_out: list[str] = []
    for path, entry in entries.items():
        if path.endswith("/") or _is_unread(PurePosixPath(path).parts) or _is_unread_file(path):
            left_out.append(path)
        elif isinstance(entry, int):
            sources[path] = path
        else:
            followed = _resolved_link(path, entries, spec)
            if not followed:
                left_out.append(path)
            sources |= followed
    return sources, left_out


def _resolved_link(link: str, entries: dict[str, int | str], spec: str) -> dict[str, str]:
    """What stands where a link is: a file, or the files of a folder; nothing if it leads nowhere."""
    target = link
    for _ in range(40):
        # A link on the way to the target, too, leads somewhere else.
        via = next((t for t in _path_prefixes(target) if isinstance(entries.get(t), str)), None)
        if via is None:
            break
        leads = posixpath.join(posixpath.dirname(via), str(entries[via]))
        target = posixpath.normpath(leads + target[len(via) :])
        if target.startswith(("..", "/")):
            raise InputError(
                f"skill {spec}: {link} is a link out of the folder, to {entries[link]}; copy in what it leads to"
            )
    else:
        return {}
    if target in entries:
        return {} if _is_unread_file(target) else {link: target}
    below = {p: n for p, n in entries.items() if target == "." or p.startswith(f"{target}/")}
    # A link to a folder that holds it would never end.
    if link in below:
        return {}
    return {
        link + path[len(target) :]: path
        for path, entry in below.items()
        if isinstance(entry, int) and not path.endswith("/") and not _is_unread_file(path)
    }


def _path_prefixes(path: str) -> list[str]:
    """A path and the folders on the way to it, shortest first."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _sizes(sizes: dict[str, int], count: int) -> str:
    largest = sorted(sizes, key=lambda path: (-sizes[path], path))[:count]
    return ", ".join(f"{path} ({sizes[path]:,})" for path in largest)


def _decode(data: bytes) -> str | None:
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None


def _frontmatter(text: str, spec: str) -> tuple[dict[str, Any], str, str]:
    """The fields of SKILL.md, their text, and the body."""
    handler, where = YAMLHandler(), f"skill {spec}: the frontmatter of {SKILL_FILE}"
    text = text.strip()
    if not handler.detect(text):
        raise InputError(
            f"skill {spec}: {SKILL_FILE} has no frontmatter; begin it with --- name, description ---"
        )
    try:
        front, body = handler.split(text)
    except ValueError:
        raise InputError(f"{where} never ends; close it with ---") from None
    try:
        fields = handler.load(front)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        why = getattr(exc, "problem", None) or str(exc).splitlines()[0]
        raise InputError(
            f"{where} is not YAML{line}: {why}; put a value that holds a colon or begins with a mark into quotes"
        ) from exc
    if not isinstance(fields, dict):
        raise InputError(f"{where} is not a mapping; write `name: …` lines")
    for key in ("name", "description"):
        if isinstance(fields.get(key), list | dict):
            raise InputError(
                f"{where} gives `{key}` as a list or mapping; write it as text, in quotes if need be"
            )
    if not str(fields.get("description") or "").strip():
        raise InputError(f"{where} lacks `description`, by which agents find the skill; add it")
    body = body.strip()
    if not body:
        raise InputError(
            f"skill {spec}: {SKILL_FILE} has an empty body; write the skill below the frontmatter"
        )
    return fields, front.strip("\n"), body
