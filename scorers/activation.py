"""Did the model load the skills that the question needs, and leave the others alone? Only where it loads them itself.

Deterministic, from the recorded calls of the tools. Values are 0 or 1; a key that does not apply to a sample is NaN.
*The skill* is the one that the sample's arm adds to the catalogue, or any one of several; a question needs it if it is
no control, and a placebo is never needed.

- ``recall``: the skill was loaded, where it is needed. NaN in arms without a skill and for a placebo.
- ``precision``: of samples in which the skill was loaded: whether it was needed.
- ``restraint``: the skill was not loaded for a control that does not need it.
- ``sheets``: where the skill was loaded and has other files: whether one of them was read.
- ``control``: positive controls only: the skill that the user asks for by name was loaded.
- ``invented``: a call named a skill that does not exist.
"""

from __future__ import annotations

from redgreenbench.evals.vocabulary import Arm, Delivery
from redgreenbench.scorers.answer import Answer
from redgreenbench.scorers.scored import NotApplicable, ScorerResult, scored

__all__ = ["activation"]


@scored("activation", version=2, keys=("recall", "precision", "restraint", "sheets", "control", "invented"))
def activation(answer: Answer) -> ScorerResult:
    """Scores which skills were loaded."""
    about, file = answer.state.metadata, answer.scenario.file
    if about.get("delivery") != Delivery.TOOL:
        raise NotApplicable("The model had no tools to load skills with.")
    own = str(about["skill"]).split(", ") if about["skill"] else []
    loaded = list(dict.fromkeys(call.name for call in answer.calls if call.loads))
    unknown = list(dict.fromkeys(call.name for call in answer.calls if not call.skill_exists))
    read = [f"{call.name}/{call.path}" for call in answer.calls if call.reads]
    value: dict[str, bool] = {"invented": bool(unknown)}
    lines = [f"Loaded: {', '.join(loaded) or 'nothing'}."]
    if read:
        lines.append(f"Read: {', '.join(read)}.")
    if unknown:
        lines.append(f"Asked for skills that do not exist: {', '.join(unknown)}.")
    if file.loads:
        value["control"] = file.loads in loaded
        lines.append(f"A positive control: the user asks for {file.loads}.")
    elif not own:
        lines.append("This arm adds no skill to the catalogue.")
    else:
        needed = file.control is None and about["arm"] != Arm.PLACEBO
        there = not {*own}.isdisjoint(loaded)
        if needed:
            value["recall"] = there
        elif file.control is not None:
            value["restraint"] = not there
        if there:
            value["precision"] = needed
            if about.get("sheets"):
                value["sheets"] = any(call.reads and call.name in own for call in answer.calls)
        lines.append(
            f"{about['skill']}, which this arm adds, is {'' if needed else 'not '}needed here and was "
            f"{'' if there else 'not '}loaded."
        )
    return ScorerResult(
        value=value,
        answer=" → ".join(loaded) or "(nothing loaded)",
        lines=lines,
        about={
            "loaded": loaded,
            "read": read,
            "unknown": unknown,
            "missing_files": [f"{c.name}/{c.path}" for c in answer.calls if c.skill_exists and not c.existed],
            "first_turn": next((call.turn for call in answer.calls if call.loads), None),
        },
    )
