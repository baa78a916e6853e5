"""Which of four next steps does the model pick? Read from a letter, exactly.

Values are 0 or 1:

- ``correct``: it picks the right one.
- ``baseline``, ``shortcut``, ``over_firing``: it picks the one that stands for this, where there is one: what the document
  expects without the skill, what a senior proposes who is wrong, and in a control what only a skill would do that is not
  about it. Where nothing is picked they do not apply.
- ``formatted``: the reply is a letter, after the one request for it at the latest; else nothing is picked.

The metadata says which option it was, and for every failure pattern of the options whether the pick shows it.
"""

from __future__ import annotations

from redgreenbench.evals.decisions import LETTERS, decision_of, options_shown, read_letter
from redgreenbench.scorers.answer import Answer
from redgreenbench.scorers.scored import ScorerResult, scored

__all__ = ["decision"]

_ROLES = ("baseline", "shortcut", "over_firing")


@scored("decision", version=1, keys=("correct", *_ROLES, "formatted"))
def decision(answer: Answer) -> ScorerResult:
    """Judges the next step that each model picks."""
    answer.require_reply()
    wrong = decision_of(answer.scenario).wrong
    shown = options_shown(answer.scenario, answer.state.epoch)
    letter = next((read for text in answer.replies if (read := read_letter(text))), None)
    picked = shown[LETTERS.index(letter)] if letter else None
    option = wrong[picked - 1] if picked else None
    value = {
        role: option is not None and option.stands_for == role
        for role in _ROLES
        if letter and any(step.stands_for == role for step in wrong)
    }
    patterns = {step.pattern for step in wrong if step.pattern}
    right = LETTERS[shown.index(0)]
    lines = [f"Right: {right}. {decision_of(answer.scenario).right}"]
    lines.append(
        f"Picked: {letter}. {option.step}" if option else f"Picked: {letter}." if letter else "No letter."
    )
    return ScorerResult(
        value={"correct": picked == 0, **value, "formatted": letter is not None},
        answer=letter or "no letter",
        lines=lines,
        about={
            "option": picked,
            "stands_for": option.stands_for if option else None,
            "pattern": option.pattern if option else None,
            "patterns": {
                name: float(option is not None and option.pattern == name) for name in sorted(patterns)
            }
            if letter
            else {},
        },
    )
