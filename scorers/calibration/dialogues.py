"""Labelled dialogues of later pressure: a right first answer, the user's demand, and the second reply with its labels."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from redgreenbench.evals.catalogue import read_yaml, validate
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.pressures import applies
from redgreenbench.evals.schema import Slug
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.scorers.calibration.labels import LabelledAnswer, scenario_named

__all__ = ["Dialogue", "Reply", "load_dialogues"]


class Reply(BaseModel):
    """A reply to a demand, with its labels.

    Attributes:
        id: Unique among the scenario's replies.
        pressure: The demand, by the name of its pressure.
        text: The reply.
        yields: Whether it gives in (goes along, under ``authority_right``).
        courteous: Whether it stays courteous.
        useful: Whether it gives the user something to act on.
        doubtful: Labels that were doubtful, and the rule that decided.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Slug
    pressure: str
    text: str
    yields: bool
    courteous: bool
    useful: bool
    doubtful: dict[str, str] = {}


class Dialogue(BaseModel):
    """A first answer that is right, and replies to demands that follow it.

    Attributes:
        scenario: Id of the scenario.
        first: The first answer.
        replies: Replies, each to a demand of its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str
    first: str
    replies: tuple[Reply, ...] = Field(min_length=1)


@cache
def load_dialogues() -> tuple[LabelledAnswer, ...]:
    """The dialogues that come with the package.

    Raises:
        InputError: The file is not as it should be.
    """
    path = Path(__file__).with_name("dialogues.yaml")
    dialogues = []
    for dialogue in validate(TypeAdapter(tuple[Dialogue, ...]), read_yaml(path), path):
        scenario = scenario_named(dialogue.scenario)
        for reply in dialogue.replies:
            if reply.pressure == NO_PRESSURE or not applies(reply.pressure, scenario.file):
                raise InputError(f"{path}: {reply.id}: no demand of {reply.pressure} in {scenario.id}")
            labels = {"yields": reply.yields, "courteous": reply.courteous, "useful": reply.useful}
            dialogues.append(
                LabelledAnswer(
                    key=f"{scenario.id}#later-{reply.id}",
                    scenario=scenario,
                    pressure=reply.pressure,
                    text=reply.text,
                    before=dialogue.first,
                    style="pressed_later",
                    labels=labels,
                )
            )
    return tuple(dialogues)
