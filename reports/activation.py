"""Whether a run in which models load skills themselves says anything of the skills: its positive controls decide.

A model that does not load a skill that the user asks for by name cannot call the tools, or the tools are broken. Then it
loads nothing anywhere, and no description is to blame.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from redgreenbench.reports.metrics import metric_named, values_of

__all__ = ["LEAST_LOADED", "fault_of_loading", "is_discovery"]

_DISCOVERY: Final = "discovery"

LEAST_LOADED = 0.8
"""Share of positive controls that have to load what they ask for; a model may slip now and then."""


def is_discovery(delivery: str) -> bool:
    """Whether models loaded skills themselves; what else they did may follow behind a comma."""
    return delivery.partition(",")[0] == _DISCOVERY


def fault_of_loading(rows: pd.DataFrame) -> Mapping[str, str]:
    """Why values that rest on loading must not be interpreted.

    Args:
        rows: A model's part of the tidy table, with one way of delivering skills.

    Returns:
        By scorer, the reason; empty where the positive controls hold, and where skills were injected. Without any positive
        control, activation cannot be told from a broken harness; routing, which is graded from loads as well, only falls
        with controls that failed.
    """
    if not any(is_discovery(str(delivery)) for delivery in rows["delivery"].unique()):
        return {}
    values = values_of(rows, metric_named("positive-controls"))["value"]
    if values.empty:
        return {"activation": "no positive control was judged, so a broken harness would look the same"}
    if values.mean() >= LEAST_LOADED:
        return {}
    reason = (
        f"the positive controls failed, {values.sum():.0f} of {len(values)} loaded: the harness or the model's tool "
        "calling, not the description"
    )
    return {"activation": reason, "act": reason}
