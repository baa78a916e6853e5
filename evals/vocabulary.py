"""Names that every room shares: arms, pressures, deliveries, and keys of the sample metadata.

Reports import this module and nothing else from `evals`, so it imports nothing heavy.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = [
    "AUTHORITY_RIGHT",
    "BUILT_IN_ARMS",
    "METADATA_KEYS",
    "NO_PRESSURE",
    "SUITE_VERSION",
    "UNSCORED",
    "Arm",
    "Delivery",
    "Inject",
]

SUITE_VERSION: Final = "2"
"""Changes when results stop being comparable with earlier ones; part of every task's version."""

NO_PRESSURE: Final = "none"
"""The pressure that adds nothing; the baseline of every erosion."""

AUTHORITY_RIGHT: Final = "authority_right"
"""The pressure whose demand is right, so that going along is."""


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


class Inject(StrEnum):
    """How much of a skill stands in the prompt: all of it, or SKILL.md with the names of its other files."""

    WHOLE = "whole"
    BODY = "body"


METADATA_KEYS: Final = (
    "scenario",
    "pressure",
    "turn",
    "arm",
    "tested",
    "pack",
    "document",
    "split",
    "control",
    "skill",
    "skill_version",
    "skill_hash",
    "sheets",
    "delivery",
    "bug",
)
"""Sample metadata: short scalars only, since long values slow the reading of logs 5 to 13 times."""

UNSCORED: Final = {
    "no_grader": "no grader is bound; add --model-role grader=<provider/model>",
    "grader_failed": "the grader failed or its reply could not be used",
    "undecided": "the graders decided nothing that counts here",
    "cut_off": "the reply was cut off by its token limit before it held what is graded; raise it with --max-tokens",
    "limit": "a limit ended the sample before the model had replied",
    "execution_later": "the program was put off with execution=later; `redgreen grade` runs it",
    "cannot_run": "this machine cannot run programs safely; `redgreen doctor` says what is missing",
    "engine_failed": "the engine that runs programs failed",
    "machine_busy": "this machine was too busy to run the program, twice; set --max-samples or exec_workers lower",
}
"""Why an answer has no score: codes as they stand in logs, with the words for people."""
