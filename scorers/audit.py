"""The contamination audit: did every arm get what it should, and nothing of the skill under test beside it?

Values are 0 or 1; a key that does not apply is NaN:

- ``clean``: for arms without the skill under test: none of its text, file names or headings stands in the transcript.
- ``delivered``: for arms that carry text: exactly that text was in the system message. Where the model loads skills
  itself, what an arm's skill has there is its entry in the catalogue; where skills are installed for an agent, the
  skill itself has to be among them.
- ``valid``: all of these that apply. A sample that is not valid is void: counted, and left out of comparisons.

The texts are the solver's own, kept in the log as a parameter, so that a log can be audited again without the files.
"""

from __future__ import annotations

import hashlib
import math
import re
from functools import lru_cache

from inspect_ai.model import ChatMessage, ChatMessageAssistant
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from redgreenbench.evals.agents.installing import installed_in
from redgreenbench.evals.dataset import find_scenarios, system_message
from redgreenbench.evals.discovery import Added, as_added, catalogue_line, common_skills, discovery_message
from redgreenbench.evals.skillfolder import Skill
from redgreenbench.evals.vocabulary import Arm
from redgreenbench.scorers.means import means
from redgreenbench.scorers.rescoring import findable

__all__ = ["GRAM", "KEYS", "SCORER_VERSION", "THRESHOLD", "audit", "leaks"]

SCORER_VERSION = 1
KEYS = ("valid", "clean", "delivered")
GRAM = 8
"""Words in a row that make a passage of the skill; fewer are shared by chance among texts on one topic."""
THRESHOLD = 2
"""Passages without a common word needed for a finding, so that one stock phrase is none."""
_WITHOUT_SKILL = (Arm.RED, Arm.GENERIC, Arm.PLACEBO)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9_]+", text.lower())


@lru_cache(maxsize=64)
def _grams(text: str) -> frozenset[str]:
    # Not of code: the same training loop stands in every tutorial.
    words = _words(re.sub(r"^ *(```+|~~~+).*?^ *\1", " ", text, flags=re.S | re.M))
    return frozenset(" ".join(words[i : i + GRAM]) for i in range(len(words) - GRAM + 1))


@lru_cache(maxsize=64)
def _headings(text: str) -> frozenset[str]:
    """Headings of at least four words and names of Markdown files, in lower case."""
    headings = {h.strip().lower() for h in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text, re.M)}
    long = {h for h in headings if len(_words(h)) >= 4}
    return frozenset(long | {name.lower() for name in re.findall(r"[\w./-]+\.md\b", text)} - {"readme.md"})


def leaks(transcript: str, skill: str, given: str) -> list[str]:
    """Passages of a skill that stand in a transcript and were not part of what every arm is given.

    Args:
        transcript: Everything that the model saw and said.
        skill: The text of the skill under test.
        given: What the sample held in any arm: catalogue, question, base prompt.

    Returns:
        Passages of `GRAM` words, at least `THRESHOLD` of them apart from each other, and headings or file
        names; empty if there is no finding.
    """
    known = _grams(skill) - _grams(given)
    words = _words(transcript)
    found: list[str] = []
    position = 0
    while position + GRAM <= len(words):
        gram = " ".join(words[position : position + GRAM])
        if gram in known:
            found.append(gram)
            position += GRAM
        else:
            position += 1
    lower, allowed = transcript.lower(), given.lower()
    named = sorted(h for h in _headings(skill) if h in lower and h not in allowed)
    return [*(found if len(found) >= THRESHOLD else []), *named]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(messages: list[ChatMessage]) -> str:
    parts = []
    for message in messages:
        parts.append(message.text)
        if isinstance(message, ChatMessageAssistant):
            parts += [str(call.arguments) for call in message.tool_calls or ()]
    return "\n".join(parts)


def _shared(added: dict[str, Skill | None], scenario: str) -> str:
    """The catalogue that all arms are shown, and the texts that all can load from it."""
    common = common_skills(scenario.partition("/")[0], added.values())
    return "\n".join([discovery_message(scenario, added), *(skill.text for skill in common.values())])


def _entry(skill: Skill | None) -> str:
    return catalogue_line(skill) if skill else ""


@scorer(metrics=[means()])
def audit(
    texts: dict[str, dict[str, str]], scenarios: list[str] | None = None, skills: Added | None = None
) -> Scorer:
    """Audits what each sample was given and shows.

    Args:
        texts: What each arm adds, by pack and arm, as the delivering solver has it.
        scenarios: Folders of external scenarios, where the task used some.
        skills: By pack and arm, the skill that the arm adds to the catalogue; None where skills are injected.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}
    added_by = as_added(skills) if skills is not None else None

    async def score(state: TaskState, target: Target) -> Score:
        arm, pack = state.metadata["arm"], state.metadata["pack"]
        by_arm = texts.get(pack, {})
        value = dict.fromkeys(KEYS, math.nan)
        system = "".join(m.text for m in state.messages if m.role == "system")
        added = by_arm.get(arm, "")
        found: list[str] = []
        scenario = known[state.metadata["scenario"]]
        offered = added_by[pack] if added_by is not None else {}
        entry, green_entry = _entry(offered.get(arm)), _entry(offered.get(Arm.GREEN))
        installed, own = installed_in(state.store), offered.get(arm)
        if own and installed is not None:
            value["delivered"] = float(installed.get(own.name) == own.hash)
        elif entry:
            value["delivered"] = float(entry in system.splitlines())
        elif added:
            value["delivered"] = float(system.endswith(added))
        skill = by_arm.get(Arm.GREEN, "")
        if arm in _WITHOUT_SKILL and skill:
            question = "\n".join(m.text for m in state.messages if m.role == "user")
            # The catalogue, the question and the arm's own text may share words with the skill.
            shared = system_message(scenario) if added_by is None else _shared(offered, scenario.id)
            given = f"{shared}\n{question}\n{added}"
            found = leaks(_text(state.messages), skill, given)
            found += [green_entry] if green_entry and green_entry in system.splitlines() else []
            green = offered.get(Arm.GREEN)
            found += [green.name] if green and green.name in (installed or {}) else []
            value["clean"] = float(not found)
        applying = [value[key] for key in KEYS[1:] if not math.isnan(value[key])]
        value["valid"] = float(all(applying))
        lines = []
        if added:
            delivered = "stood" if value["delivered"] else "did NOT stand"
            where = "in the catalogue" if entry else "at the end of the system message"
            where = "among the installed skills" if entry and installed is not None else where
            what = f"The arm's skill, “{entry}”," if entry else f"The arm's text ({_hash(added)})"
            lines.append(f"{what} {delivered} {where}.")
        if arm in _WITHOUT_SKILL and skill:
            lines.append(
                "Void: it holds text of the skill under test:"
                if found
                else "No text of the skill under test."
            )
            lines += [f"  “{passage}”" for passage in found[:5]]
        return Score(
            value=value,
            answer="valid" if value["valid"] else "void",
            explanation="\n".join(lines) or "There is no skill under test in this run.",
            metadata={"scorer_version": SCORER_VERSION, "delivered_hash": _hash(added) if added else None},
        )

    return score


findable(audit)
