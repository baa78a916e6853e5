"""A decision: four next steps in an order that rotates, and the letter that picks one.

The order is the same in all arms. It begins at a place that the scenario's id gives, and moves on by one with every epoch, so
that in four epochs each option has stood under each letter.
"""

from __future__ import annotations

import hashlib
import json
import random

from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.schema import Decision

__all__ = ["LETTERS", "decision_grammar", "decision_of", "options_shown", "read_letter"]

LETTERS = "ABCD"
_MARKS = " \t\r\n*_`\"'()[].:"


def decision_of(scenario: Scenario) -> Decision:
    """The decision of a scenario that has one."""
    assert scenario.file.decision is not None
    return scenario.file.decision


def options_shown(scenario: Scenario, epoch: int) -> tuple[int, ...]:
    """Which option stands under each letter.

    Args:
        scenario: The scenario.
        epoch: The epoch, from 1.

    Returns:
        By letter, the index into `Decision.steps`, of which 0 is the right one.
    """
    order = list(range(len(LETTERS)))
    random.Random(hashlib.sha256(scenario.id.encode()).digest()).shuffle(order)
    start = (epoch - 1) % len(order)
    return tuple(order[start:] + order[:start])


def read_letter(text: str) -> str | None:
    """The letter that a reply consists of; None where it is anything else.

    Marks around the letter do not count, nor does an object of JSON with one field round it, which a response schema gives.

    Args:
        text: The reply, without reasoning.
    """
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if isinstance(data, dict) and len(data) == 1:
        text = str(*data.values())
    letter = text.strip(_MARKS).upper()
    return letter if len(letter) == 1 and letter in LETTERS else None


def decision_grammar() -> str:
    """What holds a reply to one letter, as a grammar in GBNF."""
    return f"root ::= [{LETTERS[0]}-{LETTERS[-1]}]"
