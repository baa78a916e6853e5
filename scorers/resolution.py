"""Time to resolution: how much an agent spent until a version of the program that mends the root cause.

Every distinct version is graded like a proposed fix, after the run. Values; a key that does not apply is NaN:

- ``resolved``: a version mends the root cause and breaks nothing. ``kept``: the last one does too; NaN where none did.
- ``minutes``, ``turns``, ``calls``, ``tokens``: what had been spent when the first such version was seen; where there is
  none, what was spent in all: such a value is censored and must not be averaged with the others.
- ``symptom_removed``, ``symptom_minutes``, ``symptom_turns``: the same for the first version without the symptom.
- ``rebroken``: after a version that mends it, a later one does not; NaN where none did.
- ``cut``: a limit ended the run before the agent did.
- ``versions``: distinct versions beside the given one.
"""

from __future__ import annotations

import math

from inspect_ai.util import collect

from redgreenbench.evals.agents.history import History, Snapshot, Spent
from redgreenbench.reference_bugs.files import normalized_program
from redgreenbench.reference_bugs.verdict import Verdict
from redgreenbench.scorers.answer import Answer, Unscored
from redgreenbench.scorers.running import CannotRun
from redgreenbench.scorers.scored import NotApplicable, ScorerResult, scored

__all__ = ["KEYS", "resolution", "score_history"]

KEYS = (
    "resolved",
    "kept",
    "minutes",
    "turns",
    "calls",
    "tokens",
    "symptom_removed",
    "symptom_minutes",
    "symptom_turns",
    "rebroken",
    "cut",
    "versions",
)


def score_history(history: History, verdicts: dict[str, Verdict]) -> ScorerResult:
    """Scores what an agent did to the program.

    Args:
        history: Every state of the program.
        verdicts: By digest, the verdict on each state; none for what differs from the given one in comments and layout at
            most, and for unreadable ones.
    """
    snapshots, total = history.snapshots, history.total
    given = snapshots[0].digest

    def mends(snapshot: Snapshot) -> bool:
        verdict = verdicts.get(snapshot.digest)
        return verdict is not None and verdict.correct

    def quiet(snapshot: Snapshot) -> bool:
        verdict = verdicts.get(snapshot.digest)
        # Bugs without a check of the symptom show it where the program runs at all.
        return verdict is not None and bool(
            verdict.steps["runs"] if verdict.steps["symptom_gone"] is None else verdict.steps["symptom_gone"]
        )

    mended = next((s for s in snapshots if mends(s)), None)
    silent = next((s for s in snapshots if quiet(s)), None)
    until, until_silent = mended.spent if mended else total, silent.spent if silent else total
    value = {
        "resolved": float(mended is not None),
        "kept": float(mends(snapshots[-1])) if mended else math.nan,
        "minutes": until.seconds / 60,
        "turns": float(until.turns),
        "calls": float(until.calls),
        "tokens": float(until.tokens),
        "symptom_removed": float(silent is not None),
        "symptom_minutes": until_silent.seconds / 60,
        "symptom_turns": float(until_silent.turns),
        "rebroken": float(not all(mends(s) for s in snapshots[snapshots.index(mended) :]))
        if mended
        else math.nan,
        "cut": float(history.ended == "limit"),
        "versions": float(len({s.digest for s in snapshots} - {given})),
    }
    return ScorerResult(
        value=value,
        answer="resolved" if mended else "not resolved",
        lines=_lines(history, verdicts, mended),
        about={
            "ended": history.ended,
            "verdicts": {digest: verdict.correct for digest, verdict in verdicts.items()},
        },
    )


def _spent(spent: Spent) -> str:
    return f"{spent.seconds:.1f} s, {spent.turns} turns, {spent.calls} calls, {spent.tokens} tokens"


def _lines(history: History, verdicts: dict[str, Verdict], mended: Snapshot | None) -> list[str]:
    head = f"Resolved after {_spent(mended.spent)}." if mended else "Not resolved."
    by = "a limit" if history.ended == "limit" else "the agent"
    lines = [head, f"Ended by {by} after {_spent(history.total)}."]
    for number, snapshot in enumerate(history.snapshots):
        verdict = verdicts.get(snapshot.digest)
        if snapshot.unreadable:
            said = f"cannot be read ({snapshot.unreadable})"
        elif verdict is None:
            said = "the program as it was given, comments and layout aside"
        else:
            said = "mends the root cause" if verdict.correct else verdict.reason
        lines.append(f"Version {number}, {_spent(snapshot.spent)}: {said}")
    return lines


@scored("resolution", version=2, keys=KEYS)
async def resolution(answer: Answer) -> ScorerResult:
    """Grades every version that an agent made of its program."""
    history, bug = answer.history, answer.bug
    if history is None or bug is None:
        raise NotApplicable("No agent worked on a program here.")
    # Comments and layout change nothing that is graded.
    given = normalized_program(history.files(history.snapshots[0]))
    versions = {
        snapshot.digest: history.files(snapshot) for snapshot in history.snapshots if not snapshot.unreadable
    }
    syntax = {digest: normalized_program(files) for digest, files in versions.items()}
    distinct = {form: digest for digest, form in reversed(syntax.items()) if form != given}
    runner = answer.settings.runner
    try:
        verdicts = await collect(
            *(
                runner.program(bug, versions[digest], brief=True, seed=answer.seed)
                for digest in distinct.values()
            )
        )
    except CannotRun as error:
        # One version without a verdict may have been the first that mends it.
        raise Unscored(error.code, str(error)) from error
    by_form = dict(zip(distinct, verdicts, strict=True))
    return score_history(history, {d: by_form[form] for d, form in syntax.items() if form in by_form})
