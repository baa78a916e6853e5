"""The contamination audit: did every arm get what it should, and nothing of the skill under test beside it?

- ``clean``: for arms without the skill under test: none of its text, file names or headings stands in the transcript.
- ``delivered``: for arms that add something: exactly that stood in the system message. Where the model loads skills itself,
  what an arm's skill has there is its entry in the catalogue; where skills are installed for an agent, the agent has to
  show it to its model, and where it does not nobody knows.
- ``valid``: all of these that apply. A sample that is not valid is void: counted, and left out of comparisons.

Seen when the sample ended (`redgreenbench.evals.delivery`) and kept in the log, so that it can be scored again.
"""

from __future__ import annotations

from redgreenbench.evals.contamination import audit_of
from redgreenbench.scorers.answer import Answer
from redgreenbench.scorers.scored import NotApplicable, ScorerResult, scored

__all__ = ["audit"]

_SHOWN = 5


@scored("audit", version=2, keys=("valid", "clean", "delivered"))
def audit(answer: Answer) -> ScorerResult:
    """Audits what each sample was given and shows."""
    seen = audit_of(answer.state.store)
    if seen is None:
        raise NotApplicable("Nobody looked at what was delivered here.")
    clean = None if seen.found is None else not seen.found
    lines = []
    if seen.delivered is not None:
        lines.append(f"What the arm adds {'stood' if seen.delivered else 'did NOT stand'} where it should.")
    if clean is not None:
        lines.append(
            "No text of the skill under test." if clean else "Void: it holds text of the skill under test:"
        )
        lines += [f"  “{passage}”" for passage in (seen.found or ())[:_SHOWN]]
    valid = clean is not False and seen.delivered is not False
    return ScorerResult(
        value={"valid": valid, "clean": clean, "delivered": seen.delivered},
        answer="valid" if valid else "void",
        lines=lines or ["There is no skill under test in this run."],
    )
