"""A comparison and its gates as Markdown for a pull request, as JSON and as JUnit XML.

At most 60 lines of Markdown. All text from logs is escaped: no mentions, no HTML, no broken tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from redgreenbench.reports.compare import Compared, Sides
from redgreenbench.reports.gate import BLOCK, PASS, GateResult, outcome_of
from redgreenbench.reports.metrics import load_metrics

__all__ = ["LINES", "MARKER", "as_json", "as_junit", "as_markdown", "escape"]

MARKER = "<!-- redgreenbench: skill comparison -->"
"""The first line, by which a pull request's comment is found again and replaced."""
LINES = 60
_SCENARIOS = 5


def escape(text: str) -> str:
    """Text of a model or file for one cell of Markdown: one line, nothing that Markdown, HTML or a mention would use."""
    line = " ".join(str(text).split())[:200]
    for mark in "\\`*_[]<>|#":
        line = line.replace(mark, f"\\{mark}")
    return line.replace("@", "@\u200b").replace("://", ":\u200b//")


def _points(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:+.0f}"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.0f} %"


def _p(value: float) -> str:
    return "–" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def as_markdown(
    sides: Sides,
    compared: Sequence[Compared],
    gates: Sequence[GateResult] = (),
    notes: Sequence[str] = (),
    command: str = "",
) -> str:
    """The comment.

    Args:
        sides: What was compared.
        compared: The comparison.
        gates: The gates; none: a comparison without a verdict.
        notes: What a reader must know: broken logs, unfinished runs, forced comparisons.
        command: The command that reproduces it.
    """
    head = f"**{outcome_of(gates)}**" if gates else _headline(compared)
    lines = [MARKER, f"### Skill comparison: {head}", "", f"{escape(sides.base)} → {escape(sides.head)}"]
    if gates:
        lines += [
            "",
            "| gate | model | outcome | base | head | difference [95 %] | why |",
            "|---|---|---|---:|---:|---:|---|",
        ]
        lines += [_gate_row(gate) for gate in gates[:12]]
    shown = [c for c in compared if c.verdict != "invalid"]
    room = 12 if gates else 22
    lines += [
        "",
        "| metric | model | base | head | difference [95 %] | Holm p | verdict |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    lines += [_row(one) for one in shown[:room]]
    hidden = len(compared) - len(shown[:room])
    if hidden:
        lines.append(
            f"\n{hidden} further metrics are in the report; {len(compared) - len(shown)} of them could not be compared."
        )
    lines += _scenario_lines(compared)
    warnings = [*(f"compared although they differ: {d}" for d in sides.differs), *notes]
    if warnings:
        lines += ["", *(f"- ⚠ {escape(note)}" for note in warnings[:6])]
    if command:
        lines += ["", f"`{command.replace('`', '')}`"]
    return "\n".join(lines[:LINES]) + "\n"


def _headline(compared: Sequence[Compared]) -> str:
    counts = {v: sum(c.verdict == v for c in compared) for v in ("improved", "regressed", "noise")}
    said = [f"{n} {v}" for v, n in counts.items() if n]
    rest = len(compared) - sum(counts.values())
    return ", ".join([*said, f"{rest} without a finding"] if rest else said) or "nothing to compare"


def _row(one: Compared) -> str:
    effect = one.effect
    interval = "" if math.isnan(effect.low) else f" [{_points(effect.low)}, {_points(effect.high)}]"
    cells = [
        load_metrics()[one.metric].title,
        escape(one.model),
        _share(one.base.value),
        f"{_share(one.head.value)} (n {one.effect.scenarios})",
        f"{_points(effect.value)}{interval}",
        _p(one.p_holm),
        f"{one.verdict}{f': {escape(one.why)}' if one.why else ''}",
    ]
    return f"| {' | '.join(cells)} |"


def _gate_row(one: GateResult) -> str:
    mark = {PASS: "✅ ", BLOCK: "❌ "}.get(one.outcome, "❔ ")
    interval = "" if math.isnan(one.low) else f" [{_points(one.low)}, {_points(one.high)}]"
    cells = [
        load_metrics()[one.gate.metric].title,
        escape(one.model),
        mark + one.outcome,
        _share(one.base.value),
        _share(one.head.value),
        f"{_points(one.difference)}{interval}",
        escape(one.why),
    ]
    return f"| {' | '.join(cells)} |"


def _scenario_lines(compared: Sequence[Compared]) -> list[str]:
    """The five worst and the five best scenarios, by the metric that changed most."""
    changed = [c for c in compared if c.worse or c.better]
    if not changed:
        return []
    lines = []
    for what in ("worse", "better"):
        pairs = [(c, c.worse if what == "worse" else c.better) for c in changed]
        found = [(abs(d), s, d, c) for c, moved in pairs for s, d in moved]
        found.sort(key=lambda row: (-row[0], row[3].metric, row[1]))
        if found:
            told = [
                f"{escape(s)} {_points(d)} ({load_metrics()[c.metric].title})"
                for _, s, d, c in found[:_SCENARIOS]
            ]
            lines += ["", f"Got {what}: {'; '.join(told)}"]
    return lines


def as_json(
    sides: Sides, compared: Sequence[Compared], gates: Sequence[GateResult] = (), notes: Sequence[str] = ()
) -> dict[str, Any]:
    """The comparison as JSON data; numbers that cannot be given are null."""
    record: dict[str, Any] = {
        "base": sides.base,
        "head": sides.head,
        "differs": list(sides.differs),
        "metrics": [_clean(asdict(one)) for one in compared],
        "notes": list(notes),
    }
    if gates:
        record["outcome"] = outcome_of(gates)
        record["gates"] = [_clean(asdict(g) | {"gate": g.gate.model_dump(mode="json")}) for g in gates]
    return record


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def as_junit(gates: Sequence[GateResult]) -> str:
    """The gates as JUnit XML: BLOCK is a failure, INCONCLUSIVE is skipped with its reason."""
    suite = ElementTree.Element("testsuite", name="redgreenbench", tests=str(len(gates)))
    for gate in gates:
        case = ElementTree.SubElement(suite, "testcase", classname=gate.model, name=gate.gate.metric)
        if gate.outcome == BLOCK:
            ElementTree.SubElement(case, "failure", message=gate.why)
        elif gate.outcome != PASS:
            ElementTree.SubElement(case, "skipped", message=gate.why)
    suite.set("failures", str(sum(g.outcome == BLOCK for g in gates)))
    suite.set("skipped", str(sum(g.outcome not in (BLOCK, PASS) for g in gates)))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
