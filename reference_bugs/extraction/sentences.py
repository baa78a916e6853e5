"""Reads orders about single statements out of the sentences of an answer: "add `a` after `b`".

It refuses whatever is not an order: a sentence that doubts, conditions, offers a choice, tells what somebody else
wants or asks to check something, one of a list of things to try, and one in which code is left over that no order
explains. English only.
"""

import ast
import re
from dataclasses import dataclass

from redgreenbench.reference_bugs.extraction.marks import is_check, is_other_way
from redgreenbench.reference_bugs.extraction.source import parse

_LONGEST = 60_000  # characters of prose; an answer with more is read as far as that
_SENTENCE_LONGEST = 1500
_MOST = 40  # sentences with orders; each costs a few looks at the program
_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]{1,200}?)\1(?!`)")
_ITEM = re.compile(r"^\s{0,12}(?:[-*+•]|\d{1,3}[.)])\s+")
_TITLE = re.compile(r"^\s{0,3}#{1,6}\s+|^\s{0,3}\*\*[^*]{1,120}\*\*:?\s*$")
_SENTENCE = re.compile(r"(?<=[.!?])[\"')*]*\s+(?=[\"'(*]*[A-Z⟦])|(?<=\.\")\s+")

T = r"⟦(\d+)⟧"  # a piece of code
_DOUBT = re.compile(
    r"\b(?:no need|could|might|may|can|maybe|perhaps|possibly|try|trying|either|unless|if|when|whether|alternatively"
    r"|option(?:al|ally)?|someone|somebody|people|usually|typically|says?|said|wants?|suggest(?:s|ed)?|propos(?:es|ed|al)"
    r"|asks?|later|eventually|future|next time|temporarily|for example|e\.g\.|such as|consider|experiment|rather than"
    r"|to (?:see|check|verify|test|confirm|reproduce|diagnose|find)|as a (?:test|check|quick)|sanity"
    r"|for now|should have|pretend|imagine|suppose)\b|\?|\bor\b(?=\s+(?:⟦|use|add|change|replace|put|set|call|move))",
    re.IGNORECASE,
)
_REASON = re.compile(r"\b(?:so|because|otherwise|which|since|as)\b|[—–]", re.IGNORECASE)
_GIVEN = re.compile(
    r"\b(?:so that|because|since|otherwise|which|while|forgot|never call|missing)\b[^⟦]*$", re.IGNORECASE
)
_NEGATED = re.compile(r"\b(?:not|never|without|nor|avoid|cannot|no longer)\b|n['’]t\b", re.IGNORECASE)
_SHOTGUN = re.compile(
    r"\b(?:things|options|ideas|possib\w+|suggest\w*|one of|some of|try|tr(?:y|ies)|can|could|might|usual|typical\w*"
    r"|recommend\w*|ways|alternativ\w+|checklist|consider|either|hints|tips|optional\w*|future|later|extras?|else"
    r"|possible fixes|candidates|suspects|common)\b",
    re.IGNORECASE,
)
_START = (
    r"(?:(?:^|(?<=[;:,(–—]\s)|(?<=\band\s)|(?<=\bthen\s))(?:(?:so|then|now|just|simply|only|also|please|first|next"
    r"|finally|instead|here|to fix (?:it|this|that)|for the fix)\b,?\s+){0,3}"
    r"(?:(?:i['’]d|i would|you(?:\s+only|\s+just)?\s+(?:should|must|need to|have to)|let['’]s"
    r"|the (?:one-line |whole |only )?"
    r"(?:fix|cure|remedy|solution|change) is to|all (?:that )?you (?:need|have) to do is(?: to)?)\s+"
    r"(?:just |simply |only |also )?)?)"
)
_LEAD = (
    r"(?:(?:the|a|an|one|that|this|your|missing|single|extra|whole|entire|line|call|lines|statement|expression|layer"
    r"|argument|keyword|keyword argument|default|value|parameter|setting|assignment|block|to|of)\s+){0,5}"
)
_TAIL = r"(?:\s+(?:line|call|statement|argument|keyword|block|layer|itself))?"
_IT = rf"(?:{_LEAD}{T}{_TAIL}|(?:it|that (?:one )?(?:line|call)|this (?:line|call))\b)"
_IN = (
    rf"(?:,?\s+(?:in|inside|inside of|within|of)\s+(?:the\s+)?(?:body of\s+)?(?:function\s+|method\s+|class\s+)?"
    rf"{T}(?:\s+(?:function|method))?)?"
)
_NEXT = r"(?:as the next line\s+)?(?:(?:right|directly|immediately|just|straight)\s+)?"
_LINE = r"(?:(?:on|as)\s+(?:the|a)\s+(?:new\s+|next\s+)?line\s+)?"
_PUT = r"(?:add|insert|put|place|call|write|append)"
_EPOCH = r"(?:(?:each|every|the)\s+epoch(?:\s+loop)?|the\s+outer\s+(?:⟦\d+⟧\s+|for\s+)?loop)"
_BATCH = r"the\s+(?:inner|batch|inner batch)\s+(?:⟦\d+⟧[- ]|for[- ])?loop"
_FN = rf"(?:the\s+)?(?:function\s+|method\s+)?{T}(?:\s+(?:function|method))?"
_FIRST = (
    r"(?:(?:at|to|in|on|as)\s+)?the\s+(?:very\s+)?(?:start|top|beginning|head|first\s+line|first\s+statement)\s+(?:of|in)"
    r"\s+(?:the\s+body\s+of\s+)?"
)
_PLACES = [
    ("between", rf"{_LINE}(?:in\s+)?between\s+{_LEAD}{T}{_TAIL}\s+and\s+{_LEAD}{T}{_TAIL}{_IN}"),
    (
        "between",
        rf"{_LINE}{_NEXT}after\s+{_LEAD}{T}{_TAIL},?\s+(?:and|but)\s+before\s+{_LEAD}{T}{_TAIL}{_IN}",
    ),
    (
        "between-back",
        rf"{_LINE}{_NEXT}before\s+{_LEAD}{T}{_TAIL},?\s+(?:and|but)\s+after\s+{_LEAD}{T}{_TAIL}{_IN}",
    ),
    ("return", rf"{_LINE}{_NEXT}(?:before|above)\s+(?:its|the)\s+(?:⟦\d+⟧|return){_TAIL}{_IN}"),
    ("after", rf"{_LINE}{_NEXT}(?:after|below|behind|under)\s+{_LEAD}{T}{_TAIL}{_IN}"),
    ("before", rf"{_LINE}{_NEXT}(?:before|above|in front of)\s+{_LEAD}{T}{_TAIL}{_IN}"),
    ("epoch-start", rf"(?:{_FIRST}|first in\s+){_EPOCH}{_IN}"),
    ("epoch-end", rf"at\s+the\s+(?:very\s+)?end\s+of\s+{_EPOCH}{_IN}"),
    ("batches-end", rf"{_NEXT}after\s+{_BATCH}{_IN}"),
    ("start", rf"(?:{_FIRST}|first in\s+){_FN}"),
    ("end", rf"at\s+the\s+(?:very\s+)?end\s+of\s+{_FN}"),
]
_MISSING = (
    rf"(?:the\s+|what(?:['’]s|\s+is)\s+)?(?:only\s+|sole\s+|one\s+)?(?:missing(?:\s+(?:line|call|piece|thing|statement))?"
    rf"|(?:thing|line|call)\s+missing)\s+is\s+(?:a\s+|the\s+)?{T}"
)
_ONE_LINE = r"(?:(?:one|a|this|the|single|following|missing|more|new)\s+){1,3}(?:line|call|statement)\s*,?"
_OBJECTS = [rf"{_PUT}\s+{_IT}", _MISSING, rf"{T}\s+is\s+missing"]
_ORDERS = [
    (
        "decorator",
        rf"(?:put|add|place|write)\s+{_LEAD}{T}(?:\s+decorator)?\s+(?:right |directly )?"
        rf"(?:on|above|over|before|on top of|to|onto)\s+{_FN}",
    ),
    *((kind, rf"{what}\s*,?\s+{place}") for what in _OBJECTS for kind, place in _PLACES),
    *((f"{kind}:", rf"{_PUT}\s+{_ONE_LINE}\s+{place}:\s+{T}") for kind, place in _PLACES),
    ("start-colon", rf"(?:as the |the )?first\s+(?:line|statement)\s+(?:of|in)\s+{_FN}:\s+{T}"),
    ("return-colon", rf"(?:right |directly |just )?before\s+(?:its|the)\s+(?:⟦\d+⟧|return):\s+{T}"),
    ("decorate", rf"decorate\s+{_FN}\s+with\s+{T}"),
    (
        "decorator",
        rf"(?:put|add|place|write)\s+{T}\s+(?:right |directly )?(?:on|above|over|before|on top of|to)\s+{_FN}",
    ),
    ("out", rf"(?:move|take|pull)\s+{_IT}\s+(?:out\s+of|{_NEXT}(?:after|below|behind))\s+{_BATCH}"),
    ("out", rf"(?:dedent|unindent|outdent)\s+{_IT}(?:\s+by\s+one\s+(?:level|step)|\s+one\s+level)?"),
    (
        "move-after",
        rf"move\s+{_IT}\s*,?\s+(?:up |down |to )?{_LINE}{_NEXT}(?:after|below|behind)\s+{_LEAD}{T}{_TAIL}{_IN}",
    ),
    (
        "move-before",
        rf"move\s+{_IT}\s*,?\s+(?:up |down |to )?{_LINE}{_NEXT}(?:before|above)\s+{_LEAD}{T}{_TAIL}{_IN}",
    ),
    (
        "replace",
        rf"(?:delete|remove|drop|take out|replace)\s+{_LEAD}{T}{_TAIL}{_IN}\s*,?\s+(?:and\s+)?(?:write|put|use|insert)"
        rf"\s+{T}\s+(?:instead|in its place)",
    ),
    ("delete", rf"(?:delete|remove|drop)\s+{_LEAD}{T}{_TAIL}{_IN}(?!\s*(?:from|in|with))"),
    (
        "replace",
        rf"(?:change|replace|swap|turn|rewrite|switch)\s+{_LEAD}{T}{_TAIL}{_IN}\s+(?:to|with|by|for|into|→|->)\s+{_LEAD}{T}",
    ),
    (
        "from",
        rf"(?:change|lower|reduce|raise|increase|set)\s+{_LEAD}{T}{_TAIL}{_IN}\s+from\s+{T}\s+to\s+{T}",
    ),
    (
        "replace-in",
        rf"(?:change|switch)\s+the\s+(?:\w+\s+){{1,2}}(?:in|of)\s+{T}\s+from\s+{T}\s+to\s+{T}",
    ),
    ("arrow", rf"{T}\s+(?:→|->|=>|⇒)\s+{T}(?=\W*$)"),
    ("instead", rf"(?:use|write|put|return|pass)\s+{T}\s+instead\s+of\s+{_LEAD}{T}{_IN}"),
    ("value", rf"(?:set|change|lower|reduce|raise|increase)\s+{_LEAD}{T}{_TAIL}{_IN}\s+to\s+{T}"),
    ("set", rf"(?:set|use|pass)\s+{_LEAD}{T}{_TAIL}{_IN}"),
]
_PATTERNS = [(kind, re.compile(_START + pattern, re.IGNORECASE)) for kind, pattern in _ORDERS]
# "put `a` after `b` and `c` before `d`": the verb is not said again.
_AND = r"(?:,|;)?\s+(?:and\s+)?(?:then\s+)?(?:the\s+)?"
_MORE = [
    *((kind, re.compile(rf"{_AND}{T}\s+{place}", re.IGNORECASE)) for kind, place in _PLACES),
    ("replace", re.compile(rf"{_AND}{T}{_IN}\s+(?:to|with|by|for|into|→|->)\s+{_LEAD}{T}", re.IGNORECASE)),
]
_IT_KINDS = {*(kind for kind, _ in _PLACES), "out", "move-after", "move-before"}


@dataclass(frozen=True)
class Order:
    """What a sentence says to do.

    Attributes:
        kind: The name of the pattern.
        codes: The pieces of code that it is about, as the pattern has them; None where it has none.
        meant: What "it" may stand for, where the order says "it".
        text: Its words, for people.
    """

    kind: str
    codes: tuple[str | None, ...]
    meant: tuple[str, ...] = ()
    text: str = ""


def read_orders(answer: str) -> list[list[Order]]:
    """The orders of an answer, those of one sentence together.

    Args:
        answer: What was answered.

    Returns:
        The orders of each sentence that has any; a sentence of which a part stays unexplained is left out.
    """
    found: list[list[Order]] = []
    for sentences in _paragraphs(answer):
        before: list[str] = []
        for masked, codes in sentences:
            orders = (
                _orders(masked, codes, before)
                if (codes or before) and len(masked) < _SENTENCE_LONGEST
                else []
            )
            if orders:
                found.append(orders)
            if len(found) == _MOST:
                return found
            before = codes
    return found


def _paragraphs(answer: str) -> list[list[tuple[str, list[str]]]]:
    """Sentences by paragraph, with their code masked; without those that stand among things to try."""
    text = _prose(answer.replace("\r\n", "\n").replace("⟦", "[").replace("⟧", "]"))[:_LONGEST]
    found: list[list[tuple[str, list[str]]]] = []
    lines: list[str] = []
    heading = intro = ""

    def close() -> None:
        nonlocal intro
        if not lines:
            return
        item = bool(_ITEM.match(lines[0]))
        words = " ".join(line.strip() for line in lines)
        lines.clear()
        above = f"{heading} {intro}" if item else heading
        if not item:
            intro = words[-300:]
        doubtful = (item and _SHOTGUN.search(above)) or is_other_way(heading)
        if not doubtful and "`" in words:
            found.append(_sentences(_ITEM.sub("", words)))

    for line in text.split("\n"):
        if _TITLE.match(line):
            close()
            heading, intro = line.strip(" #*:"), ""
            continue
        if not line.strip() or _ITEM.match(line):
            close()
        if line.strip():
            lines.append(line)
    close()
    return found


def _prose(answer: str) -> str:
    """An answer without its blocks."""
    kept: list[str] = []
    mark = ""
    for line in answer.split("\n"):
        start = line.lstrip(" \t>")[:3]
        if start in ("```", "~~~") and mark in ("", start):
            mark = "" if mark else start
            kept.append("")
        elif not mark:
            kept.append(line)
    return "\n".join(kept)


def _sentences(words: str) -> list[tuple[str, list[str]]]:
    codes: list[str] = []

    def mask(match: re.Match[str]) -> str:
        codes.append(match[2].strip())
        return f"⟦{len(codes) - 1}⟧"

    masked = _SPAN.sub(mask, words).replace("**", "")
    result = []
    for sentence in _SENTENCE.split(masked):
        mine = [codes[int(number)] for number in re.findall(T, sentence)]
        pieces = re.split(r"⟦\d+⟧", sentence.strip())
        numbered = "".join(f"{piece}⟦{number}⟧" for number, piece in enumerate(pieces[:-1])) + pieces[-1]
        result.append((numbered, mine))
    return result


def _orders(sentence: str, codes: list[str], before: list[str]) -> list[Order]:
    """The orders of one sentence; none if something in it is left to choose."""
    sentence = re.sub(
        r"^(?:(?:the )?(?:fix|solution|cure|remedy|answer|change)|so|in short)[:,]\s+",
        "",
        sentence,
        flags=re.I,
    )
    if is_check(re.sub(T, "…", sentence)):
        return []
    orders: list[Order] = []
    explained: set[int] = set()
    at = 0
    while match := _next(sentence, at, codes):
        kind, found = match
        if _doubtful(sentence, found):
            return []
        numbers = [int(n) if n is not None else None for n in found.groups()]
        groups = tuple(codes[n] if n is not None else None for n in numbers)
        if kind.endswith(":"):
            kind, groups, numbers = kind[:-1], (groups[-1], *groups[:-1]), [numbers[-1], *numbers[:-1]]
        inside = {int(n) for n in re.findall(T, found[0])}
        meant = [codes[int(n)] for n in re.findall(T, sentence[: found.start()])] or before
        needs_it = kind in _IT_KINDS and groups[0] is None
        orders.append(Order(kind, groups, tuple(meant) if needs_it else (), _words(found[0], codes)))
        explained |= inside | (set(map(int, re.findall(T, sentence[: found.start()]))) if needs_it else set())
        at = found.end()
    if not orders:
        return []
    left = [codes[n] for n in range(len(codes)) if n not in explained and not _aside(sentence, n, codes)]
    return [] if left else orders


def _next(sentence: str, at: int, codes: list[str]) -> tuple[str, re.Match[str]] | None:
    """The order that comes first; of two at one place the one with the first pattern."""
    if at:
        for kind, pattern in _MORE:
            if more := pattern.match(sentence, at):
                return kind, more
    best: tuple[str, re.Match[str]] | None = None
    for kind, pattern in _PATTERNS:
        match = pattern.search(sentence, at)
        if match and (best is None or match.start() < best[1].start()) and _sensible(kind, match, codes):
            best = (kind, match)
    return best


def _sensible(kind: str, match: re.Match[str], codes: list[str]) -> bool:
    code = codes[int(match[1])] if match[1] else ""
    if kind == "decorator":
        return code.startswith("@")
    if kind == "set":
        # `CUDA_LAUNCH_BLOCKING=1` is no setting of a program.
        return bool(re.match(r"(?=\w*[a-z])[A-Za-z_]\w*\s*=\s*[^=\s]", code))
    return True


def _doubtful(sentence: str, found: re.Match[str]) -> bool:
    start = sentence.rfind("; ", 0, found.start() + 1) + 1
    end = sentence.find("; ", found.end())
    said = sentence[start : found.end()]
    # What a subordinate clause says of the reason or the outcome is no doubt about the order.
    rest = _REASON.split(sentence[found.end() : end if end >= 0 else len(sentence)], maxsplit=1)[0]
    return bool(_DOUBT.search(said + rest) or _NEGATED.search(said) or is_other_way(said + rest))


def _aside(sentence: str, number: int, codes: list[str]) -> bool:
    """Whether code is only mentioned: a name, or what a reason is given with."""
    tree = parse(codes[number])
    plain = ast.Name | ast.Attribute | ast.Constant
    if tree is None or (
        len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr) and isinstance(tree.body[0].value, plain)
    ):
        return True
    before = sentence[: sentence.find(f"⟦{number}⟧")]
    return bool(_GIVEN.search(before))


def _words(masked: str, codes: list[str]) -> str:
    return re.sub(T, lambda match: f"`{codes[int(match[1])]}`", masked).strip()[:120]
