"""The evidence as Markdown: success metrics, pressure, reliability, what was not measured, and the appendix."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from redgreenbench.evals.vocabulary import Arm
from redgreenbench.reports.evidence import Subject
from redgreenbench.reports.inference import Effect
from redgreenbench.reports.intervals import Rate
from redgreenbench.reports.metrics import Metric, load_derived, load_metrics
from redgreenbench.reports.robust import Ratio
from redgreenbench.reports.survival import curves_of, outcomes_of, runs_of

__all__ = [
    "appendix",
    "cell",
    "effect_text",
    "markdown_row",
    "p_text",
    "rate_text",
    "ratio_text",
    "subject_sections",
]

_NOT = "–"
_UNTIL = ("resolution-minutes", "resolution-turns", "resolution-calls", "resolution-tokens")


def cell(text: str) -> str:
    """Text for one cell of a Markdown table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def markdown_row(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cell(text) for text in cells) + " |"


def _amount(value: float) -> str:
    if math.isnan(value):
        return _NOT
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def rate_text(rate: Rate | None, metric: Metric) -> str:
    """A mean with its interval, in the metric's unit."""
    if rate is None or not rate.rows:
        return _NOT
    if metric.scale == "amount":
        interval = "" if math.isnan(rate.low) else f" [{_amount(rate.low)}, {_amount(rate.high)}]"
        return f"{_amount(rate.value)}{interval}"
    return f"{100 * rate.value:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}]"


def effect_text(effect: Effect | None, metric: Metric) -> str:
    """A paired difference with its interval: points, or the metric's unit."""
    if effect is None or math.isnan(effect.value):
        return _NOT
    if metric.scale == "amount":
        shown, bounds = f"{effect.value:+,.4g}", f"[{effect.low:+,.4g}, {effect.high:+,.4g}]"
    else:
        shown, bounds = f"{100 * effect.value:+.0f}", f"[{100 * effect.low:+.0f}, {100 * effect.high:+.0f}]"
    return f"{shown} [no interval]" if math.isnan(effect.low) else f"{shown} {bounds}"


def ratio_text(ratio: Ratio | None) -> str:
    """A ratio of means with its interval."""
    if ratio is None or math.isnan(ratio.value):
        return _NOT
    if math.isnan(ratio.low):
        return f"{ratio.value:.1f}x [no interval]"
    return f"{ratio.value:.1f}x [{ratio.low:.1f}, {ratio.high:.1f}]"


def p_text(value: float) -> str:
    """A p value."""
    return _NOT if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def subject_sections(subject: Subject) -> list[str]:
    """All sections of a subject, as lines."""
    return [
        *_metrics(subject),
        *_resolution(subject),
        *_pressure(subject),
        *_reliability(subject),
        *_documents(subject),
        *_gap(subject),
        *_headroom(subject),
        *_unmeasured(subject),
    ]


def _metrics(subject: Subject) -> list[str]:
    lines = []
    registry = load_metrics()
    heads = subject.heads or subject.arms[:1]
    for family, title in (("headline", "Success metrics"), ("detail", "In detail"), ("cost", "What it took")):
        mine = [m for m in subject.measured if not m.reason and registry[m.metric].family == family]
        if not mine:
            continue
        lines += [f"### {title}", ""]
        compared = bool(subject.heads)
        names = ["Metric", "RED" if compared else heads[0]]
        for arm in subject.heads:
            names += [arm.upper(), "ratio", f"{arm.upper()} − RED", "p"]
        claims = family != "cost" and any(registry[m.metric].claimed for m in mine)
        names += ["n", "lost", *(["document's hypothesis"] if claims else [])]
        lines += [markdown_row(names), "|---" + "|---:" * (len(names) - 1) + "|"]
        for m in mine:
            metric = registry[m.metric]
            cells = [
                metric.title,
                rate_text(m.arms.get(Arm.RED.value if compared else heads[0]), metric),
            ]
            for arm in subject.heads:
                cells += [
                    rate_text(m.arms.get(arm), metric),
                    ratio_text(m.ratios.get(arm)),
                    effect_text(m.effects.get(arm), metric),
                    p_text(m.adjusted.get(arm, math.nan)),
                ]
            scenarios = max(r.scenarios for r in m.arms.values())
            answers = sum(r.rows for r in m.arms.values())
            cells += [f"{scenarios} ({answers})", str(sum(m.lost.values()))]
            if m.invalid:
                cells[0] += f" (invalid: {m.invalid})"
            if claims:
                claim = metric.claimed
                cells.append(f"{claim.red} → {claim.green}, {claim.ratio}" if claim else "")
            lines.append(markdown_row(cells))
        lines.append("")
    return lines


def _resolution(subject: Subject) -> list[str]:
    runs = runs_of(subject.rows)
    if runs.empty:
        return []
    lines = ["### Time to resolution", ""]
    names = ["Arm", "runs", "resolved", "gave up", "cut by a limit", "broken again"]
    lines += [markdown_row(names), "|---" + "|---:" * (len(names) - 1) + "|"]
    for arm in subject.arms:
        mine = runs[runs["arm"].eq(arm)]
        if len(mine):
            o = outcomes_of(mine)
            lines.append(markdown_row([arm, *map(str, (o.runs, o.resolved, o.gave_up, o.cut, o.rebroken))]))
    lines += ["", markdown_row(["Until resolved", "Arm", "median", "restricted mean", "up to"])]
    lines.append("|---|---|---:|---:|---:|")
    for name in _UNTIL:
        metric = load_metrics()[name]
        for arm, curve in curves_of(runs, subject.arms, metric).items():
            cells = [_reached(curve.median), _reached(curve.restricted_mean), _reached(curve.horizon)]
            lines.append(markdown_row([metric.unit, arm, *cells]))
    lines += [
        "",
        "Kaplan-Meier over runs: a run cut by a limit is censored there, one that gave up at the end of the longest run. "
        "Differences between arms with their intervals, paired by scenario, stand under *In detail*.",
        "",
    ]
    return lines


def _reached(value: float) -> str:
    return "not reached" if math.isnan(value) else _amount(value)


def _pressure(subject: Subject) -> list[str]:
    if not subject.pressed:
        return []
    registry = load_metrics()
    names = ["Metric", "Pressure", *(f"{arm.upper()} eroded by" for arm in subject.arms)]
    names += [f"{arm.upper()} less RED" for arm in subject.heads] + ["n"]
    lines = ["### Under pressure", "", markdown_row(names), "|---|---" + "|---:" * (len(names) - 2) + "|"]
    for one in subject.pressed:
        metric = registry[one.metric]
        cells = [metric.title, one.pressure]
        cells += [effect_text(one.erosion.get(arm), metric) for arm in subject.arms]
        cells += [effect_text(one.interaction.get(arm), metric) for arm in subject.heads]
        cells.append(str(max(e.scenarios for e in one.erosion.values())))
        lines.append(markdown_row(cells))
    return [*lines, ""]


def _reliability(subject: Subject) -> list[str]:
    if not subject.reliable:
        return []
    ks = sorted({k for one in subject.reliable for by_k in one.arms.values() for k in by_k})
    lines = ["### Reliability: chance that all of k answers pass", ""]
    lines += [
        markdown_row(["Metric", "Arm", *(f"k = {k}" for k in ks), "n"]),
        "|---|---" + "|---:" * (len(ks) + 1) + "|",
    ]
    for one in subject.reliable:
        for arm, by_k in one.arms.items():
            if by_k:
                shown = [f"{100 * by_k[k][0]:.0f} %" if k in by_k else _NOT for k in ks]
                scenarios = max(n for _, n in by_k.values())
                lines.append(markdown_row([load_metrics()[one.metric].title, arm, *shown, str(scenarios)]))
    return [*lines, ""]


def _documents(subject: Subject) -> list[str]:
    if not subject.cuts:
        return []
    registry = load_metrics()
    names = ["Metric", "Document", *(arm.upper() for arm in subject.arms)]
    names += [f"{arm.upper()} − RED" for arm in subject.heads] + ["n"]
    lines = ["### By document, not corrected for their number", "", markdown_row(names)]
    lines.append("|---|---" + "|---:" * (len(names) - 2) + "|")
    for one in subject.cuts:
        metric = registry[one.metric]
        cells = [metric.title, one.document]
        cells += [rate_text(one.arms.get(arm), metric) for arm in subject.arms]
        cells += [effect_text(one.effects.get(arm), metric) for arm in subject.heads]
        cells.append(str(max(rate.scenarios for rate in one.arms.values())))
        lines.append(markdown_row(cells))
    return [*lines, ""]


def _gap(subject: Subject) -> list[str]:
    registry = load_metrics()
    lines: list[str] = []
    for hidden, title in (("private", "Private"), ("variant", "Variants")):
        gaps = [gap for gap in subject.gaps if gap.hidden == hidden]
        if not gaps:
            continue
        of = "scenarios" if hidden == "private" else "of the same programs: a gap is a sign of contamination"
        names = ["Metric", "Arm", "Public", title, f"Public − {title.lower()} [95 %]", "n"]
        lines += [
            f"### Public and {title.lower()} {of}",
            "",
            markdown_row(names),
            "|---|---" + "|---:" * 4 + "|",
        ]
        for one in gaps:
            metric = registry[one.metric]
            low, high = max(one.low, -1.0), min(one.high, 1.0)
            interval = "no interval" if math.isnan(one.low) else f"{100 * low:+.0f}, {100 * high:+.0f}"
            cells = [metric.title, one.arm, rate_text(one.public, metric), rate_text(one.other, metric)]
            cells += [
                f"{100 * one.value:+.0f} [{interval}]",
                f"{one.public.scenarios}, {one.other.scenarios}",
            ]
            lines.append(markdown_row(cells))
        lines.append("")
    return lines


def _headroom(subject: Subject) -> list[str]:
    full = [(m, m.full) for m in subject.measured if m.full and subject.heads]
    if not full:
        return []
    lines = ["### No headroom: RED is already perfect", ""]
    for m, scenarios in full:
        lines.append(f"- {load_metrics()[m.metric].title}: {', '.join(scenarios)}")
    return [*lines, ""]


def _unmeasured(subject: Subject) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for m in subject.measured:
        if m.reason:
            by_reason.setdefault(m.reason, []).append(load_metrics()[m.metric].title)
    if not by_reason:
        return []
    lines = ["### Not measured in this run", ""]
    lines += [f"- {cell('; '.join(titles))}: {cell(reason)}" for reason, titles in by_reason.items()]
    return [*lines, ""]


def appendix(metrics: Sequence[str] = ()) -> list[str]:
    """What every metric means, and what is computed from metrics.

    Args:
        metrics: Ids of metrics; none: all.
    """
    lines = ["## Appendix: what is measured", ""]
    names = ["Id", "Metric", "Unit", "Formula", "Better", "Source", "Missing"]
    lines += [markdown_row(names), "|" + "---|" * len(names)]
    for name, metric in load_metrics().items():
        if metrics and name not in metrics:
            continue
        better = "more" if metric.sign > 0 else "less"
        cells = [
            name,
            metric.title,
            metric.unit,
            metric.formula,
            better,
            _source(metric.document, metric.section),
        ]
        lines.append(markdown_row([*cells, metric.missing]))
    lines += ["", markdown_row(["Id", "Computed from metrics", "Formula", "Source"]), "|---|---|---|---|"]
    lines += [
        markdown_row([name, d.title, d.formula, _source(d.document, d.section)])
        for name, d in load_derived().items()
    ]
    return [*lines, ""]


def _source(document: str, section: str) -> str:
    return f"{section} (this suite)" if document == "suite" else f"document {document}, {section}"
