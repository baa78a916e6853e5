"""Reads Python source and edits it by whole lines, so that whatever is not edited stays byte for byte.

It refuses to unparse a syntax tree: code goes in as it was written, only its indentation may shift. Reading
never raises; a text that is no Python is `None`.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LONGEST = 200_000  # characters; a block beyond that is no program of one file, and parsing it takes seconds

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_PLACEHOLDER = re.compile(
    r"""^\s*\#+\s*[\[(<{-]*\s*(?:
        (?:\.{3}|…).*
      | .{0,80}(?:\.{3}|…)\s*[\])>}-]*
      | (?:the\s+)?(?:rest|remainder)\s+(?:of\s+.{1,50}|stays|remains|is|as)\b.{0,50}
      | (?:the\s+)?(?:rest|unchanged|existing\ code|no\ changes?(?:\ here)?|as\ (?:before|above))
      | (?:(?:everything|all|all\ the)\s+)?(?:else\s+|other\s+.{0,30})?(?:stays\ |remains\ |is\ |are\ )?
        (?:the\s+)?(?:same|unchanged)(?:\ (?:as|code)\b.{0,40})?
      | (?:other|remaining|existing|previous|your|original)\s+(?:\w+\s+){0,4}
        (?:code|here|unchanged|layers|methods|body|setup|same|as\ is|goes\ here|stay|remain|logic|body|steps?)
        \b.{0,20}
      | (?:keep|leave)\s.{0,50}(?:same|as\ is|as\ before|unchanged|original)\b.{0,20}
      | .{0,50}\((?:unchanged|same\ as\ (?:before|above|original)|as\ before)\)
    )[\s.!\])>}-]*$""",
    re.VERBOSE | re.IGNORECASE,
)


class Refused(Exception):
    """A block that cannot be applied; its text is the reason, in one line."""


def split_lines(text: str) -> list[str]:
    """Splits as Python's own parser does: at LF, CR and CRLF and at nothing else."""
    return _LINE.findall(text)


def parse(text: str) -> ast.Module | None:
    """The syntax tree, or None."""
    if len(text) > LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def parse_problem(text: str) -> str:
    """Why a text is no Python, with number and words of the offending line."""
    if len(text) > LONGEST:
        return f"is too long to be a program ({len(text):,} characters)"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as problem:
        number = problem.lineno or 0
        lines = split_lines(text)
        words = lines[number - 1].strip()[:60] if 0 < number <= len(lines) else ""
        return f"does not parse: line {number}, {problem.msg}: {words}"
    except (ValueError, RecursionError, MemoryError) as problem:
        return f"does not parse: {type(problem).__name__}"
    return ""


def is_placeholder(node: ast.stmt) -> bool:
    """Whether a statement is a bare `...`, which a comment such as `# rest unchanged` becomes as well."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...


def has_placeholder(node: ast.AST) -> bool:
    """Whether anything is left out inside of a statement."""
    return any(isinstance(inner, ast.stmt) and is_placeholder(inner) for inner in ast.walk(node))


@dataclass(frozen=True)
class Source:
    """A text that parses: its lines and its tree, whose line numbers are those of the text."""

    lines: tuple[str, ...]
    tree: ast.Module

    @property
    def newline(self) -> str:
        """How lines end here."""
        first = self.lines[0] if self.lines else "\n"
        return "\r\n" if first.endswith("\r\n") else "\r" if first.endswith("\r") else "\n"

    @property
    def text(self) -> str:
        """The text itself."""
        return "".join(self.lines)


def read(text: str) -> Source | None:
    """Reads a program, as it stands."""
    tree = parse(text)
    return Source(tuple(split_lines(text)), tree) if tree else None


def read_block(code: str) -> Source | None:
    """Reads a block of an answer, in which a comment may stand for code that is left out."""
    lines = split_lines(code)
    # Only the parser sees the dots: a body that consists of such a comment would not parse at all.
    shadow = [
        re.sub(r"#.*", "...", line) if "#" in line and _PLACEHOLDER.match(line.rstrip("\r\n")[:200]) else line
        for line in lines
    ]
    tree = parse("".join(shadow)) or (parse(code) if shadow != lines else None)
    return Source(tuple(lines), tree) if tree else None


@dataclass(frozen=True)
class Edit:
    """Lines `start` to `end` (0-based, half open) give way to others; equal numbers insert.

    Attributes:
        start: First line that goes.
        end: Line after the last one that goes.
        lines: What comes instead, without line ends.
        what: What this does, for people.
        adds: Set for an import or helper that stands by itself: two of them never exclude each other.
    """

    start: int
    end: int
    lines: tuple[str, ...]
    what: str
    adds: str = ""

    def clashes(self, other: "Edit") -> bool:
        """Whether both want the same place."""
        if self.adds or other.adds:
            return self.adds == other.adds and self.lines != other.lines
        mine, theirs = self.start < self.end, other.start < other.end
        if mine and theirs:
            return max(self.start, other.start) < min(self.end, other.end)
        if not mine and not theirs:
            return self.start == other.start
        point, gone = (other.start, self) if mine else (self.start, other)
        return gone.start < point < gone.end


def apply_edits(program: Source, edits: Iterable[Edit]) -> str:
    """The program after edits that do not overlap."""
    lines = list(program.lines)
    newline = program.newline
    unique = list(dict.fromkeys(edits))
    # From the bottom up; at one place the first edit comes out on top.
    for edit in sorted(reversed(unique), key=lambda e: (e.start, e.end), reverse=True):
        if edit.start and not lines[edit.start - 1].endswith(("\n", "\r")):
            lines[edit.start - 1] += newline
        lines[edit.start : edit.end] = [line + newline for line in edit.lines]
    return "".join(lines)


def span(node: ast.stmt) -> tuple[int, int]:
    """The lines of a statement, decorators included, as a half-open 0-based range."""
    first = node.lineno
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        first = min([first, *(decorator.lineno for decorator in node.decorator_list)])
    return first - 1, node.end_lineno or node.lineno


def alone(source: Source, node: ast.stmt) -> bool:
    """Whether a statement shares its lines with no other."""
    start, end = span(node)
    before = "" if start != node.lineno - 1 else _bytes(source.lines[start])[: node.col_offset].decode()
    after = _bytes(source.lines[end - 1])[node.end_col_offset :].decode().strip()
    return not before.strip() and (not after or after.startswith("#"))


def _bytes(line: str) -> bytes:
    return line.encode("utf-8", "surrogatepass")


def indent_of(source: Source, node: ast.stmt) -> str:
    """The white space before a statement."""
    line = source.lines[span(node)[0]]
    return line[: len(line) - len(line.lstrip(" \t"))]


def cut(source: Source, start: int, end: int, base: str, indent: str) -> tuple[str, ...]:
    """Lines of a source, moved from one indentation to another; the inside of strings stays where it is."""
    fixed = _string_lines(source.tree) if base != indent else set()
    result = []
    for number in range(start, end):
        line = source.lines[number].rstrip("\r\n")
        if number in fixed:
            result.append(line)
        elif not line.strip():
            result.append("")
        elif line.startswith(base):
            result.append(indent + line[len(base) :])
        else:
            result.append(indent + line.lstrip(" \t"))
    return tuple(result)


def _string_lines(tree: ast.Module) -> set[int]:
    """Lines that begin inside of a string that is no docstring."""
    docstrings: set[int] = set()
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            docstrings.add(id(node.value))
        elif isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str | bytes)
            and id(node) not in docstrings
        ):
            inside.update(range(node.lineno, node.end_lineno or node.lineno))
    return inside


def with_comments(source: Source, start: int, floor: int) -> int:
    """The first of the comment lines right above a line, no higher than `floor`."""
    while start > floor and source.lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start


def same(one: ast.AST | Sequence[ast.AST], other: ast.AST | Sequence[ast.AST]) -> bool:
    """Whether two trees are equal but for line numbers."""
    return dump(one) == dump(other)


def dump(node: ast.AST | Sequence[ast.AST]) -> str:
    """A tree in words, without line numbers."""
    return ast.dump(node) if isinstance(node, ast.AST) else ";".join(map(ast.dump, node))
