"""A comparison and its gates as Markdown for a pull request, as JSON and as JUnit XML.

At most 60 lines of Markdown. All text from logs is escaped: no mentions, no HTML, no broken tables.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree import ElementTree

from redgreenbench.reports.compare import Sides, shown, transcripts_of
from redgreenbench.reports.estimate import Estimate, Frame
from redgreenbench.reports.metrics import Metric
from redgreenbench.reports.pairwise import ModelPreference
from redgreenbench.reports.rules import BLOCK, PASS, GateResult, outcome_of
from redgreenbench.reports.usage import Usage
from redgreenbench.reports.words import (
    BLANK,
    change,
    estimate_text,
    p_text,
    tally_text,
    title_of,
    value_text,
    votes_text,
)

__all__ = [
    "LINES",
    "MARKER",
    "About",
    "as_json",
    "as_junit",
    "as_markdown",
    "as_notice",
    "escape",
    "marker_of",
]

MARKER = "<!-- redgreenbench: skill comparison -->"
"""The first line, by which a pull request's comment is found again and replaced."""
LINES = 60
_SCENARIOS = 5
_GATES = 10
_METRICS = 22
_REASONS = 4
_VALIDITY = 10
_FINDINGS = ("improved", "regressed", "noise")


@dataclass(frozen=True)
class About:
    """What a comment says of a comparison beside its numbers.

    Attributes:
        marker: Its first line, see `marker_of`.
        title: What is judged, for example the skill's folder.
        outcome: The outcome, which need not be that of the gates.
        reasons: Why there is no comparison, or why the outcome is not that of the gates.
        facts: What was compared and how, a line each.
        validity: What a reader must know before believing it, a line each.
        cost: Tokens by what they were spent on.
    """

    marker: str
    title: str
    outcome: str
    reasons: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    validity: tuple[str, ...] = ()
    cost: tuple[tuple[str, Usage], ...] = ()


def marker_of(what: str) -> str:
    """The first line of the comment on one of several things that a pull request changes."""
    # Two dashes in a row would end the HTML comment for some readers of Markdown.
    slug = re.sub(r"-+", "-", re.sub(r"[^A-Za-z0-9._/-]", "-", what))[:100].strip("-")
    return f"<!-- redgreenbench: skill comparison of {slug} -->"


def escape(text: str) -> str:
    """Text of a model or file for one cell of Markdown: one line, nothing that Markdown, HTML or a mention would use."""
    line = " ".join(str(text).split())
    line = f"{line[:199]}…" if len(line) > 200 else line
    # Invisible characters can turn the reading order round or hide what stands there.
    line = "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cf"))
    # Of these, & would let an entity such as &#64; become a mention after all.
    for mark in "\\`*_[]<>|#&~$":
        line = line.replace(mark, f"\\{mark}")
    # What is linked by its looks is broken by a space of no width: mentions, addresses, numbers of issues.
    line = line.replace("@", "@\u200b").replace("://", ":\u200b//").replace("\\#", "\\#\u200b")
    return re.sub(r"(?i)\b(www|gh)(?=[.-])", "\\1\u200b", line)


def as_markdown(
    sides: Sides,
    frame: Frame,
    gates: Sequence[GateResult] = (),
    notes: Sequence[str] = (),
    command: str = "",
    about: About | None = None,
    most: int = LINES,
    preferred: Sequence[ModelPreference] = (),
) -> str:
    """The comment.

    Args:
        sides: What was compared.
        frame: The comparison.
        gates: The gates; none: a comparison without a verdict.
        notes: What a reader must know: broken logs, unfinished runs, forced comparisons.
        command: The command that reproduces it.
        about: What else to say; with it the comment has sections on validity and cost.
        most: Lines that it may have; metrics give way to everything else.
        preferred: What graders prefer of each model's replies, side by side.
    """
    compared = shown(frame)
    if about:
        top = _top(about)
        said = outcome_of(gates)
        if gates and said != about.outcome:
            top[1] += f" (the gates alone: {said})"
    else:
        head = f"**{outcome_of(gates)}**" if gates else _headline(compared)
        models = sorted({compliance.subject.model for compliance in compared})
        facts = f"{escape(sides.base)} → {escape(sides.head)}"
        facts += f"; model {escape(models[0])}" if len(models) == 1 else ""
        top = [MARKER, f"### Skill comparison: {head}", "", facts]
    rows = most - LINES  # more room than a comment has means longer lists
    top += _gates_table(gates, _GATES + rows)
    warnings = [*(f"compared although they differ: {d}" for d in sides.differs), *sides.notes, *notes]
    forms = [
        f"- {'⚠ ' * bool(compliance.unlike)}{escape(compliance.model)}: {compliance.text}"
        for compliance in sides.compliance
    ]
    bottom = _preferred_lines(preferred, _SCENARIOS + rows) + _scenario_lines(compared, _SCENARIOS + rows)
    if about:
        bottom += _bullets("**Validity**", forms, about.validity, warnings, _VALIDITY + rows)
        bottom += _cost_table(about.cost)
    else:
        bottom += _bullets("", forms, (), warnings, 6)
    bottom += _reproduce(command)
    room = most - len(top) - len(bottom) - 5
    lines = [*top, *_metrics_table(frame, compared, min(room, (12 if gates else _METRICS) + rows)), *bottom]
    return "\n".join(lines[:most]) + "\n"


def as_notice(about: About, command: str = "") -> str:
    """The comment where nothing was compared."""
    return "\n".join([*_top(about), *_reproduce(command)]) + "\n"


def _top(about: About) -> list[str]:
    lines = [about.marker, f"### Skill comparison of {escape(about.title)}: **{escape(about.outcome)}**"]
    if about.reasons:
        lines += ["", *(f"- {escape(reason)}" for reason in about.reasons[:_REASONS])]
    # Lines that follow each other would run together; a list keeps them apart.
    return [*lines, "", *(f"- {escape(fact)}" for fact in about.facts)]


def _reproduce(command: str) -> list[str]:
    return ["", f"`{' '.join(command.replace('`', '').split())}`"] if command else []


def _bullets(
    title: str, first: Sequence[str], plain: Sequence[str], warnings: Sequence[str], most: int
) -> list[str]:
    """A list of at most ``most`` items: those that are ready, then plain ones, then warnings."""
    told = [*first, *(f"- {escape(item)}" for item in plain), *(f"- ⚠ {escape(item)}" for item in warnings)]
    if not told:
        return []
    if len(told) > most:
        told = [*told[: most - 1], f"- {len(told) - most + 1} more in the summary"]
    return ["", *([title, ""] if title else []), *told]


def _cost_table(cost: Sequence[tuple[str, Usage]]) -> list[str]:
    if not cost:
        return []
    lines = [
        "",
        "| cost | answers | tokens in | tokens out | graders in | graders out |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for what, spent in cost:
        numbers = (
            spent.answers,
            spent.tokens_in,
            spent.tokens_out,
            spent.grader_in,
            spent.grader_out,
        )
        lines.append(f"| {' | '.join([escape(what), *(f'{number:,}' for number in numbers)])} |")
    return lines


def _gates_table(gates: Sequence[GateResult], most: int) -> list[str]:
    if not gates:
        return []
    several = len({gate.model for gate in gates}) > 1
    lines = [
        "",
        "| gate | outcome | base | head | head − base [95 %] | why |",
        "|---|---|---:|---:|---:|---|",
        *(_gate_row(gate, several) for gate in gates[:most]),
    ]
    if len(gates) > most:
        lines += ["", f"{len(gates) - most} further gates are in the summary."]
    return lines


def _metrics_table(frame: Frame, compared: Sequence[Estimate], most: int) -> list[str]:
    # What was found is never what is left out.
    able = sorted(
        (c for c in compared if c.verdict != "invalid"),
        key=lambda c: (c.verdict not in _FINDINGS, c.described.family != "headline"),
    )
    rows = able[: max(0, most)]
    several = len({difference.subject.model for difference in compared}) > 1
    lines = [
        "",
        "| metric | verdict | base | head | head − base [95 %] | p, corrected | why |",
        "|---|---|---:|---:|---:|---:|---|",
        *(_row(frame, difference, several) for difference in rows),
    ]
    hidden = len(compared) - len(rows)
    if hidden:
        unable = len(compared) - len(able)
        lines += [
            "",
            f"{hidden} further metric{'s are' if hidden != 1 else ' is'} not shown; {unable} of them could not be compared.",
        ]
    return lines


def _preferred_lines(preferred: Sequence[ModelPreference], most: int) -> list[str]:
    """The replies side by side: a row a model, and the scenarios in which one side is preferred most."""
    if not preferred:
        return []
    lines = [
        "",
        "| replies side by side | outcome | scenarios | votes for head [95 %] | p, corrected | pairs | flips |",
        "|---|---|---|---:|---:|---|---:|",
    ]
    for preference in preferred:
        pairs = [sum(getattr(t, what) for t in preference.scenarios) for what in ("won", "tied", "lost")]
        cells = [
            escape(preference.model),
            f"{preference.outcome}{f': {escape(preference.why)}' if preference.why else ''}",
            tally_text(preference.won, preference.tied, preference.lost),
            votes_text(preference.value, preference.low, preference.high),
            p_text(preference.p_adjusted),
            tally_text(*pairs) + (f", {preference.unscored} not decided" if preference.unscored else ""),
            f"{preference.flips} ({preference.flips_first} to the first)" if preference.flips else "0",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    for what, sign in (("Base", -1), ("Head", 1)):
        votes = [
            (sign * t.net, t) for preference in preferred for t in preference.scenarios if sign * t.net > 0
        ]
        ranked = sorted(votes, key=lambda vote: (-vote[0], vote[1].scenario))[:most]
        told = [f"{escape(t.scenario)} ({tally_text(t.won, t.tied, t.lost)})" for _, t in ranked]
        lines += ["", f"{what} preferred: {'; '.join(told) or 'none'}"]
    return lines


def _headline(compared: Sequence[Estimate]) -> str:
    counts = {v: sum(c.verdict == v for c in compared) for v in _FINDINGS}
    said = [f"{n} {v}" for v, n in counts.items() if n]
    rest = len(compared) - sum(counts.values())
    return ", ".join([*said, f"{rest} without a finding"] if rest else said) or "nothing to compare"


def _difference(difference: Estimate) -> str:
    """A difference with its unit and its number of scenarios; an amount has its unit in the title."""
    text = estimate_text(difference).replace(" ", "\u00a0")  # an interval is not broken over lines
    unit = " points" if difference.described.scale == "share" else ""
    return text if text == BLANK else f"{text}{unit} (n\u00a0{difference.n})"


def _named(metric: Metric, model: str, several: bool) -> str:
    """A metric, with the model where there are several."""
    return f"{title_of(metric)}, {escape(model)}" if several else title_of(metric)


def _row(frame: Frame, difference: Estimate, several: bool) -> str:
    base, head = frame.means(difference)
    cells = [
        _named(difference.described, difference.subject.model, several),
        difference.verdict,
        value_text(base),
        value_text(head),
        _difference(difference),
        p_text(difference.p_adjusted),
        escape(difference.why),
    ]
    return f"| {' | '.join(cells)} |"


def _gate_row(result: GateResult, several: bool) -> str:
    mark = {PASS: "✅ ", BLOCK: "❌ "}.get(result.outcome, "❔ ")
    cells = [
        _named(result.difference.described, result.model, several),
        mark + result.outcome,
        value_text(result.base),
        value_text(result.head),
        _difference(result.difference),
        escape(result.why),
    ]
    return f"| {' | '.join(cells)} |"


def _scenario_lines(compared: Sequence[Estimate], most: int) -> list[str]:
    """The worst and the best scenarios, each by the metric that changed most in it."""
    lines = []
    for what in ("worse", "better"):
        largest_change: dict[str, tuple[float, str]] = {}
        # An amount, such as of tokens, is no better or worse than a share by its size.
        for difference in (c for c in compared if c.described.scale == "share"):
            for scenario, moved in difference.moved(what == "better"):
                if scenario not in largest_change or abs(moved) > abs(largest_change[scenario][0]):
                    largest_change[scenario] = moved, difference.described.title
        largest = sorted(largest_change.items(), key=lambda item: (-abs(item[1][0]), item[0]))[:most]
        told = [f"{escape(s)} {change(d)} ({title})" for s, (d, title) in largest]
        lines += ["", f"Got {what} (single scenarios in points, not tested): {'; '.join(told) or 'none'}"]
    return lines


def as_json(
    sides: Sides,
    frame: Frame,
    gates: Sequence[GateResult] = (),
    notes: Sequence[str] = (),
    metrics: Sequence[str] = (),
    preferred: Sequence[ModelPreference] = (),
) -> dict[str, Any]:
    """The comparison as JSON data; numbers that cannot be given are null."""
    record: dict[str, Any] = {
        "base": sides.base,
        "head": sides.head,
        "differs": list(sides.differs),
        "metrics": [_compared(sides, frame, item) for item in shown(frame, metrics)],
        "notes": [*map(str, sides.compliance), *sides.notes, *notes],
    }
    if preferred:
        record["pairwise"] = [_preferred(item) for item in preferred]
    if gates:
        record["outcome"] = outcome_of(gates)
        record["gates"] = [
            {
                "gate": g.gate.model_dump(mode="json"), "model": g.model, "outcome": g.outcome, "why": g.why,
                "base": _numbers(g.base), "head": _numbers(g.head), "difference": _numbers(g.difference),
                "p": _number(g.p), "p_worse": _number(g.p_worse), "needed": g.needed,
            }
            for g in gates
        ]  # fmt: skip
    return record


def _compared(sides: Sides, frame: Frame, difference: Estimate) -> dict[str, Any]:
    base, head = frame.means(difference)
    worse, better = difference.moved(False), difference.moved(True)
    moved = [name for name, _ in (*worse[:_SCENARIOS], *better[:_SCENARIOS])]
    places = transcripts_of(sides, moved, difference.subject.model, difference.metric) if moved else ()
    return {
        "metric": difference.metric, "model": difference.subject.model, "verdict": difference.verdict, "why": difference.why,
        "base": _numbers(base), "head": _numbers(head), "difference": _numbers(difference),
        "worse": worse, "better": better, "transcripts": [asdict(place) for place in places],
    }  # fmt: skip


def _preferred(preference: ModelPreference) -> dict[str, Any]:
    numbers = ("value", "low", "high", "p", "p_adjusted")
    return {
        **{name: getattr(preference, name) for name in ("model", "outcome", "why", "won", "tied", "lost")},
        **{name: _number(getattr(preference, name)) for name in numbers},
        "pairs": preference.pairs, "unscored": dict(preference.reasons),
        "flips": preference.flips, "flips_first": preference.flips_first,
        "scenarios": [asdict(t) | {"net": _number(t.net)} for t in preference.scenarios],
    }  # fmt: skip


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _numbers(estimate: Estimate) -> dict[str, Any]:
    """What is known of an estimate; of a difference its tests too."""
    names = ["value", "low", "high"] + (
        ["p", "p_sign_flip", "p_adjusted", "detectable"] if estimate.base else []
    )
    numbers: dict[str, Any] = {name: _number(getattr(estimate, name)) for name in names}
    return (
        numbers
        | {"n": estimate.n, "answers": estimate.answers}
        | ({} if estimate.base else {"missing": estimate.missing})
    )


def as_junit(gates: Sequence[GateResult], reasons: Sequence[str] = ()) -> str:
    """The gates as JUnit XML: BLOCK is a failure, INCONCLUSIVE is skipped with its reason.

    Args:
        gates: The gates.
        reasons: Why the comparison as a whole was skipped or decides nothing; a case of its own.
    """
    suite = ElementTree.Element("testsuite", name="redgreenbench", tests=str(len(gates) + bool(reasons)))
    if reasons:
        whole = ElementTree.SubElement(suite, "testcase", classname="redgreenbench", name="comparison")
        ElementTree.SubElement(whole, "skipped", message=_printable("; ".join(reasons)))
    for gate in gates:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_printable(gate.model), name=gate.gate.metric
        )
        if gate.outcome == BLOCK:
            ElementTree.SubElement(case, "failure", message=_printable(gate.why))
        elif gate.outcome != PASS:
            ElementTree.SubElement(case, "skipped", message=_printable(gate.why))
    suite.set("failures", str(sum(g.outcome == BLOCK for g in gates)))
    skipped = sum(g.outcome not in (BLOCK, PASS) for g in gates) + bool(reasons)
    suite.set("skipped", str(skipped))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _printable(text: str) -> str:
    """Text without the characters that XML forbids."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t")
