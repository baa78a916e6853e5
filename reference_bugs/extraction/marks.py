"""Reads what an answer says about a block: recommended, an alternative, the old code, a check.

It refuses to look at the code for that, and it believes the words nearest to the block: a comment on its
first lines, then the paragraph before it, then the headings above. Where one word is all that makes a block old
code or a check, it says so, and the code decides.
"""

import re
from dataclasses import dataclass

from redgreenbench.reference_bugs.extraction.blocks import Block


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_NOT = _any(
    r"\b(?:not|n't|never|wouldn't|no longer)\s+(?:\w+\s+){0,2}(?:recommend|prefer|complete|final|best)"
)
_STRONG = _any(
    r"even better|\bbetter still\b|\brecommend|\bpreferred\b|\bthe best\b|\bbest (?:option|fix|solution)|⭐",
    r"\bi(?:'d| would) (?:go with|use|choose|pick)|\bcleanest\b",
)
_RECOMMENDED = _any(
    r"\bfinal\b|\bcomplete(?:d|ly)?\b|\bcorrected\b|\bfull\b|\beverything together|\ball together\b",
    r"\bputting (?:it|everything|this) (?:all )?together|\bfixed (?:version|code|program|script|file)",
)
_ALTERNATIVE = _any(
    r"\balternative(?:ly|s)?\b|\boptional(?:ly)?\b|\byou could also\b|^\W*or\b(?!\s+even better)",
    r"\bif you (?:prefer|want to|want|would (?:rather|prefer|like)|need|really|can't|cannot"
    r"|must|still|don't)",
    r"\bif you(?:'d|'re)\b|\banother (?:way|option|approach|fix|solution|possibility)",
    r"\b(?:option|solution|approach|alternative|variant)\s*(?:#\s*)?(?:[2-9]|two|three|[B-E]\b)",
    r"\bsecond (?:option|approach|solution)|\bworkaround\b|\bquick hack\b",
)
_CHOICE = _any(r"\b(option|solution|approach|alternative|variant)\s*#?\s*([0-9]|one|two|three|[A-E]\b)")
_CORRECTION = _any(
    r"\b(?:correction|wait|oops|sorry|i (?:missed|forgot)|mistake (?:above|in my)|typo|actually|one more)\b",
    r"\balso (?:change|replace|need)",
)
_YOURS = r"your (?:current |existing |present )?(?:code|loop|version|program|model|forward|method|function)"
_WRONG = _any(
    r"❌|🚫|\bwrong\b|\bincorrect\b|\b(?:don't|do not|never) do\b|\bavoid (?:this|doing)"
    r"|\bbad\b|\bbuggy\b|\bbroken\b",
    r"\boriginal\b|\bbefore\W*$|^\W*before\b(?! (?:fix|you|chang|runn|apply))|\bcurrently\b|\byou wrote\b",
    r"^\W*(?:then |now |so )?(?:replace|change|swap)\W*$|\bfrom\W*$",
    r"\b(?:old|current) (?:code|version|line)|\b(?:what|as) you (?:have|wrote|do)|\blooking at your",
    rf"\b{_YOURS} (?:is|looks|has|was|does)\b|^\W*(?:in |here(?:'s| is) |this is )?{_YOURS}\W*$",
    r"\b(?:change|replace) (?:this|these|the (?:line|following))|\bhere(?:'s| is) (?:the bug|where)",
    r"\bthe (?:bug|problem|culprit|issue) (?:is|lies|sits)?\s*(?:here|in|with|this)"
    r"|\bproblematic\b|\boffending\b",
    r"\binstead of(?: (?:this|writing|doing))?\W*$|\bwill (?:fail|break|not work|crash)"
    r"|\bdoes(?:n't| not) work",
)
_FIX = _any(
    r"✅|\bfix(?:ed|es)?\b|\bcorrect(?:ed)?\b|\bright\b|\bsolution\b|\bupdated\b|\bworking\b"
    r"|\bnew (?:code|version)",
    r"\bwith(?: this)?\W*$|\b(?:in)?to(?: this)?\W*$|\bafter\W*$|^\W*after\b"
    r"|\buse(?: this)?\W*$|\binstead\W*$",
    r"\b(?:should|must) (?:be|look|read|have)|\bchange\b.+\bto\b|\breplace\b.+\b(?:with|by)\b",
    r"\b(?:add|insert|put|move)\b.+\b(?:after|before|missing|to|into|between|out)\b",
)
_CHECKING = "|".join(
    (
        r"verif\w+|(?:double[- ])?(?<!your )check\w*|debug\w*|reproduc\w+|diagnos\w+|sanity",
        r"test(?:ing|s)?\b(?![ -](?:set|data|accuracy|loss|error|time|loader|images|examples)\b)"
        r"|confirm\w*",
        r"inspect\w*|monitor\w*|pinpoint\w*|print (?:the|out)|see (?:it|for yourself|whether|if)|make sure",
        r"find (?:out|which)|locate|isolat\w+|catch\w*|detect\w*|try (?:it|this) (?:out|in)"
        r"|expected output|usage",
        r"(?<!for )(?<!per )(?<!each )(?<!every )(?<!training )example|prove|demonstrat\w+|observe|watch|measure",
        # "in your log", "log-softmax" and "log(10)" are no request to log anything
        r"(?<!your )(?<!the )(?<!this )(?<!that )(?<!a )log(?:ging)?\b(?![-_(/]| ?(?:softmax|prob|likelihood|loss))",
        r"run (?:it|this)\b",
    )
)
_CHECK_FIRST = _any(
    r"^\W*(?:(?:phase|step|part)\s*\d+\s*\W*)?(?:\d+[.)]\s*)?\W*"
    r"(?:(?:first|then|next|now|finally|also|before (?:fixing|that)|to|let me|let's|you can|we can|i'd|please"
    r"|quickly|quick|a|an|and|how to|optional(?:ly)?)\b[\s,:;-]*){0,5}(?:use \S+ to )?(?:" + _CHECKING + ")"
)
_CHECK = _any(
    r"\b(?:" + _CHECKING + ")", r"\bbefore (?:fixing|you fix|changing)|\bto see (?:that|whether|if|the)"
)


# "Change:" stands above the old code and above the new one alike.
_VERB = _any(r"^\W*(?:then |now |so )?(?:replace|change|swap)\W*$")
_CODE = re.compile(r"`[^`]{1,200}`")


@dataclass(frozen=True)
class Marks:
    """What an answer says about a block.

    Attributes:
        role: `fix`, `wrong`, `check`, or empty where the words do not tell.
        recommended: Said to be the recommended, final, complete or corrected one.
        alternative: Said to be one of several ways, and not the first.
        correction: Said to correct what stands above.
        choice: The option it belongs to ("option 2"), or empty.
        unsure: Whether words that may mean something else are all that makes it old code or a check.
    """

    role: str
    recommended: bool
    alternative: bool
    correction: bool
    choice: str
    unsure: bool = False


def read_marks(block: Block) -> Marks:
    """Reads the words around a block."""
    lead = _last_sentence(block.lead)
    near = [words for words in (block.comment[:300], lead, *block.headings[:1]) if words]
    role, told = next(((found, text) for text in near if (found := _role(text))), ("", ""))
    words = " \n ".join((block.comment[:300], block.lead[-400:], *block.headings[:1]))
    strong = bool(_STRONG.search(words)) and not _NOT.search(words)
    option = next((m for text in (*near, *block.headings) if (m := _CHOICE.search(text))), None)
    choice = f"{option[1]} {option[2]}".lower() if option else ""
    other = bool(option and option[2].lower() not in "1one0a") if option else False
    alternative = not strong and (
        other or any(_ALTERNATIVE.search(text) for text in (*near, block.lead[-400:]))
    )
    return Marks(
        role=role,
        recommended=strong
        or (not alternative and bool(_RECOMMENDED.search(words)) and not _NOT.search(words)),
        alternative=alternative,
        correction=bool(_CORRECTION.search(words)),
        choice=choice,
        unsure=_unsure(role, told),
    )


def is_check(words: str) -> bool:
    """Whether a sentence sets out to check something."""
    return bool(_CHECK_FIRST.match(_plain(words)))


def is_other_way(words: str) -> bool:
    """Whether words offer one of several ways, or something for who wants it."""
    return bool(_ALTERNATIVE.search(words))


def _unsure(role: str, words: str) -> bool:
    """Whether a role hangs on a single word: "Change:", or a check that is mentioned in passing."""
    words = _plain(words)
    return bool(role == "wrong" and _VERB.match(words)) or (role == "check" and not _CHECK_FIRST.match(words))


def _plain(words: str) -> str:
    return words.replace("’", "'").replace("*", "").replace("_", " ").strip()


def _last_sentence(words: str) -> str:
    pieces = [
        piece
        for piece in re.split(r"(?<=[.!?])\s+(?=[A-Z*`✅❌])", words[-600:].strip())
        if piece.strip(" *_")
    ]
    return pieces[-1] if pieces else ""


def _role(words: str) -> str:
    words, said = _plain(words), _plain(_CODE.sub("`…`", words))
    if _CHECK_FIRST.match(words):
        return "check"
    fix = _FIX.search(words) or _RECOMMENDED.search(words) or _STRONG.search(words)
    if _WRONG.search(words) and not fix:
        return "wrong"
    if fix:
        return "fix"
    return "check" if _CHECK.search(said) else ""
