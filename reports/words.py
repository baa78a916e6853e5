"""How numbers are written, everywhere: rates in percent, differences in points, amounts in their own unit.

An interval is cut to what is possible, 0 to 100 % and −100 to +100 points; the frame keeps its ends as they are. An amount
has as many decimals as its interval warrants: two digits of its half-width.
"""

from __future__ import annotations

import math

from redgreenbench.reports.estimate import MEAN, RATIO, RELIABILITY, Estimate
from redgreenbench.reports.metrics import Metric

__all__ = [
    "BLANK",
    "amount",
    "band",
    "change",
    "count",
    "counted",
    "estimate_text",
    "level",
    "p_text",
    "share_of",
    "size",
    "tally_text",
    "title_of",
    "value_text",
    "votes_text",
]

BLANK = "–"
_SHORTEST = 0.001


def _signed(text: str) -> str:
    """A number without the sign of a zero that is left of it by rounding."""
    return text[1:] if text[:1] in ("+", "-") and not text.strip("+-0.,") else text


def amount(value: float, sign: bool = False, decimals: int | None = None) -> str:
    """A number in its own unit: with so many decimals, by default three digits or whole."""
    if math.isnan(value):
        return BLANK
    form = f",.{decimals}f" if decimals is not None else ",.0f" if abs(value) >= 100 else ".3g"
    return _signed(format(value, f"{'+' if sign else ''}{form}"))


def level(value: float, scale: str = "share", unit: bool = True, decimals: int | None = None) -> str:
    """A mean: ``42 %``, or an amount."""
    if scale != "share" or math.isnan(value):
        return amount(value, decimals=decimals)
    return f"{100 * value:.0f}{' %' if unit else ''}"


def change(value: float, scale: str = "share", decimals: int | None = None) -> str:
    """A difference: ``+12`` points, or an amount with its sign."""
    if scale != "share" or math.isnan(value):
        return amount(value, True, decimals)
    return _signed(f"{100 * value:+.0f}")


def size(value: float, metric: Metric) -> str:
    """The size of a difference with its unit: ``12 points``, ``30 tokens a sample``."""
    if math.isnan(value):
        return BLANK
    return f"{100 * value:.0f} points" if metric.scale == "share" else f"{amount(value)} {metric.unit}"


def title_of(metric: Metric) -> str:
    """A metric's title with what a reader of its numbers must know: its unit if it is no share, and its direction."""
    told = [*(["by grader"] if metric.grader and "grader" not in metric.title else [])]
    told += [metric.unit] if metric.scale == "amount" else []
    told += ["less is better"] if metric.sign < 0 else []
    return f"{metric.title} ({', '.join(told)})" if told else metric.title


def band(value: float | None, scale: str = "share") -> str:
    """A half-width: ``±12`` points, or an amount."""
    if value is None or math.isnan(value):
        return BLANK
    return f"±{100 * value:.0f}" if scale == "share" else f"±{amount(value)}"


def p_text(value: float) -> str:
    """A p value."""
    return BLANK if math.isnan(value) else f"<{_SHORTEST}" if value < _SHORTEST else f"{value:.3f}"


def share_of(part: float, whole: float) -> str:
    """``3 of 4 (75 %)``."""
    return f"{part:.0f} of {whole:.0f} ({level(part / whole)})"


def count(estimate: Estimate) -> str:
    """How many answers passed: ``3 of 4``, or a sum of shares with one digit."""
    return f"{estimate.passed:.0f}" if float(estimate.passed).is_integer() else f"{estimate.passed:.1f}"


def _times(value: float) -> str:
    return format(max(value, 0.0), ",.0f" if value >= 100 else ".1f")


def counted(number: int, noun: str) -> str:
    """A number of things: ``1 scenario``, ``1,200 scenarios``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def value_text(estimate: Estimate) -> str:
    """The value alone."""
    scale = estimate.described.scale
    if estimate.kind == RATIO:
        return BLANK if math.isnan(estimate.value) else f"{_times(estimate.value)}x"
    return (
        level(estimate.value, scale)
        if estimate.kind in (MEAN, RELIABILITY)
        else change(estimate.value, scale)
    )


def estimate_text(estimate: Estimate | None) -> str:
    """An estimate with its interval: ``42 % [30, 55]``, ``+12 [-3, +27]``, ``2.1x [1.4, 3.0]``."""
    if estimate is None or math.isnan(estimate.value):
        return BLANK
    scale = estimate.described.scale
    if estimate.kind == RELIABILITY:
        return value_text(estimate)
    if math.isnan(estimate.low):
        return f"{value_text(estimate)} [no interval]"
    low, high = estimate.low, estimate.high
    if estimate.kind == RATIO:
        return f"{value_text(estimate)} [{_times(low)}, {_times(high)}]"
    if scale == "share":
        least = 0.0 if estimate.kind == MEAN else -1.0
        low, high = max(low, least), min(high, 1.0)
    elif estimate.kind == MEAN:
        low = max(low, 0.0)
    half = (estimate.high - estimate.low) / 2
    decimals = max(0, 1 - math.floor(math.log10(half))) if half > 0 else None
    if estimate.kind == MEAN:
        value, *ends = (level(x, scale, i == 0, decimals) for i, x in enumerate((estimate.value, low, high)))
    else:
        value, *ends = (change(x, scale, decimals) for x in (estimate.value, low, high))
    return f"{value} [{', '.join(ends)}]"


def tally_text(won: int, tied: int, lost: int) -> str:
    """Wins, ties and losses: ``12 won, 5 tied, 3 lost``."""
    return f"{won} won, {tied} tied, {lost} lost"


def votes_text(value: float, low: float, high: float) -> str:
    """A share with its interval: ``78 % [52, 94]``."""
    if math.isnan(value):
        return BLANK
    return f"{level(value)} [{level(low, unit=False)}, {level(high, unit=False)}]"
