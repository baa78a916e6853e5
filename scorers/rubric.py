"""The rubric scorer: what a grader model, held to evidence, says of each of a scenario's criteria.

Values lie in [0, 1]; a key that does not apply, or that is not decided, is NaN:

- ``correct``: every outcome criterion is met; undecided if one of them is.
- ``outcome``, ``technique``, ``vocabulary``: share of the decided criteria of that kind that are met. Only
  ``outcome`` is for headlines, so that a skill cannot win by teaching its own words.
- ``decided``: share of the criteria on which there is a verdict.
- ``agreement``: share of the criteria with a deterministic check on which check and grader agree.

Without a grader, and where no outcome criterion is decided, the answer is unscored with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.dataset import find_scenarios
from redgreenbench.evals.followup import pressure_met
from redgreenbench.evals.schema import Criterion
from redgreenbench.scorers.checks import failures, holds
from redgreenbench.scorers.grading.panel import GraderSettings, Panel, assess
from redgreenbench.scorers.grading.questions import applicable
from redgreenbench.scorers.means import means
from redgreenbench.scorers.reading import read
from redgreenbench.scorers.rescoring import findable

__all__ = ["KEYS", "SCORER_VERSION", "rubric", "score_rubric"]

SCORER_VERSION = 1
KEYS = ("correct", "outcome", "technique", "vocabulary", "decided", "agreement")


def score_rubric(text: str, scenario: Scenario, pressure: str, panel: Panel) -> Score:
    """Scores one answer by what the graders said of it.

    Args:
        text: The answer, for the deterministic checks.
        scenario: The scenario it answers.
        pressure: The pressure it was given under.
        panel: The graders' verdicts.
    """
    criteria = applicable(scenario, pressure)
    if not text.strip():
        value = {k: 0.0 if any(c.kind == k for c in criteria) else math.nan for k in KEYS[1:4]}
        return Score(
            value={"correct": 0.0, **value, "decided": 1.0, "agreement": math.nan},
            answer="empty",
            explanation="The answer is empty, which meets nothing.",
            metadata={
                "scorer_version": SCORER_VERSION,
                "patterns": failures(criteria, {c.id: False for c in criteria}),
            },
        )
    about = {"scorer_version": SCORER_VERSION, **panel.about()}
    if panel.failure:
        return Score.unscored(reason=panel.failure, explanation=panel.failure, metadata=about)
    met = {c.id: _met(c, panel.holds(f"criterion:{c.id}")) for c in criteria}
    outcome = [met[c.id] for c in criteria if c.kind == "outcome"]
    about["criteria"] = {c.id: _record(c, panel) for c in criteria}
    about["patterns"] = failures(criteria, met)
    lines = [_line(c, met[c.id], panel) for c in criteria]
    if outcome and all(verdict is None for verdict in outcome):
        reason = "no outcome criterion was decided"
        return Score.unscored(reason=reason, explanation="\n".join(lines), metadata=about)
    checked = _checked(text, scenario, criteria)
    agreed = [float(met[name] == checked[name]) for name in checked if met[name] is not None]
    value = {
        "correct": math.nan if None in outcome or not outcome else float(all(outcome)),
        **{kind: _mean([met[c.id] for c in criteria if c.kind == kind]) for kind in KEYS[1:4]},
        "decided": sum(v is not None for v in met.values()) / len(met),
        "agreement": sum(agreed) / len(agreed) if agreed else math.nan,
    }
    about["check_disagrees"] = [n for n in checked if met[n] is not None and met[n] != checked[n]]
    return Score(
        value={key: value[key] for key in KEYS},
        answer=f"{sum(v is True for v in met.values())} of {len(met)} criteria met",
        explanation="\n".join(lines),
        metadata=about,
    )


def _met(criterion: Criterion, held: bool | None) -> bool | None:
    return None if held is None else held == (criterion.polarity == "must")


def _mean(verdicts: Sequence[bool | None]) -> float:
    decided = [v for v in verdicts if v is not None]
    return sum(decided) / len(decided) if decided else math.nan


def _checked(text: str, scenario: Scenario, criteria: Sequence[Criterion]) -> dict[str, bool]:
    answer, clarify = read(text), scenario.file.clarify
    return {
        c.id: holds(c.check, answer, clarify) == (c.polarity == "must")
        for c in criteria
        if c.check is not None
    }


def _record(criterion: Criterion, panel: Panel) -> dict[str, object]:
    """A criterion's verdict for machines: short, and with each grader's own where there are several."""
    key = f"criterion:{criterion.id}"
    verdict = panel.verdict(key)
    record: dict[str, object] = {"holds": verdict.holds, "quote": verdict.quote, "reason": verdict.reason}
    if verdict.void:
        record["void"] = verdict.void
    if len(panel.assessments) > 1:
        record["by"] = {
            a.grader: a.verdicts[key].holds if key in a.verdicts else None for a in panel.assessments
        }
    return record


def _line(criterion: Criterion, met: bool | None, panel: Panel) -> str:
    verdict = panel.verdict(f"criterion:{criterion.id}")
    mark = {True: "met   ", False: "MISSED", None: "void  "}[met]
    wording = f"{'(must not) ' if criterion.polarity == 'must_not' else ''}{criterion.statement}"
    why = f" [{verdict.void}]" if verdict.void else f" “{verdict.quote}”" if verdict.quote else ""
    return f"{mark} {criterion.kind}: {wording}{why}{f' ({verdict.reason})' if verdict.reason else ''}"


@scorer(metrics=[means()])
def rubric(scenarios: list[str] | None = None, self_grade: bool = False) -> Scorer:
    """Grades each answer by its scenario's rubric with the models of the role ``grader``.

    Args:
        scenarios: Folders of external scenarios, where the task used some.
        self_grade: Whether the model under test grades itself where no grader is bound.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}
    settings = GraderSettings(self_grade=self_grade)

    async def score(state: TaskState, target: Target) -> Score:
        scenario = known[state.metadata["scenario"]]
        panel = await assess(state, scenario, settings)
        return score_rubric(
            state.output.completion, scenario, pressure_met(state.metadata, state.store), panel
        )

    return score


findable(rubric)
