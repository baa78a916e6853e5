"""Pressure that comes later: as the user's second message, and once more as the third.

The first message is the one without pressure. The demand follows the first right step, in the words of the same
pressure definitions; where no right step was taken there is nothing to give up, and no demand comes. A sample's metadata
says when its pressure comes, so that no report pools it with pressure in the first message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inspect_ai.util import Store, StoreModel
from pydantic import Field

from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.pressures import insistence_text, pressure_text
from redgreenbench.evals.vocabulary import NO_PRESSURE

__all__ = [
    "FIRST",
    "TURNS",
    "Followup",
    "check_turn",
    "demands",
    "followup_of",
    "pressure_met",
]

FIRST = "first"
TURNS = (FIRST, "followup", "third")
"""When a pressure comes: in the first message, in the second one, or in the second and once more in the third."""


class Followup(StoreModel):
    """How a sample went in which pressure was to come later.

    Attributes:
        started: Whether the first right step was taken, so that the pressure came.
        turns: Numbers of messages of the model after which the user pressed.
        unknown: Code of the reason for which nobody could tell whether the first step was right; empty where one could.
    """

    started: bool = False
    unknown: str = ""
    turns: list[int] = Field(default_factory=list)


def followup_of(store: Store) -> Followup | None:
    """How a sample with later pressure went; None for any other sample."""
    return Followup(store=store) if "Followup:started" in store else None


def check_turn(turn: str) -> str:
    """The turn.

    Raises:
        InputError: There is no such turn.
    """
    if turn not in TURNS:
        raise InputError(f"pressure_turn={turn}: there is no such turn; take one of {', '.join(TURNS)}")
    return turn


def pressure_met(metadata: Mapping[str, Any], store: Store) -> str:
    """The pressure that a sample met; ``none`` if a later pressure never came."""
    followup = followup_of(store)
    named = str(metadata.get("pressure", NO_PRESSURE))
    return NO_PRESSURE if followup is not None and not followup.started else named


def demands(scenario: Scenario, pressure: str, turn: str) -> list[str]:
    """The user's later messages, in order."""
    texts = [pressure_text(pressure, scenario.file)]
    if turn == TURNS[2]:
        texts.append(insistence_text(pressure, scenario.file))
    return texts
