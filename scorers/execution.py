"""Runs the program that a reply gives, or that an agent left behind, against checks that neither can see.

Values are 1 or 0, in the order in which a fix can fail:

- ``correct``: the root cause is mended and nothing else is broken.
- ``program``: a program could be read, after the one request for it at the latest.
- ``imports``, ``runs``: it can be loaded, and runs.
- ``symptom_gone``, ``behaviour``, ``root_cause``, ``nothing_broken``: all checks of that kind pass.
- ``minimal``, ``complex``, ``workaround``, ``broken``: one of them is 1 where there is a program: right by about the
  reference's edit; right by a larger one; the symptom is gone and all else works, but the cause stays; none of these.
  Without a program the first three are 0.

A submission that crashes, takes too long or tampers with its grading is a failed fix. A reply that was cut off, an engine
that fails, and a machine that cannot confine submissions leave the answer unscored.
"""

from __future__ import annotations

from redgreenbench.reference_bugs.verdict import QUALITIES, STEPS, Verdict
from redgreenbench.scorers.answer import Answer
from redgreenbench.scorers.scored import NotApplicable, ScorerResult, scored

__all__ = ["execution", "execution_result"]

KEYS = ("correct", *STEPS, *QUALITIES)


def execution_result(verdict: Verdict) -> ScorerResult:
    """A verdict as values, with words that say why."""
    quality = verdict.quality
    failed = verdict.failed_check
    return ScorerResult(
        value={
            "correct": verdict.correct,
            **verdict.steps,
            **(
                {name: name == quality for name in QUALITIES}
                if quality
                else dict.fromkeys(QUALITIES[:-1], False)  # there is nothing that could be broken
            ),
        },
        answer="correct fix" if verdict.correct else f"fails at: {failed}" if failed else "not correct",
        lines=verdict.lines(),
        about={
            "outcome": verdict.outcome,
            "failed_check": failed,
            "how": verdict.how,
            "edit_lines": verdict.edit.lines if verdict.edit else None,
            "edit_nodes": verdict.edit.nodes if verdict.edit else None,
            "engine": verdict.engine,
            "cpu_seconds": verdict.usage.get("cpu"),
        },
    )


@scored("execution", version=3, keys=KEYS)
async def execution(answer: Answer) -> ScorerResult:
    """Runs each program against the hidden checks of its scenario's bug."""
    if answer.bug is None:
        raise NotApplicable("There is no program to run here.")
    result = execution_result(await answer.verdict())
    if answer.history is None:
        return ScorerResult(
            result.value, result.answer, result.lines, {**result.about, "requested": answer.requested}
        )
    return result
