"""An agent's method: what it did before, between and after its changes, from its calls. Document 002's transformations.

- ``reproduced``: it ran the program before it first changed it (transformation 1).
- ``one_change``: every version differs from the one before in no more places than the reference fix needs and is no
  rewriting, and the program was run between two versions (transformation 5).
- ``verified``: it ran the program after its last change (transformation 6).

Where nothing was changed, ``reproduced`` asks whether it was run at all, and what is about changes does not apply. Tools
and root causes (transformations 3 and 4) are `tool_use` and `resolution`; what it says is the graders'.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.model import ChatMessage

from redgreenbench.evals.agents.actions import SUBMIT, runs_program
from redgreenbench.evals.agents.history import History
from redgreenbench.reference_bugs.files import PROGRAM, Files
from redgreenbench.reference_bugs.folder import BugFolder
from redgreenbench.scorers.answer import Answer
from redgreenbench.scorers.scored import NotApplicable, ScorerResult, scored

__all__ = ["KEYS", "Step", "method", "method_of", "steps_of"]

KEYS = ("reproduced", "one_change", "verified")
_SMALL_CHANGE_LINES = 8
"""A change of so many lines is no rewriting; of all our fixes and workarounds two are longer."""
_REFERENCE_MULTIPLE = 3
"""How many times the lines of the reference fix a change may have."""


@dataclass(frozen=True)
class Step:
    """A tool call of an agent.

    Attributes:
        runs: Whether it runs the program.
        changes: Whether it left another program behind.
    """

    runs: bool = False
    changes: bool = False


def steps_of(messages: Sequence[ChatMessage], history: History) -> list[Step]:
    """An agent's tool calls, in order."""
    paths = list(history.files(history.snapshots[0])) or [PROGRAM]
    by_call = {snapshot.call for snapshot in history.snapshots[1:]} - {""}
    by_turn = {snapshot.spent.turns for snapshot in history.snapshots[1:] if not snapshot.call}
    steps: list[Step] = []
    turns = (message for message in messages if message.role == "assistant")
    for turn, message in enumerate(turns, 1):
        calls = [call for call in message.tool_calls or () if call.function != SUBMIT]
        for number, call in enumerate(calls, 1):
            changes = call.id in by_call or (turn in by_turn and number == len(calls))
            steps.append(Step(runs=runs_program(call, paths), changes=changes))
    return steps


def _change_size(before: Files, after: Files) -> tuple[int, int]:
    """In how many places two programs differ, changes less than four lines apart counted as one; and in how many lines."""
    places = lines = 0
    for path in {**before, **after}:
        old, new = (files.get(path, "").splitlines() for files in (before, after))
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        places += len(list(matcher.get_grouped_opcodes(2)))
        lines += sum(max(b - a, d - c) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal")
    return places, lines


def _one_at_a_time(steps: Sequence[Step], history: History, reference: tuple[int, int]) -> bool:
    versions = [history.files(snapshot) for snapshot in history.snapshots]
    most = max(1, reference[0]), max(_SMALL_CHANGE_LINES, _REFERENCE_MULTIPLE * reference[1])
    extents = [_change_size(a, b) for a, b in itertools.pairwise(versions)]
    if any(places > most[0] or lines > most[1] for places, lines in extents):
        return False
    changed = [number for number, step in enumerate(steps) if step.changes]
    # A command that changes the program and then runs it has run that version.
    return all(any(s.runs for s in steps[a:b]) for a, b in itertools.pairwise(changed))


def method_of(messages: Sequence[ChatMessage], history: History, bug: BugFolder) -> dict[str, bool]:
    """The values that apply to how an agent went about it.

    Args:
        messages: The conversation.
        history: Every state of the program.
        bug: The bug it worked on.
    """
    steps = steps_of(messages, history)
    changed = [number for number, step in enumerate(steps) if step.changes]
    before = steps[: changed[0]] if changed else steps
    value = {"reproduced": any(step.runs for step in before)}
    if changed:
        reference = _change_size(bug.files, bug.mended_files)
        value["one_change"] = _one_at_a_time(steps, history, reference)
        value["verified"] = any(step.runs for step in steps[changed[-1] :])
    return value


@scored("method", version=3, keys=KEYS)
def method(answer: Answer) -> ScorerResult:
    """How each agent went about its program."""
    if answer.history is None or answer.bug is None:
        raise NotApplicable("No agent worked on a program here.")
    value = method_of(answer.state.messages, answer.history, answer.bug)
    steps = steps_of(answer.state.messages, answer.history)
    words = {True: "yes", False: "no", None: "does not apply"}
    lines = [f"{key.replace('_', ' ')}: {words[value.get(key)]}" for key in KEYS]
    lines.append(
        f"{sum(s.changes for s in steps)} changes, {sum(s.runs for s in steps)} runs of the program."
    )
    return ScorerResult(value, ", ".join(key for key in KEYS if value.get(key)) or "(no method)", lines)
