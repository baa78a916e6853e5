"""Applies unified diffs as models write them: wrong line numbers, mangled white space, no headers.

It refuses to apply half a patch, and to choose where a hunk goes when it fits in two places. How much it
forgives is said by a number: 0 nothing (lines and white space as stated), 1 wrong line numbers, 2 also white
space, 3 and 4 also one or two lines of context at each end of a hunk that the program does not have.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from redgreenbench.reference_bugs.extraction.source import split_lines

MOST_FUZZ = 4

_HEADER = re.compile(r"^@@(?:\s*-(\d+)(?:,\d+)?\s+\+\d+(?:,\d+)?\s*@@.*|.*)$")
_NOISE = re.compile(
    r"^(?:diff --git |index [0-9a-f]{4,}|new file mode |old mode |new mode |similarity |\\ No newline)"
)


class PatchError(Exception):
    """A patch that does not apply; its text is the reason, in one line."""


@dataclass(frozen=True)
class _Hunk:
    number: int
    start: int | None  # 0-based, as stated; None where nothing is stated
    lines: tuple[tuple[str, str], ...]  # mark (one of " -+") and text

    def old(self) -> list[tuple[str, str]]:
        return [line for line in self.lines if line[0] != "+"]

    def trimmed(self, count: int) -> "_Hunk":
        """Without up to `count` lines of context at each end."""
        lines, start = list(self.lines), self.start
        for _ in range(count):
            if lines and lines[0][0] == " ":
                lines.pop(0)
                start = None if start is None else start + 1
            if lines and lines[-1][0] == " ":
                lines.pop()
        return _Hunk(self.number, start, tuple(lines))


def apply_patch(program: str, patch: str, fuzz: int = 0) -> str:
    """Applies a unified diff.

    Args:
        program: What the patch is for.
        patch: The diff, with or without file and hunk headers.
        fuzz: How much to forgive, 0 to 4; see the module.

    Returns:
        The program after all hunks.

    Raises:
        PatchError: If a hunk does not fit; nothing is applied then.
    """
    hunks = _hunks(patch)
    if not hunks:
        raise PatchError("the diff has no added or removed lines")
    lines = split_lines(program)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    places: list[tuple[int, _Hunk]] = []
    floor = 0
    for hunk in hunks:
        try:
            place, fitted = _fit(lines, hunk, fuzz, floor)
        except PatchError as problem:
            name = f"hunk {hunk.number} of {len(hunks)}" if len(hunks) > 1 else "the hunk"
            raise PatchError(f"{name} {problem}") from None
        places.append((place, fitted))
    places.sort(key=lambda pair: pair[0])
    for (one, hunk), (other, _) in pairwise(places):
        if one + len(hunk.old()) > other:
            raise PatchError("two hunks want the same lines")
    for place, hunk in reversed(places):
        lines[place : place + len(hunk.old())] = _replaced(lines, place, hunk, newline)
    return "".join(lines)


def _hunks(patch: str) -> list[_Hunk]:
    hunks: list[_Hunk] = []
    start: int | None = None
    body: list[tuple[str, str]] = []

    def close() -> None:
        place = start
        while body and body[0] == (" ", ""):
            body.pop(0)
            place = None if place is None else place + 1
        while body and body[-1] == (" ", ""):
            body.pop()
        if any(mark != " " for mark, _ in body):
            hunks.append(_Hunk(len(hunks) + 1, place, tuple(body)))
        body.clear()

    lines = [line.rstrip("\r\n") for line in split_lines(patch)]
    skip = False
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if skip:
            skip = False
        elif line.startswith("--- ") and following.startswith("+++ "):
            close()
            start, skip = None, True
        elif header := _HEADER.match(line):
            close()
            start = max(int(header[1]) - 1, 0) if header[1] else None
        elif line.strip() in ("...", "…", "# ..."):
            close()
            start = None
        elif _NOISE.match(line):
            continue
        elif line[:1] in ("+", "-", " "):
            body.append((line[0], line[1:]))
        else:
            body.append((" ", line))  # context without its column, as models often write it
    close()
    return hunks


def _key(text: str, loose: bool) -> str:
    return "".join(text.split()) if loose else text.rstrip("\r\n")


def _fit(lines: list[str], hunk: _Hunk, fuzz: int, floor: int) -> tuple[int, _Hunk]:
    if fuzz < 1 and hunk.start is not None:
        place = hunk.start
        old = [text for _, text in hunk.old()]
        if [_key(line, False) for line in lines[place : place + len(old)]] != old:
            raise PatchError(f"does not fit at line {place + 1}")
        return place, hunk
    loose = fuzz >= 2
    texts = [_key(line, loose) for line in lines]
    for dropped in range(max(fuzz - 2, 0) + 1):
        tried = hunk.trimmed(dropped)
        old = [_key(text, loose) for _, text in tried.old()]
        if not any(old):
            raise PatchError("has no line to find its place by")
        size = len(old)
        found = [
            i
            for i in range(floor, len(texts) - size + 1)
            if texts[i] == old[0] and texts[i : i + size] == old
        ]
        if len(found) > 1:
            raise PatchError(f"fits in {len(found)} places")
        if found:
            return found[0], tried
    known = set(texts)
    missing = next((text for _, text in hunk.old() if _key(text, loose) not in known), "")
    raise PatchError(
        f"does not fit: the program has no line {missing.strip()[:60]!r}" if missing else "does not fit"
    )


def _replaced(lines: list[str], place: int, hunk: _Hunk, newline: str) -> list[str]:
    """The lines after a hunk: context stays as the program has it, new lines shift as their neighbours do."""
    pairs: list[tuple[str, str] | None] = []  # white space of the diff and of the program
    at = place
    for mark, text in hunk.lines:
        if mark == "+":
            pairs.append(None)
            continue
        actual = lines[at]
        stated = " " + text if mark == " " and " " + text == actual.rstrip("\r\n") else text
        pairs.append((_space(stated), _space(actual)) if text.strip() else None)
        at += 1
    result = []
    at = place
    for number, (mark, text) in enumerate(hunk.lines):
        if mark == "+":
            result.append(_shifted(text, _nearest(hunk, pairs, number)) + newline)
            continue
        if mark == " ":
            result.append(lines[at] if lines[at].endswith(("\n", "\r")) else lines[at] + newline)
        at += 1
    return result


def _nearest(hunk: _Hunk, pairs: list[tuple[str, str] | None], number: int) -> tuple[str, str] | None:
    """The removed line nearest to an added one, else the nearest line of context."""
    for marks in ("-", " "):
        near = [i for i, pair in enumerate(pairs) if pair is not None and hunk.lines[i][0] == marks]
        if near:
            return pairs[min(near, key=lambda i: (abs(i - number), i > number))]
    return None


def _space(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _shifted(text: str, pair: tuple[str, str] | None) -> str:
    if pair is None or pair[0] == pair[1] or not text.strip():
        return text
    stated, actual = pair
    space = _space(text)
    if space.startswith(stated):
        return actual + text[len(stated) :]
    lost = len(stated) - len(space)
    return actual[: max(len(actual) - lost, 0)] + text.lstrip(" \t")
