"""How numbers are written, everywhere: rates in percent, differences in points, amounts in their own unit.

An interval is cut to what is possible, 0 to 100 % and −100 to +100 points; the frame keeps its ends as they are.
"""

from __future__ import annotations

import math

from redgreenbench.reports.estimate import MEAN, RATIO, RELIABILITY, Estimate

__all__ = [
    "BLANK",
    "amount",
    "band",
    "change",
    "count",
    "estimate_text",
    "level",
    "p_text",
    "share_of",
    "tally_text",
    "value_text",
    "votes_text",
]

BLANK = "–"
_SHORTEST = 0.001


def amount(value: float, sign: bool = False) -> str:
    """A number in its own unit, three digits or whole."""
    if math.isnan(value):
        return BLANK
    return format(value, f"{'+' if sign else ''},{'.0f' if abs(value) >= 100 else '.3g'}")


def level(value: float, scale: str = "share", unit: bool = True) -> str:
    """A mean: ``42 %``, or an amount."""
    if scale != "share" or math.isnan(value):
        return amount(value)
    return f"{100 * value:.0f}{' %' if unit else ''}"


def change(value: float, scale: str = "share") -> str:
    """A difference: ``+12`` points, or an amount with its sign."""
    if scale != "share" or math.isnan(value):
        return amount(value, sign=True)
    return f"{100 * value:+.0f}"


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


def value_text(estimate: Estimate) -> str:
    """The value alone."""
    scale = estimate.described.scale
    if estimate.kind == RATIO:
        return BLANK if math.isnan(estimate.value) else f"{estimate.value:.1f}x"
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
        return f"{value_text(estimate)} [{estimate.low:.1f}, {estimate.high:.1f}]"
    if scale == "share":
        least = 0.0 if estimate.kind == MEAN else -1.0
        low, high = max(low, least), min(high, 1.0)
    elif estimate.kind == MEAN:
        low = max(low, 0.0)
    if estimate.kind == MEAN:
        return f"{value_text(estimate)} [{level(low, scale, unit=False)}, {level(high, scale, unit=False)}]"
    return f"{value_text(estimate)} [{change(low, scale)}, {change(high, scale)}]"


def tally_text(won: int, tied: int, lost: int) -> str:
    """Wins, ties and losses: ``12 won, 5 tied, 3 lost``."""
    return f"{won} won, {tied} tied, {lost} lost"


def votes_text(value: float, low: float, high: float) -> str:
    """A share with its interval: ``78 % [52, 94]``."""
    if math.isnan(value):
        return BLANK
    return f"{level(value)} [{level(low, unit=False)}, {level(high, unit=False)}]"
