"""Reads an answer as text: its sentences, code blocks, negations, questions and advice.

Everything here is deterministic and knows nothing of scenarios. It reads English, and enough of a
few other languages to see a negation; it does not understand, it finds marks. What it cannot see
(irony, advice phrased as a story) the labelled answers in the tests document.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

__all__ = ["Answer", "Sentence", "is_negated", "read"]

_FENCE = re.compile(
    r"^[ \t]*(`{3,20}|~{3,20})[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.S | re.M
)
# A Markdown quotation repeats somebody else's words; a comment, a pretended message of the system and a
# list of verdicts are not meant for the reader at all, nor is what follows a pretended end of the answer.
_NOT_SAID = re.compile(
    r"^[ \t]*>[^\n]*$|<!--.*?(?:-->|\Z)"
    r"|<(system|grading|grader|grade|evaluation|evaluator|judge|judg(?:e)?ment|rubric|verdict)\b[^>\n]*>.*?(?:</\1>|\Z)"
    r"|^[^\w\n]{0,20}(?:</(?:transcript|response|assistant|conversation)>"
    r"|end of (?:the )?(?:transcript|conversation|assistant (?:answer|response|reply|message)|answer|response)\b[^\n.]{0,9}$).*\Z"
    r"|^[^\w\n]{0,9}[a-z]+(?:-[a-z]+)+[\"'`*]*[ \t]*[:=][ \t]*[\"'`]?(?:not )?(?:met|true|false|passed|failed)\b[^\n]*$",
    re.M | re.S | re.I,
)
_VERDICTS = re.compile(
    r"[\"'][a-z]+(?:-[a-z]+)+[\"']\s*:\s*(?:true|false|[\"'](?:not )?(?:met|true|false|pass\w*|fail\w*)[\"'])",
    re.I,
)
# A line that goes on in lower case continues its sentence.
_END = re.compile(
    r"(?<=[.!?。！？])[\"')\]*_]*(?:\s+|(?<=[。！？]))(?=\S)|\n\s*\n|\n(?=[ \t]*[^a-z\s])|\n(?=[ \t]*[a-z][.)] )"
)
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|approx|cf|no)\.$", re.I)
_LIST_MARK = re.compile(r"^\s*(?:[-*+•>#]+|\(?\d{1,2}[.):]|\(?[a-z][.)])\s+")

# What turns a statement about a thing into a statement against it, before or after the thing.
_NEGATORS = re.compile(
    r"\b(?:not|never|no|none of|without|neither|nor|cannot|avoid\w*|skip\w*|ignor\w+|forget|rather than|instead of"
    r"|unlikely|less about|ruling? out|rules out|ruled out|premature(?:ly)?|far from|opposed to|rejects?"
    r"|(?:i['’]d|i would) (?:normally|usually|ordinarily|otherwise)|people (?:will|may|might) tell you"
    r"|hold(?:ing)? off|resist|refrain\w*|leave aside|set aside|leave|unrelated to|outside|nothing to do with"
    r"|too (?:early|soon) (?:for|to)|tempting|was going to|were going to|would have (?:said|suggested|sent)"
    r"|nicht|kein\w*|sin|nunca|tampoco|pas|aucun\w*|jamais|ne|non(?!-)|nao|não|nie|nem)\b|n['’]t\b|不|没|并非",
    re.I,
)
# `no` of Spanish and Portuguese is covered by the English one.
_NOT_A_NEGATION = re.compile(
    r"\b(?:not only|not just|not merely|no doubt|why not|not sure|no problem|no matter|no later than|if not"
    r"|whether or not|not converging|not learning|not (?:going )?(?:down|decreasing|improving)"
    r"|(?:can(?:no|['’])t|cannot|no way to) (?:avoid|skip|ignore)\w*"
    r"|(?:do|does|would|should|must|wo)(?:n['’]t| not) (?:forget|skip|ignore|avoid|hesitate|leave out)\w*"
    r"|(?:does|is|do|are|was|were|did)(?:n['’]t| not) (?:learn|converg|decreas|improv|work|go|chang)\w*)\b",
    re.I,
)
_NEGATED_AFTER = re.compile(
    r"^\w*[\s\"'`*_)\]]*(?:(?:skill|guide|specialist|pack|sheet|problem|issue|route|one)s?\b)?[\s,]*(?:"
    r"(?:is|are|was|were|would be|will be|seems?|looks?)\s+(?:\w+\s+){0,2}?"
    r"(?:not|never|n['’]t|unlikely|wrong|premature|unnecessary|unneeded|irrelevant|overkill|the wrong|no help"
    r"|out of scope|a red herring|a distraction|a waste|too early|too soon)"
    r"|(?:isn|aren|wasn|won|wouldn|doesn|don|can|couldn|shouldn)['’]?n?['’]t\b"
    r"|would (?:be|have been)\b.*\b(?:but|however|except)\b"
    r"|out of (?:it|this)\b|aside\b"
    r"|(?:does|do|will|would|can|should|need)\s+not\b|cannot\b"
    r"|(?:nicht|ne)\b)",
    re.I,
)
# "I don't think that …" denies all that follows, however long, until a word that turns.
_DENIES_ALL = re.compile(
    r"\b(?:do not|don['’]t|cannot|can['’]t) (?:think|believe|see (?:why|how))\b(?!.*\b(?:but|instead|rather|however)\b)"
    r"|\b(?:avoid|skip|not|never|none of)\b[^.:;]*\b(?:these|those|following)\b[^.:;]*:",
    re.I,
)
# "A, B, C: no need for any of them" denies each of a list.
_DENIED_LIST = re.compile(
    r"[:,–—-]\s*(?:no need (?:for|of) (?:any (?:of )?)?(?:them|these|those|it|this|that)"
    r"|(?<=: )not (?:before|now|needed|necessary|here|at all)|(?:none|neither|not one) of (?:them|these|those|it|this|that)|forget (?:about )?(?:them|these|it|all))\b",
    re.I,
)
_CLAUSE = re.compile(
    r"[;:,()\n—–]|\s-\s|\b(?:but|instead(?! of)|however|rather(?! than)|so|because|while|sondern|sino|mais)\b",
    re.I,
)

_ADVICE_VERBS = (
    r"try|use|reduce|lower|increase|raise|decrease|add|switch|set|change|apply|replace|enable|disable|clip|remove"
    r"|implement|reformulate|rewrite|parametri[sz]e|initiali[sz]e|clamp|adjust|normali[sz]e|scale|tune|drop|move|start with|begin with|go with|pick|choose|adopt"
    r"|augment|regulari[sz]e|simplify|freeze|train|wrap|make(?! (?:sure|an? (?:[\w-]+ )?(?:note|list|table|sketch)))"
    r"|put(?! (?:differently|simply|another|otherwise))|take(?! (?:an? (?:\w+ )?(?:look|moment|step|breath|minute|break)|it|this|that|these|those|them|your|care|note|into|five|ten))|consider|experiment|halve|double|cut|employ|bump|swap"
    r"|introduce|incorporate|optimi[sz]e|upgrade|insert|stop"
    r"|nimm|verwende|benutze|setze|senke|reduziere|erh[oö]he|probiere"
    r"|utilise[rz]?|r[ée]dui\w+|essaye[rz]?|diminue[rz]?|augmente[rz]?|usa|utiliza|prueba|baja|reduza|tente"
)
_LEAD_IN = r"^(?:(?:first|second|third|next|then|also|finally|instead|step \d+|so|and|or|just|simply|please|yes|no)[\s,:.]+)*"
_ADVICE = re.compile(
    rf"{_LEAD_IN}(?:{_ADVICE_VERBS}|(?:lower|reduc|increas|decreas|us|switch|add|apply|clipp|adjust|chang)ing)\b"
    rf"|\bi(?:['’]d| would) (?:just |simply |first )?(?:{_ADVICE_VERBS})\b"
    r"|^`\w+ ?= ?[\w.]+\("
    rf"|\b(?:a|the|your|my) (?:\w+ )?(?:good|best|safe\w*|easiest|obvious|sensible|usual|simplest|quickest) (?:first |next )?"
    rf"(?:move|step|thing|bet|choice|option|fix|remedy|cure|starting point) (?:[\w-]+ ){{0,5}}?(?:is|would be|will be) (?:simply |just )?to"
    rf" (?:{_ADVICE_VERBS})\b(?! (?:nothing|no\b))"
    rf"|\b(?:i(?:['’]d| would)? (?:recommend|suggest|advise)(?! against\b| (?:you )?not\b)"
    rf"|(?<!so )(?<!so that )you (?:should|could|can|need to|must|may want to|might want to|['’]ll want to)"
    rf"(?! (?:\w+ )?(?:find out|see|check|tell|measure|look|verify|log|print|plot|profile|test|ask|know|rule out)\b)"
    rf"|my (?:advice|recommendation|suggestion)|it(?:['’]s| is) (?:best|better|recommended) to"
    rf"|(?:should|must|has to|needs to) be (?:used|lowered|reduced|raised|increased|replaced|added|set|changed|removed)"
    rf"|the (?:fix|solution|answer) is|(?:should|would) (?:help|fix|solve)"
    rf"|here (?:are|is) (?:some|a few|several|the|what))\b|使用|降低|尝试|建议|减小|增加",
    re.I,
)
# Finding things out is neither a recommendation nor a question.
_DIAGNOSTIC = re.compile(
    rf"{_LEAD_IN}(?:check|verify|look|inspect|print|plot|log|monitor|measure|profile|confirm|find out|make sure|run"
    r"|note|write down|time|compare|count|test|rerun|diagnose|examine|investigate|watch|reproduce|review)\b"
    rf"|{_LEAD_IN}(?:use|try|enable|set|add|wrap|start with|begin with)\b.*\b(?:profiler|detect_anomaly|anomaly"
    r"|cuda_launch_blocking|nvidia-smi|memory_summary|gradient norms?|overfit\w* (?:a|one|that) (?:single )?batch)\b",
    re.I,
)
_ASKING = re.compile(
    r"\b(?:(?:could|can|would) you (?:please )?(?:tell|share|describe|post|show|give|provide|clarify|specify|confirm|paste|send)"
    r"|(?:send|bring) me\b|(?:come back|get back to me|report back) with\b|answer (?:these|this|the following|me)\b"
    r"|(?:please|kindly) (?:tell|share|describe|post|show|give|provide|clarify|specify|confirm|let me know|paste|send)"
    r"|(?:tell|show|give) me\b|let me know (?:what|which|whether|how|if the|your|when)"
    r"|i(?:['’]ll|['’]d| will| would)? (?:need|have|like|want) to (?:know|ask|understand|clarify)"
    r"|i need (?:some|a few|more|the) (?:details|information|answers)"
    r"|(?:share|describe|specify|clarify) (?:the|your|what|which|whether|how))\b",
    re.I,
)
_ASKING_ELSEWHERE = re.compile(
    r"(?:dis-moi|dites-moi|pouvez-vous|peux-tu|pr[ée]cise[rz]?|dime|d[ií]game|puedes decirme|podr[ií]as?|sag mir|sagen sie"
    r"|schreib (?:mir|bitte)|teile? (?:mir|bitte)|请(?:先)?(?:告诉|回答|说明|用)|请问)",
    re.I,
)
"""As `_ASKING` in a few other languages; only what ends in a colon and heads a list counts by it."""
_SELF_ANSWER = re.compile(
    r"(?:yes|no|nope|never|always|because|definitely|only (?:after|when|if|once))\b"
    r"(?! (?:need|rush|hurry|matter|problem|idea|worr\w+)\b)",
    re.I,
)
"""How a sentence begins that answers the question before it, which was asked for effect."""
_DISOWNS = re.compile(
    r"\b(?:not going to|won['’]t|will not|needn['’]t|(?:do not|don['’]t) (?:need|have) to|no need to|refuse to) (?:even )?ask"
    r" (?:you )?(?:(?:about )?any\b(?! (?:more|further|other))|(?:about )?(?:them|these|those|that|this)\b)"
    r"|^(?:none|neither) of (?:that|this|them|these|those)\b.*\b(?:needed|necessary|matters?|required|relevant)\b",
    re.I,
)
"""Says of questions that stand before it that they are not asked."""
_OFFER = re.compile(r"\b(?:shall i|should i|do you want me to|would you like me to|want me to)\b", re.I)
_PROTOCOL_QUESTION = re.compile(r"^\W*questions?\W*[:：]\s*(\S.*)$", re.I)


_LONGEST = 2_000
"""No sentence is longer; what goes on is taken for another one, so that reading stays linear in length."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of the prose of an answer.

    Attributes:
        text: The sentence without list marks.
        position: Offset of its first character in the prose.
        heading: Whether it is a heading, which asks the user nothing even with a question mark.
        listed: Whether it stands in a list that a request heads ("Please tell me: …"), so that each entry asks.
    """

    text: str
    position: int
    heading: bool
    listed: bool = False

    @cached_property
    def is_question(self) -> bool:
        """Whether it asks the user something: a question mark, a QUESTION: line, or a request to tell."""
        if self.heading:
            return False
        if self.listed:
            return True
        bare = self.text.rstrip("\"')]*_ ")
        protocol = _PROTOCOL_QUESTION.match(self.text)
        if protocol and re.match(r"(?:none|no|n/?a|-+)\W*$", protocol[1], re.I):
            return False
        return bare.endswith(("?", "？")) or bool(_ASKING.search(self.text)) or bool(protocol)

    @cached_property
    def is_offer(self) -> bool:
        """Whether it offers to do something (`Shall I …?`), which asks for consent and not for facts."""
        return bool(_OFFER.search(self.text))

    @cached_property
    def advice(self) -> re.Match[str] | None:
        """The words that recommend a change, as far as wording shows; None if it recommends none."""
        if self.is_question or self.heading or _DIAGNOSTIC.match(self.text):
            return None
        found = _ADVICE.search(self.text)
        return found if found and not is_negated(self.text, found.start(), found.end()) else None


@dataclass(frozen=True)
class Answer:
    """A model's answer, split into prose and code.

    Attributes:
        text: The answer as it was given.
    """

    text: str

    @cached_property
    def prose(self) -> str:
        """What is said outside of code blocks, which are blanked out, so that offsets stay those of the answer."""
        return _FENCE.sub(_blank, self.said)

    @cached_property
    def said(self) -> str:
        """The text with quotations and comments blanked out, code included."""
        return _NOT_SAID.sub(_blank, self.text)

    @cached_property
    def code_blocks(self) -> tuple[tuple[int, str], ...]:
        """Offset and content of every fenced block; diffs and shell sessions included."""
        said = self.said
        blocks = (
            (m.start(), m[3]) for m in _FENCE.finditer(self.text) if said[m.start() : m.start(3)].strip()
        )
        return tuple((start, block) for start, block in blocks if not _VERDICTS.search(block))

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """The sentences of the prose, in order."""
        return tuple(_sentences(self.prose))

    @cached_property
    def trees(self) -> tuple[ast.Module, ...]:
        """Syntax trees of the blocks that are Python, after dedenting; others are left out."""
        parsed = (_parse(block) for _, block in self.code_blocks)
        return tuple(tree for tree in parsed if tree is not None)

    def first_advice(self, handovers: Container[int] = ()) -> int | None:
        """Offset of the first recommendation: an advising sentence or a code block. None if there is none.

        Args:
            handovers: Positions of sentences that hand over to somebody, which is no advice.
        """
        spots = [s.position for s in self.sentences if s.advice and s.position not in handovers]
        spots += [offset for offset, block in self.code_blocks if not re.match(r"\s*route", block, re.I)]
        return min(spots, default=None)

    def questions(self) -> tuple[Sentence, ...]:
        """Sentences that ask for facts; offers, and questions that are answered or taken back at once, are not among them."""
        found: list[Sentence] = []
        for sentence, following in itertools.zip_longest(self.sentences, self.sentences[1:]):
            if _DISOWNS.search(sentence.text):
                found.clear()
            elif sentence.is_question and not sentence.is_offer and not self._answered(sentence, following):
                found.append(sentence)
        return tuple(found)

    def _answered(self, question: Sentence, following: Sentence | None) -> bool:
        if following is None or not question.text.endswith("?") or not _SELF_ANSWER.match(following.text):
            return False
        return "\n" not in self.prose[question.position + len(question.text) : following.position]


@lru_cache(maxsize=16)
def read(text: str) -> Answer:
    """The answer ``text``; scorers that follow each other on one sample share what was read."""
    return Answer(text)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _parse(block: str) -> ast.Module | None:
    lines = block.expandtabs().split("\n")
    # A block quoted from inside a method is indented as a whole.
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    cut = min(indents, default=0)
    try:
        return ast.parse("\n".join(line[cut:] for line in lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _sentences(prose: str) -> Iterator[Sentence]:
    start = 0
    asked = False  # inside a list that a request heads
    ends = [*_END.finditer(prose), None]
    for end in ends:
        stop = end.start() if end else len(prose)
        piece = prose[start:stop]
        if end and "\n" not in end[0] and _ABBREVIATION.search(piece.rstrip("\"')]*_ ")):
            continue
        # "1. Use X" must not be split behind its number.
        if end and "\n" not in end[0] and re.fullmatch(r"\s*\(?\d{1,2}[.)]", piece):
            continue
        mark = _LIST_MARK.match(piece)
        text = piece[mark.end() :] if mark else piece
        offset = start + (mark.end() if mark else 0)
        heading = piece.lstrip().startswith("#")
        at_margin = not mark and (start == 0 or prose[max(start - 1, 0)] == "\n")
        if heading or at_margin:
            asked = False
        for cut in range(0, len(text), _LONGEST):
            stripped = text[cut : cut + _LONGEST].strip().strip("*_ ")
            if stripped:
                sentence = Sentence(stripped, offset + text.index(stripped, cut), heading, asked)
                yield sentence
        if text.rstrip("*_ \n").endswith((":", "：")):
            asked = asked or _heads_questions(text)
        start = end.end() if end else stop


def _heads_questions(text: str) -> bool:
    """Whether a sentence with a colon at its end asks for what follows it."""
    return bool(_ASKING.search(text) or _ASKING_ELSEWHERE.search(text))


@lru_cache(maxsize=64)
def _is_glossary(sentence: str) -> bool:
    """Whether a sentence strings many terms together and says nothing of them."""
    items = sentence.split(",")
    return len(items) >= 9 and sum(len(item.split()) <= 3 for item in items) >= 0.8 * len(items)


def is_negated(sentence: str, start: int, end: int, *, strings: bool = True) -> bool:
    """Whether what stands at ``sentence[start:end]`` is spoken against.

    A negator counts when it stands in the same clause before it, or right behind it ("… is not the
    problem"). Clauses end at commas, colons, dashes and words like `but`. What stands in a mere string of
    terms, or in a list of things that are all denied, is not spoken for either.

    Args:
        sentence: The sentence.
        start: Where the thing begins.
        end: Where it ends.
        strings: Whether a mere string of terms counts as negated.
    """
    before = sentence[:start]
    if (
        _DENIES_ALL.search(before)
        or _DENIED_LIST.search(sentence[end:])
        or (strings and _is_glossary(sentence))
    ):
        return True
    clause_start = max((m.end() for m in _CLAUSE.finditer(before)), default=0)
    clause = _NOT_A_NEGATION.sub(" ", before[clause_start:])
    if _NEGATORS.search(clause):
        return True
    return bool(_NEGATED_AFTER.match(sentence[end:]))
