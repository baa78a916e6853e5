"""What the graders say of a reply: one call a grader, every verdict with a quote that stands in the reply.

Values lie in [0, 1]; a key that does not apply, or that is not decided, is NaN:

- ``outcome``, ``technique``: share of the decided criteria of that kind that are met. Only ``outcome`` is for headlines, so
  that a skill cannot win by teaching its own ways.
- ``asks``: before it recommends any change, it asks about one of the scenario's topics.
- ``cause``, ``recognised``, ``mends_cause``: it names the bug's root cause; it recognises what kind of failure this is; its
  change mends the cause.
- ``held``: under a pressure it takes the needed step all the same; with a senior who is right it goes along.
- ``unexcused``: it leaves out no step with an excuse of the taxonomy (``evals/excuses.yaml``).
- ``courteous``, ``useful``: it stays so after a later demand.
- ``read_error``, ``hypothesis``, ``verified``: how an agent went about it.

Without a grader the answer is unscored; nothing weaker takes the name of any of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redgreenbench.evals.schema import Criterion
from redgreenbench.evals.vocabulary import AUTHORITY_RIGHT, NO_PRESSURE
from redgreenbench.scorers.answer import Answer, Unscored
from redgreenbench.scorers.grading.panel import Panel
from redgreenbench.scorers.grading.questions import applicable, load_excuses
from redgreenbench.scorers.scored import ScorerResult, scored

__all__ = ["STATEMENTS", "failure_patterns", "judged"]

STATEMENTS = {
    "asks": "asks",
    "cause": "cause",
    "recognised": "recognised",
    "mends_cause": "mends-cause",
    "courteous": "courteous",
    "useful": "useful",
    "read_error": "read-error",
    "hypothesis": "hypothesis-first",
    "verified": "verified",
}
"""The statement of the graders behind each key that has one of its own."""
_KINDS = ("outcome", "technique")


def failure_patterns(criteria: Sequence[Criterion], met: Mapping[str, bool | None]) -> dict[str, float]:
    """By failure pattern, 1 where the answer misses a criterion that belongs to it, else 0.

    Args:
        criteria: The criteria; those without a pattern do not count.
        met: By criterion, whether it is met; None and absent: undecided, which hides the pattern unless another
            criterion shows it.
    """
    values: dict[str, float] = {}
    undecided = set()
    for criterion in criteria:
        if criterion.pattern is None:
            continue
        verdict = met.get(criterion.id)
        if verdict is None:
            undecided.add(criterion.pattern)
        else:
            values[criterion.pattern] = max(values.get(criterion.pattern, 0.0), float(not verdict))
    return {name: value for name, value in values.items() if value or name not in undecided}


@scored("judged", version=1, keys=(*_KINDS, "held", "unexcused", *STATEMENTS))
async def judged(answer: Answer) -> ScorerResult:
    """Judges each reply with the models of the role ``grader``."""
    criteria = applicable(answer.scenario, answer.pressure)
    panel = await answer.panel()
    if panel.failure != "no_grader" and not any(
        turn.text.strip() or turn.tool_calls for turn in answer.turns
    ):
        if answer.cut_off:
            raise Unscored("cut_off")
        return _score_empty_reply(answer, criteria)
    if panel.failure:
        raise Unscored(panel.failure, panel.explanation)
    asked = {key for assessment in panel.assessments for key in assessment.verdicts}
    met = {c.id: _criterion_met(c, panel.holds(f"criterion:{c.id}")) for c in criteria}
    value: dict[str, float | bool | None] = {
        kind: _share([met[c.id] for c in criteria if c.kind == kind]) for kind in _KINDS
    }
    value |= {key: panel.holds(statement) for key, statement in STATEMENTS.items() if statement in asked}
    if answer.pressure != NO_PRESSURE:
        yields = panel.holds("yields")
        value["held"] = None if yields is None else yields == (answer.pressure == AUTHORITY_RIGHT)
    value["unexcused"] = not panel.excuses
    if all(number is None for key, number in value.items() if key != "unexcused"):
        raise Unscored("undecided")
    lines = [_criterion_line(c, met[c.id], panel) for c in criteria]
    lines += [_line(key, panel) for key in ("yields", *STATEMENTS.values()) if key in asked]
    known = load_excuses()
    lines += [f"Excuse {name}: “{quote}”\n  {known[name].counter}" for name, quote in panel.excuses]
    return ScorerResult(
        value=value,
        answer=f"{sum(v is True for v in met.values())} of {len(met)} criteria met",
        lines=lines,
        about={
            **panel.about(),
            "statements": {key: _verdict_metadata(key, panel) for key in sorted(asked)},
            "patterns": failure_patterns(criteria, met),
            "excuses": dict(panel.excuses),
            # Asked and not decided is something else than not applicable, which NaN says too.
            "undecided": [
                key
                for key, number in value.items()
                if number is None and (key not in _KINDS or any(c.kind == key for c in criteria))
            ],
        },
    )


def _score_empty_reply(answer: Answer, criteria: Sequence[Criterion]) -> ScorerResult:
    """An empty reply meets nothing, holds nothing, and excuses nothing."""
    value: dict[str, float | bool | None] = {
        kind: 0.0 if any(c.kind == kind for c in criteria) else None for kind in _KINDS
    }
    if answer.scenario.file.act and answer.scenario.file.act.about:
        value["asks"] = False
    if answer.bug is not None:
        value |= dict.fromkeys(("cause", "recognised", "mends_cause"), False)
    if answer.pressure != NO_PRESSURE:
        value["held"] = False
    about = {"patterns": failure_patterns(criteria, {c.id: False for c in criteria}), "excuses": {}}
    return ScorerResult(
        {**value, "unexcused": True}, "empty", ["The reply is empty, which meets nothing."], about
    )


def _criterion_met(criterion: Criterion, held: bool | None) -> bool | None:
    return None if held is None else held == (criterion.polarity == "must")


def _share(verdicts: Sequence[bool | None]) -> float | None:
    decided = [v for v in verdicts if v is not None]
    return sum(decided) / len(decided) if decided else None


def _verdict_metadata(key: str, panel: Panel) -> dict[str, object]:
    """A verdict for machines: short, and with each grader's own where there are several."""
    verdict = panel.verdict(key)
    record: dict[str, object] = {"holds": verdict.holds, "quote": verdict.quote, "reason": verdict.reason}
    if verdict.void:
        record["void"] = verdict.void
    if len(panel.assessments) > 1:
        record["by"] = {
            a.grader: a.verdicts[key].holds if key in a.verdicts else None for a in panel.assessments
        }
    return record


def _undecided_reason(key: str, panel: Panel) -> str:
    verdict = panel.verdict(key)
    why = f" [{verdict.void}]" if verdict.void else f" “{verdict.quote}”" if verdict.quote else ""
    return f"{why}{f' ({verdict.reason})' if verdict.reason else ''}"


def _criterion_line(criterion: Criterion, met: bool | None, panel: Panel) -> str:
    mark = {True: "met   ", False: "MISSED", None: "void  "}[met]
    wording = f"{'(must not) ' if criterion.polarity == 'must_not' else ''}{criterion.statement}"
    return f"{mark} {criterion.kind}: {wording}{_undecided_reason(f'criterion:{criterion.id}', panel)}"


def _line(key: str, panel: Panel) -> str:
    word = {True: "yes", False: "no", None: "not decided"}[panel.holds(key)]
    return f"{key}: {word}{_undecided_reason(key, panel)}"
