"""A decision: four next steps in an order that rotates, and the letter that picks one.

The order is the same in all arms. It begins at a place that the scenario's id gives, and moves on by one with every epoch:
in four epochs each option has stood under each letter.
"""

from __future__ import annotations

import hashlib
import json
import random
import unicodedata
from collections.abc import Iterable

from inspect_ai.solver import Choice, Choices

from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.schema import Decision

__all__ = [
    "LETTERS",
    "decision_grammar",
    "decision_of",
    "guessable_by_form",
    "options_shown",
    "options_text",
    "read_letter",
    "technical_words",
]

LETTERS = "ABCD"


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


def options_text(scenario: Scenario, question: str, epoch: int) -> tuple[Choices, str]:
    """The four options in an epoch's order, and the user's message with them at its end.

    Args:
        scenario: The scenario.
        question: The user's words.
        epoch: The epoch, from 1.
    """
    steps = decision_of(scenario).steps
    choices = Choices([Choice(steps[place], None, place) for place in options_shown(scenario, epoch)])
    return choices, choices.prompt(question, prompt_template("decide"))


def read_letter(text: str) -> str | None:
    """The letter that a reply consists of; None where it is anything else.

    Marks around the letter do not count, whatever they are, nor its width, nor an object of JSON with one field round it,
    which a response schema gives.

    Args:
        text: The reply, without reasoning.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict) and len(data) == 1:
        text = str(*data.values())
    said = "".join(c for c in unicodedata.normalize("NFKC", text) if c.isalnum()).upper()
    return said if len(said) == 1 and said in LETTERS else None


def decision_grammar() -> str:
    """A GBNF grammar that allows one letter only."""
    return f"root ::= [{LETTERS[0]}-{LETTERS[-1]}]"


def technical_words(step: str) -> int:
    """How many words of an option look like code, a number or a compound name; a measure of form, not of sense."""
    words = [word.strip(".,;:!?()'\"") for word in step.split()]
    return sum(
        any(c.isdigit() or c in "_.-=`/" for c in word) or word[1:] != word[1:].lower() for word in words
    )


def guessable_by_form(scenarios: Iterable[Scenario]) -> tuple[float, float]:
    """How often the right option is the longest one, and the most technical one; chance is a quarter.

    Returns the shares of scenarios in which it is the longest, and in which it alone is the most technical.

    Args:
        scenarios: Scenarios with a decision.
    """
    decisions = [decision_of(scenario) for scenario in scenarios]
    longest = sum(len(d.right) > max(len(option.step) for option in d.wrong) for d in decisions)
    most = sum(
        technical_words(d.right) > max(technical_words(option.step) for option in d.wrong) for d in decisions
    )
    return longest / len(decisions), most / len(decisions)
