"""Did the model load the skills that the question needs, and leave the others alone? Only where it loads them itself.

Deterministic, from the recorded calls of the tools. Values are 0 or 1; a key that does not apply to a sample is NaN.
*The skill* is the one that the sample's arm adds to the catalogue; a question needs it if it is no control, and a placebo
is never needed.

- ``recall``: the skill was loaded, where it is needed. NaN in arms without a skill and for a placebo.
- ``precision``: of samples in which the skill was loaded: whether it was needed.
- ``restraint``: the skill was not loaded for a control that does not need it.
- ``sheets``: where the skill was loaded and has other files: whether one of them was read.
- ``control``: positive controls only: the skill that the user asks for by name was loaded.
- ``invented``: a call named a skill that does not exist.
"""

from __future__ import annotations

import math

from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.dataset import find_scenarios
from redgreenbench.evals.discovery import Added, as_added
from redgreenbench.evals.skillfolder import Skill
from redgreenbench.evals.skilltools import SkillCall, SkillCalls
from redgreenbench.evals.vocabulary import Arm, Delivery
from redgreenbench.scorers.means import means
from redgreenbench.scorers.rescoring import findable

__all__ = ["KEYS", "SCORER_VERSION", "activation", "score_activation"]

SCORER_VERSION = 1
KEYS = ("recall", "precision", "restraint", "sheets", "control", "invented")

_NAN = math.nan


def score_activation(
    calls: list[SkillCall], scenario: Scenario, skill: Skill | None, placebo: bool = False
) -> Score:
    """Scores one sample's calls.

    Args:
        calls: The calls, in order.
        scenario: The scenario that was posed.
        skill: The skill that the arm adds to the catalogue; None if it adds none.
        placebo: Whether that skill is the irrelevant one.
    """
    value = dict.fromkeys(KEYS, _NAN)
    loaded = list(dict.fromkeys(call.name for call in calls if call.loads))
    unknown = list(dict.fromkeys(call.name for call in calls if not call.skill_exists))
    read = [f"{call.name}/{call.path}" for call in calls if call.reads]
    value["invented"] = float(bool(unknown))
    lines = [f"Loaded: {', '.join(loaded) or 'nothing'}."]
    if read:
        lines.append(f"Read: {', '.join(read)}.")
    if unknown:
        lines.append(f"Asked for skills that do not exist: {', '.join(unknown)}.")
    if scenario.file.loads:
        value["control"] = float(scenario.file.loads in loaded)
        lines.append(f"A positive control: the user asks for {scenario.file.loads}.")
    elif skill is None:
        lines.append("This arm adds no skill to the catalogue.")
    else:
        needed = scenario.file.control is None and not placebo
        there = skill.name in loaded
        if needed:
            value["recall"] = float(there)
        elif scenario.file.control is not None:
            value["restraint"] = float(not there)
        if there:
            value["precision"] = float(needed)
            if skill.sheets:
                value["sheets"] = float(any(call.reads and call.name == skill.name for call in calls))
        lines.append(
            f"{skill.name}, which this arm adds, is {'' if needed else 'not '}needed here and was "
            f"{'' if there else 'not '}loaded."
        )
    return Score(
        value=value,
        answer=" → ".join(loaded) or "(nothing loaded)",
        explanation="\n".join(lines),
        metadata={
            "scorer_version": SCORER_VERSION,
            "loaded": loaded,
            "read": read,
            "unknown": unknown,
            "missing_files": [f"{c.name}/{c.path}" for c in calls if c.skill_exists and not c.existed],
            "first_turn": next((call.turn for call in calls if call.loads), None),
        },
    )


@scorer(metrics=[means()])
def activation(skills: Added, scenarios: list[str] | None = None) -> Scorer:
    """Scores which skills were loaded.

    Args:
        skills: By pack and arm, the skill that the arm adds to the catalogue.
        scenarios: Folders of external scenarios, where the task used some.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}
    added = as_added(skills)

    async def score(state: TaskState, target: Target) -> Score:
        about = state.metadata
        if about.get("delivery") != Delivery.TOOL:
            return Score(
                value=dict.fromkeys(KEYS, _NAN), explanation="The model had no tools to load skills with."
            )
        skill = added[about["pack"]][about["arm"]]
        calls = state.store_as(SkillCalls).calls
        return score_activation(calls, known[about["scenario"]], skill, about["arm"] == Arm.PLACEBO)

    return score


findable(activation)
