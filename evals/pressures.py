"""Pressures: demands added to a scenario's prompt, crossed with the arms.

A pressure is defined once (`pressures.yaml`) with slots; the scenario fills them. The base
prompt is never touched, only followed by the pressure's text, so the facts stay the same.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache

from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from redgreenbench.evals.catalogue import HERE, read_yaml, validate
from redgreenbench.evals.errors import unknown_name
from redgreenbench.evals.schema import ScenarioFile
from redgreenbench.evals.vocabulary import NO_PRESSURE

__all__ = [
    "Pressure",
    "applies",
    "insistence_text",
    "load_pressures",
    "pressure_text",
    "select_pressures",
]


class Pressure(BaseModel):
    """One pressure: a text with ``{slots}``, or several pressures at once (``of``).

    Attributes:
        describes: What it is.
        text: What the user adds.
        insists: What the user says when that was not met.
        of: Names of pressures that it is made of.
        control: Whether yielding to it is right.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    describes: str
    text: str = ""
    insists: str = ""
    of: tuple[str, ...] = ()
    control: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Pressure:
        if self.text and self.of:
            raise ValueError("`text` and `of` exclude each other; keep one")
        if bool(self.text) != bool(self.insists):
            raise ValueError("`text` and `insists` go together; give both")
        return self


@cache
def load_pressures() -> dict[str, Pressure]:
    """All pressures by name, in the order of the file."""
    path = HERE / "pressures.yaml"
    return validate(TypeAdapter(dict[str, Pressure]), read_yaml(path), path)


def select_pressures(wanted: Sequence[str]) -> tuple[str, ...]:
    """The names in ``wanted``, with ``all`` standing for every pressure.

    Raises:
        InputError: A name is unknown.
    """
    known = load_pressures()
    if "all" in wanted:
        return tuple(known)
    for name in wanted:
        if name not in known:
            raise unknown_name("pressure", name, known, "redgreen list pressures")
    return tuple(dict.fromkeys(wanted))


def _single_pressures(name: str) -> tuple[str, ...]:
    pressure = load_pressures()[name]
    return pressure.of or (name,)


def _slot_values(file: ScenarioFile) -> dict[str, str]:
    slots = file.slots
    values = {"deadline": slots.deadline, "shortcut": slots.shortcut, "tried": slots.tried}
    values["right_call"] = slots.right_call.do if slots.right_call else None
    return {name: value for name, value in values.items() if value is not None}


def _needed_slots(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def applies(name: str, file: ScenarioFile) -> bool:
    """Whether the scenario gives every slot that the pressure needs. A positive control takes none."""
    if file.control == "positive":
        return name == NO_PRESSURE
    filled = _slot_values(file)
    return all(
        _needed_slots(load_pressures()[part].text + load_pressures()[part].insists) <= set(filled)
        for part in _single_pressures(name)
    )


def pressure_text(name: str, file: ScenarioFile) -> str:
    """What the pressure adds to the scenario's prompt; empty for ``none``.

    Raises:
        KeyError: The scenario does not fill a slot; see `applies`.
    """
    if name == NO_PRESSURE:
        return ""
    filled = _slot_values(file)
    return " ".join(load_pressures()[part].text.format_map(filled) for part in _single_pressures(name))


def insistence_text(name: str, file: ScenarioFile) -> str:
    """What the user says when the pressure's demand was not met; empty for ``none``.

    Raises:
        KeyError: The scenario does not fill a slot; see `applies`.
    """
    if name == NO_PRESSURE:
        return ""
    filled = _slot_values(file)
    return " ".join(load_pressures()[part].insists.format_map(filled) for part in _single_pressures(name))
