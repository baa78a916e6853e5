"""Finds the blocks of code in an answer and what is written around them.

It refuses to take inline code in a sentence for a block, and to call a block complete whose fence is never
closed.
"""

import ast
import html
import json
import re
import textwrap
from dataclasses import dataclass, replace
from itertools import pairwise

from redgreenbench.reference_bugs.extraction.source import LONGEST, parse, read_block, split_lines

MOST_BLOCKS = 60  # an answer with more is noise, and each costs a look at the program

_FENCE = re.compile(
    r"^(?P<pre>(?:[ \t]|>|[-*+][ \t]|\d{1,9}[.)][ \t]){0,40})(?P<mark>`{3,}|~{3,})(?P<info>.{0,200})$"
)
_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.{1,300})$|^\s{0,8}(?:\d+[.)]\s+)?\*\*([^*]{1,200})\*\*:?\s*$")
_PYTHON = {
    "",
    "py",
    "python",
    "python3",
    "py3",
    "pycon",
    "ipython",
    "diff",
    "patch",
    "udiff",
    "code",
    "pytorch",
    "torch",
}
_TEXT = {"text", "txt", "plaintext", "plain", "output", "log", "none", "markdown", "md"}
_SHELL = re.compile(r"^\s*(?:[$%] |(?:pip3?|conda|python3?|git|cd|export|apt|make|uv|nvidia-smi)(?: -?\w|$))")
_ERROR = re.compile(
    r"^\s*(?:Traceback \(most recent call last\)|[\w.]*(?:Error|Exception|Warning): )", re.MULTILINE
)
_CODE_LINE = re.compile(
    r"^\s*(?:(?:def|class|for|while|if|with|try|elif|else)\b.*:\s*(?:#.*)?$"
    r"|(?:import|from|return|assert)\s+\w"
    r"|@\w|[\w.\[\], ]{1,60}\s*(?:[-+*/]?=)\s*\S|[\w.]{1,60}\(.*\)\s*(?:#.*)?$)"
)
_DIFF_START = re.compile(r"^(?:diff --git |--- \S|@@ ?(?:-\d|\.\.\.|@@|$))", re.MULTILINE)
_PART = re.compile(
    r"^#+\s*[^\w\s]*\s*(?:(?:option|solution|approach|alternative|variant)\s*[0-9A-E]?\b"
    r"|(?:or|alternatively|before|after|wrong|right|bad|good|buggy|incorrect|correct|fixed|fix|original|new|old"
    r"|instead(?:\s+of)?)\b[^\w]*(?:$|[:(–—-]|,|code|version|use))",
    re.IGNORECASE,
)


_CODE = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
)


@dataclass(frozen=True)
class Block:
    """One block of an answer.

    Attributes:
        number: Its place among the blocks, from 1; parts of one block share it.
        code: What stands in it, dedented.
        info: The first word after the fence, in lower case.
        headings: The headings above it, the nearest first.
        lead: The paragraph right before it.
        closed: Whether the fence was closed.
    """

    number: int
    code: str
    info: str = ""
    headings: tuple[str, ...] = ()
    lead: str = ""
    closed: bool = True

    @property
    def comment(self) -> str:
        """The comment that its first lines consist of."""
        words = []
        for line in self.code.split("\n", 4)[:4]:
            if line.strip() and not line.lstrip().startswith("#"):
                break
            words.append(line.strip().lstrip("# "))
        return " ".join(filter(None, words))


def find_blocks(answer: str) -> list[Block]:
    """All blocks of an answer, in order."""
    text = answer.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    found = _fenced(text) if "```" in text or "~~~" in text else _unfenced(text)
    return [replace(block, number=number) for number, block in enumerate(found, start=1)]


def _fenced(text: str, depth: int = 0) -> list[Block]:
    blocks: list[Block] = []
    headings: dict[int, str] = {}
    lead: list[str] = []
    ended = False
    fence: re.Match[str] | None = None
    body: list[str] = []

    def close(closed: bool) -> None:
        assert fence is not None
        info = re.split(r"[\s{},:=]", fence["info"].strip(), maxsplit=1)[0].lower().lstrip(".")
        code = _dedent(body, fence["pre"])
        if depth < 3 and info in _TEXT | {""} and ("```" in code or "~~~" in code):
            inner = _fenced(code, depth + 1)
            blocks.extend(replace(block, closed=closed) if block is inner[-1] else block for block in inner)
        else:
            above = tuple(headings[level] for level in sorted(headings, reverse=True))
            blocks.append(Block(0, code, info, above, " ".join(lead)[-2000:], closed))

    for line in text.split("\n"):
        match = _FENCE.match(line) if "```" in line or "~~~" in line else None
        if fence is not None:
            if match and _closes(match, fence):
                close(True)
                fence, lead, ended = None, [], False
            elif match and _opens(match) and match["info"].strip() and _same_kind(match, fence):
                # A fence was forgotten: this line opens the next block.
                close(True)
                fence, body, lead = match, [], []
            else:
                body.append(line)
        elif match and _opens(match):
            fence, body = match, []
        elif heading := _HEADING.match(line):
            level = len(heading[1]) if heading[1] else 7
            headings = {above: words for above, words in headings.items() if above < level}
            headings[level] = (heading[2] or heading[3]).strip()
            lead, ended = [], False
        elif not line.strip():
            ended = bool(lead)
        else:
            lead = [line.strip()] if ended else [*lead, line.strip()][-20:]
            ended = False
    if fence is not None:
        close(False)
    return blocks


def _opens(match: re.Match[str]) -> bool:
    return match["mark"][0] == "~" or "`" not in match["info"]


def _closes(match: re.Match[str], fence: re.Match[str]) -> bool:
    bare = not match["info"].strip() and not re.search(r"[-*+\d]", match["pre"])
    return bare and match["mark"][0] == fence["mark"][0] and len(match["mark"]) >= len(fence["mark"])


def _same_kind(match: re.Match[str], fence: re.Match[str]) -> bool:
    nested = fence["info"].strip().lower() in ("markdown", "md")
    known = match["info"].split()[0].lower() in _PYTHON
    return known and not nested and match["mark"] == fence["mark"]


def _dedent(lines: list[str], prefix: str) -> str:
    quotes = prefix.count(">")
    if quotes:
        lines = [re.sub(rf"^(?:\s*> ?){{1,{quotes}}}", "", line) for line in lines]
    code = textwrap.dedent("\n".join(lines)).strip("\n")
    return _without_prompts(code) + "\n" if code.strip() else ""


def _without_prompts(code: str) -> str:
    if not code.lstrip().startswith(">>>"):
        return code
    lines = [line.lstrip() for line in code.split("\n")]
    return "\n".join(line[4:] for line in lines if line.startswith((">>>", "... ")) or line == "...")


def _unfenced(text: str) -> list[Block]:
    if start := _DIFF_START.search(text):
        lines = text[start.start() :].split("\n")
        kept = []
        for line in lines:
            if line and not re.match(r"[ +\-@\\\t]|diff |index ", line):
                break
            kept.append(line)
        if any(line.startswith("+") for line in kept) and any(line.startswith("@@") for line in kept):
            return [Block(0, "\n".join(kept).rstrip("\n") + "\n", "diff")]
    if _is_program(text):
        return [Block(0, text)]
    blocks = []
    for match in re.finditer(r"(?:^(?: {4}|\t)[^\n]*\n?(?:^[ \t]*\n)*)+", text, re.MULTILINE):
        code = textwrap.dedent(match[0]).strip("\n") + "\n"
        if _is_program(code):
            lead = text[: match.start()].rstrip()[-500:].rpartition("\n\n")[2]
            blocks.append(Block(0, code, "", (), " ".join(lead.split())))
    return blocks


def _is_program(text: str) -> bool:
    # Prose hardly ever parses, and telling so is cheap when its first lines already fail.
    tree = parse(text)
    return tree is not None and any(isinstance(node, _CODE) for node in tree.body)


def why_no_code(block: Block) -> str:
    """Why a block is not Python and no diff either: a line for people, or nothing."""
    info, code = block.info, block.code
    if not code.strip():
        return "is empty"
    if info in _TEXT | {""}:
        if _ERROR.search(code[:4000]) and not _is_program(code):
            return "is an error message"
        lines = [line for line in code.split("\n") if line.strip()]
        if all(_SHELL.match(line) or line.lstrip().startswith("#") for line in lines):
            return "is a command"
        if len(code) <= LONGEST and _is_data(code):
            return "is data"
        if not looks_like_diff(block) and not any(map(_CODE_LINE.match, lines[:2000])):
            return "is output"
        if info and not looks_like_diff(block) and read_block(code) is None:
            return "is output"
    elif info not in _PYTHON:
        return f"is {info[:20]}, not Python"
    return ""


def _is_data(code: str) -> bool:
    try:
        return isinstance(json.loads(code), dict | list)
    except (ValueError, RecursionError):
        return False


def looks_like_diff(block: Block) -> bool:
    """Whether a block is a unified diff, with or without its headers."""
    lines = [line for line in block.code.split("\n") if line.strip()]
    marked = sum(line[0] in "+-" for line in lines)
    if block.info in ("diff", "patch", "udiff"):
        return marked > 0
    if re.search(r"^@@ ", block.code, re.MULTILINE) or re.search(
        r"^--- \S.*\n\+\+\+ \S", block.code, re.MULTILINE
    ):
        return True
    return (
        marked * 2 > len(lines)
        and any(line[0] == "-" for line in lines)
        and any(line[0] == "+" for line in lines)
    )


def has_html(code: str) -> bool:
    """Whether code was escaped for a web page; `a &gt; b` parses and means something else."""
    return bool(re.search(r"&(?:lt|gt|amp|quot|#39|#x27|nbsp);", code)) and html.unescape(code) != code


def parts(block: Block) -> list[Block]:
    """A block cut at comments such as `# Option 2` or `# After`, if each part can stand alone."""
    lines = block.code.split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("#") and _PART.match(line)]
    if not starts or (len(starts) == 1 and not any(line.strip() for line in lines[: starts[0]])):
        return [block]
    bounds = [0, *[start for start in starts if start], len(lines)]
    pieces = ["\n".join(lines[a:b]).strip("\n") + "\n" for a, b in pairwise(bounds)]
    trees = [read_block(piece) for piece in pieces]
    if not all(tree is not None and (tree.tree.body or number == 0) for number, tree in enumerate(trees)):
        return [block]
    return [
        replace(block, code=piece)
        for piece, tree in zip(pieces, trees, strict=True)
        if tree and tree.tree.body
    ]


def first_lines(code: str) -> str:
    """The beginning of a block, for messages."""
    return next((line.strip() for line in split_lines(code) if line.strip()), "")[:60]


def inline_code(answer: str) -> str:
    """The first piece of code that stands in a sentence, or nothing."""
    for match in re.finditer(r"(?<!`)`([^`\n]{3,200})`(?!`)", answer[:100_000]):
        tree = parse(match[1].strip())
        if tree and any(
            isinstance(n, ast.Assign | ast.AugAssign | ast.Call)
            for s in tree.body
            for n in (s, getattr(s, "value", None))
        ):
            return match[1].strip()
    return ""
