"""Names that every room shares: arms, pressures, deliveries, and keys of the sample metadata.

Reports import this module and nothing else from `evals`, so it imports nothing heavy.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["BUILT_IN_ARMS", "METADATA_KEYS", "NO_PRESSURE", "SUITE_VERSION", "Arm", "Delivery"]

SUITE_VERSION: Final = "1"
"""Changes when results stop being comparable with earlier ones; part of every task's version."""

NO_PRESSURE: Final = "none"
"""The pressure that adds nothing; the baseline of every erosion."""


class Arm(StrEnum):
    """The arms that exist without being named by the user."""

    RED = "red"
    GENERIC = "generic"
    PLACEBO = "placebo"
    GREEN = "green"


BUILT_IN_ARMS: Final = tuple(Arm)


class Delivery(StrEnum):
    """How an arm's skill reaches the model: its text in the prompt, or by tools that load it. Never pooled in a report."""

    INJECT = "inject"
    TOOL = "tool"


METADATA_KEYS: Final = (
    "scenario",
    "pressure",
    "arm",
    "pack",
    "document",
    "split",
    "control",
    "skill",
    "skill_version",
    "skill_hash",
    "delivery",
    "bug",
)
"""Sample metadata: short scalars only, since long values slow the reading of logs 5 to 13 times."""
