"""Finds which specialists an answer hands over to, and in which order. No model is asked.

A `ROUTE:` line counts where an answer has one. Otherwise a specialist is routed to when it is
named as a recommendation: its hyphenated name anywhere but in a negation or a question, or its
name in plain words where the sentence speaks of handing over ("use the learning rate scheduling
guide"). Plain advice in the same words ("consider learning rate scheduling") routes nowhere.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from redgreenbench.scorers.reading import Answer, Sentence, is_negated

__all__ = ["Routing", "find_routing"]

_ROUTE_LINE = re.compile(r"^[^\w\n]*(?:routes?|routing)(?: to)?[^\w\n:：=]*[:：=][^\w\n]*(.+)$", re.I | re.M)
_HANDOVER = re.compile(
    r"\b(?:skills?|specialists?|guides?|sheets?|packs?|rout(?:e|es|ed|ing)|load|consult|refer|defer|invoke"
    r"|hand(?:ing|ed)? (?:\w+ ){0,3}?(?:over|off|to)|turn to|go to|take (?:this|it|you) to|belongs? (?:to|in|with)"
    r"|covered (?:by|in)|see)\b",
    re.I,
)
_GUIDE_NOUN = re.compile(r"^[\s\"'`*_)]*(?:\w+ )?(?:skill|specialist|guide|sheet|pack)s?\b", re.I)
_GUIDE_NOUN_ANYWHERE = re.compile(r"\b(?:skill|specialist|guide|sheet|pack)s?\b", re.I)
_ECHO = re.compile(
    r"^\W*(?:(?:so|and|i see(?: that)?|ok(?:ay)?|well|since|as|while|although)\b\W*)?"
    r"\b(?:you|the user|your (?:tech )?lead|your colleague)(?:['’](?:ve|re|d))?(?: have| are| were| had)?(?: been| already)* "
    r"(?:ask|want|wonder|suspect|think|mention|said|say|propos|believ|suggest|request|read|tri|consider|hop|assum|guess)\w*\b"
    r"(?! to (?:load|consult|use|start|go|see|begin|call|hand|turn|open))"
    r"|\bpeople (?:will|may|might|would|often) (?:tell|say|suggest|recommend|send)|\b(?:some|many|most|other) (?:people|would|users|engineers)\b|\bothers (?:would|might|may)\b|\bone might\b",
    re.I,
)
_DESCRIBES = re.compile(
    r"\b(?:the catalogue|the catalog|the list) (?:has|lists|offers|contains|includes|holds)\b|\bis one of (?:the )?\w+ (?:specialists|guides)"
    r"|\b(?:scorer|grader|keywords for)\b|\bautomat\w+ (?:evaluation|grading|scoring)\b",
    re.I,
)
"""Sentences that describe what there is, or speak to whoever judges, and recommend nothing to the user."""
_HYPHENS = str.maketrans({c: "-" for c in "‐‑‒–—−﹣－"})
_TYPO = 0.88
"""Least similarity of a misspelled name; `graident-management` is 0.94, `gradient-accumulation` 0.72."""


@dataclass(frozen=True)
class Routing:
    """Where an answer routes.

    Attributes:
        names: Specialists and packs, in the order in which they are to be consulted, each once.
        negated: Names that the answer speaks against.
        protocol: Whether the names come from a ROUTE: line.
        handovers: Positions of the sentences that hand over to somebody.
    """

    names: tuple[str, ...]
    negated: tuple[str, ...]
    protocol: bool
    handovers: frozenset[int]


@dataclass(frozen=True)
class _Mention:
    name: str
    start: int
    end: int
    exact: bool  # hyphenated or marked as a name, as against the same words in prose


def find_routing(
    answer: Answer, names: Sequence[str], packs: Mapping[str, Sequence[str]] | None = None
) -> Routing:
    """Finds the routing in an answer.

    Args:
        answer: The answer.
        names: Every name that the catalogue offers.
        packs: Names of packs, which may be named as a whole, with their specialists.

    Returns:
        The routing; empty ``names`` where the answer routes nowhere.
    """
    every = (*names, *(name for name in packs or {} if name not in names))
    named = {s.position: _mentions(_text(s), every) for s in answer.sentences}
    handovers = frozenset(s.position for s in answer.sentences if _hands_over(s, named[s.position]))
    on_lines: list[str] = []
    for match in _ROUTE_LINE.finditer(answer.said.translate(_HYPHENS)):
        line = match[1]
        on_lines += [
            m.name for m in _mentions(line, every) if not is_negated(line, m.start, m.end, strings=False)
        ]
    if on_lines:
        return Routing(_once(on_lines), (), True, handovers)
    positive: list[tuple[float, str]] = []
    negated: list[str] = []
    for sentence in answer.sentences:
        text = _text(sentence)
        # A string of specialists is a route to them all; a string of all sorts of terms is none.
        strings = len(named[sentence.position]) < 4
        for mention in _in_order(text, named[sentence.position]):
            if _is_echo(text, mention):
                continue
            if is_negated(_hide_name(text, mention), mention.start, mention.end, strings=strings):
                negated.append(mention.name)
            elif _counts(sentence, text, mention):
                positive.append((_rank(text, mention), mention.name))
    routed = _once([name for _, name in sorted(positive, key=lambda entry: entry[0])])
    return Routing(routed, tuple(n for n in _once(negated) if n not in routed), False, handovers)


def _text(sentence: Sentence) -> str:
    return sentence.text if sentence.text.isascii() else sentence.text.translate(_HYPHENS)


def _counts(sentence: Sentence, text: str, mention: _Mention) -> bool:
    if sentence.is_question or _DESCRIBES.search(text):
        return False
    return mention.exact or bool(_HANDOVER.search(text))


def _is_echo(text: str, mention: _Mention) -> bool:
    """Whether the name only repeats what the user, or somebody else, thinks or wants."""
    clause = re.split(r"[;:,]|\bbut\b", text[: mention.start], flags=re.I)[-1]
    return bool(_ECHO.search(clause))


def _hands_over(sentence: Sentence, mentions: Sequence[_Mention]) -> bool:
    """Whether what a sentence advises is to consult somebody ("Start with gradient-management")."""
    advice = sentence.advice
    if advice is None:
        return False
    gap = [sentence.text[advice.end() : m.start] for m in mentions if m.start >= advice.end()]
    direct = bool(gap) and len(gap[0].split()) <= 4 and not re.search(r"[,;:.]", gap[0])
    return direct or bool(_GUIDE_NOUN.search(sentence.text[advice.end() :]))


def _once(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _hide_name(text: str, mention: _Mention) -> str:
    # What stands inside a name must be read neither as a clause nor as another name.
    return text[: mention.start] + "X" * (mention.end - mention.start) + text[mention.end :]


@cache
def _spelled(name: str) -> str:
    """A pattern for a name with hyphens, spaces, underscores or nothing between its words, plural or not."""
    words = [re.escape(word) for word in name.split("-")]
    words = [f"(?:{w}|{w[:-1]})" if w.endswith("s") and len(w) > 4 else f"{w}s?" for w in words]
    return r"[\s_-]*".join("(?:and|&)" if w == "ands?" else w for w in words)


@cache
def _named(name: str) -> re.Pattern[str]:
    # A pack before a slash is the address of what follows; a router's own name stands for its pack.
    return re.compile(rf"(?<![\w-])(?:using-)?{_spelled(name)}(?!\w|-\w|\s*/\s*\w)", re.I)


def _mentions(text: str, names: tuple[str, ...]) -> list[_Mention]:
    found: list[_Mention] = []
    folded = text.lower()
    speaks_of_guides = bool(_GUIDE_NOUN_ANYWHERE.search(text))
    for name in names:
        # Most sentences hold no word of most names, and one look tells.
        if name.partition("-")[0] not in folded:
            continue
        for match in _named(name).finditer(text):
            exact = not re.search(r"\s", match[0]) or _is_marked(text, match)
            found.append(_Mention(name, match.start(), match.end(), exact))
        if speaks_of_guides:
            found += _short_forms(text, name)
    if "-" in text or "_" in text:
        found += _typos(text, names, found)
    # Of two overlapping names, the longer one is meant.
    found.sort(key=lambda m: (m.start, -(m.end - m.start)))
    kept: list[_Mention] = []
    for mention in found:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept


def _is_marked(text: str, match: re.Match[str]) -> bool:
    """Whether words in prose are marked as a name: by quotes, or by capitals on each of them."""
    words = [word for word in match[0].split() if word not in ("and", "&")]
    if len(words) > 1 and all(word[0].isupper() for word in words):
        return True
    before, after = text[: match.start()][-1:], text[match.end() :][:1]
    return before in ("`", '"', "“", "'") and after in ("`", '"', "”", "'")


@cache
def _short(name: str) -> tuple[re.Pattern[str], ...]:
    words = name.split("-")
    heads = ["-".join(words[:length]) for length in range(len(words) - 1, 1, -1)]
    return tuple(re.compile(rf"(?<![\w-]){_spelled(head)}(?![\w-])", re.I) for head in heads)


def _short_forms(text: str, name: str) -> Iterator[_Mention]:
    """The first two words or more of a long name, where a word like `guide` or `skill` follows."""
    for pattern in _short(name):
        for match in pattern.finditer(text):
            if _GUIDE_NOUN.match(text[match.end() :]):
                yield _Mention(name, match.start(), match.end(), exact=True)


def _typos(text: str, names: Sequence[str], taken: Sequence[_Mention]) -> Iterator[_Mention]:
    joined = {name.replace("-", ""): name for name in names}
    for mention in taken:
        text = _hide_name(text, mention)
    for match in re.finditer(r"(?<![A-Za-z])[A-Za-z]{3,40}(?:[-_][A-Za-z]{2,40}){1,6}(?![-_A-Za-z])", text):
        if match[0].lower() in names:  # spelled right, and left out before for a reason
            continue
        near = difflib.get_close_matches(re.sub(r"[-_]", "", match[0]).lower(), joined, n=1, cutoff=_TYPO)
        if near:
            yield _Mention(joined[near[0]], match.start(), match.end(), exact=True)


def _in_order(text: str, mentions: Sequence[_Mention]) -> list[_Mention]:
    """Puts what stands behind `before` last in its sentence and what stands behind `after` first."""

    def rank(mention: _Mention) -> int:
        clause = re.split(r"[,;:]|\band\b", text[: mention.start], flags=re.I)[-1]
        if re.search(r"\b(?:preceded by|after|once|following|until|nach|après|después de)\b", clause, re.I):
            return -1
        if re.search(r"\b(?:before|prior to|ahead of|bevor|vor|avant|antes de)\b", clause, re.I):
            return 1
        return 0

    return sorted(mentions, key=rank)


_ORDINALS = (
    (re.compile(r"\b(?:first(?! (?:few|step|epoch|batch|time|nan|non|layer|\d|two|three|make|five|bullet|item|point|part|row|line|question|entry))|begin with|start(?:ing)? (?:with|point|at|from)|top priority|foremost|comes? first)\b", re.I), -1.0),
    (re.compile(r"\bsecond(?:ly)?\b(?! (?:step|opinion))", re.I), 0.2),
    (re.compile(r"\bthird(?:ly)?\b", re.I), 0.3),
    (re.compile(r"\b(?:(?:come|comes|can come|is|are|goes) later|comes? last|can wait|has to wait|lowest|finish with|end with|lastly|last of all)\b", re.I), 1.0),
)  # fmt: skip


def _rank(text: str, mention: _Mention) -> float:
    """Where a mention stands in the order by the ordinals in its own clause; 0 where there are none."""
    start = max(
        (m.end() for m in re.finditer(r"[,;:.]|\b(?:and|but|then)\b", text[: mention.start], re.I)), default=0
    )
    rest = text[mention.end :]
    stop = re.search(r"[,;:.]|\b(?:and|but|then|until|before|after)\b", rest, re.I)
    clause = text[start : mention.start] + " " + (rest[: stop.start()] if stop else rest)
    return next((rank for pattern, rank in _ORDINALS if pattern.search(clause)), 0.0)
