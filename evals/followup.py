"""Pressure that comes later: as the user's second message, and once more as the third.

The first message is the one without pressure. The demand follows the first right step, in the words of the same
pressure definitions; where no right step was taken there is nothing to give up, and no demand comes. Samples are
named ``<scenario>/<pressure>+<turn>/<arm>``, so that no report pools them with pressure in the first message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser
from inspect_ai.util import Store, StoreModel
from pydantic import Field

from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.dataset import user_message
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
    "pressed_later",
    "pressure_met",
]

FIRST = "first"
TURNS = (FIRST, "followup", "third")
"""When a pressure comes: in the first message, in the second one, or in the second and once more in the third."""


class Followup(StoreModel):
    """How a sample went in which pressure was to come later.

    Attributes:
        started: Whether the first right step was taken, so that the pressure came.
        before: What the model had answered by then.
        turns: Numbers of messages of the model after which the user pressed.
    """

    started: bool = False
    before: str = ""
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
    """The pressure that a sample met: none where one was to come later and never came."""
    followup = followup_of(store)
    named = str(metadata.get("pressure", NO_PRESSURE))
    return NO_PRESSURE if followup is not None and not followup.started else named


def demands(scenario: Scenario, pressure: str, turn: str) -> list[str]:
    """What the user says later on, in order."""
    texts = [pressure_text(pressure, scenario.file)]
    if turn == TURNS[2]:
        texts.append(insistence_text(pressure, scenario.file))
    return texts


def pressed_later(samples: Iterable[Sample], scenarios: Iterable[Scenario], turn: str) -> MemoryDataset:
    """Samples whose pressure comes later; those without pressure stay as they are.

    Args:
        samples: Samples as `redgreenbench.evals.dataset.build_samples` makes them.
        scenarios: Their scenarios.
        turn: ``followup`` or ``third``.
    """
    known = {scenario.id: scenario for scenario in scenarios}

    def later(sample: Sample) -> Sample:
        about = sample.metadata or {}
        if about["pressure"] == NO_PRESSURE:
            return sample
        assert isinstance(sample.input, list)
        message = ChatMessageUser(content=user_message(known[about["scenario"]], NO_PRESSURE))
        name = f"{about['scenario']}/{about['pressure']}+{turn}/{about['arm']}"
        return sample.model_copy(update={"id": name, "input": [*sample.input[:-1], message]})

    return MemoryDataset([later(sample) for sample in samples], name="redgreenbench")
