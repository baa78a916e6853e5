"""The messages of a sample, composed from parts: what all arms share, what an arm adds, and the form of the reply.

Nothing is ever composed by taking text away from other text.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable
from typing import Literal, TypeVar

from redgreenbench.evals.arms import Arms, prompt_template
from redgreenbench.evals.catalogue import Scenario, load_packs
from redgreenbench.evals.discovery import catalogue_line, common_skills
from redgreenbench.evals.pressures import pressure_text
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reference_bugs.files import PROGRAM, Files
from redgreenbench.reference_bugs.folder import BugFolder
from redgreenbench.reference_bugs.variants import posed_bug

__all__ = [
    "Form",
    "form_of",
    "form_request",
    "opening_of",
    "shared_message",
    "system_message",
    "user_message",
    "work_message",
]

T = TypeVar("T")
Form = Literal["act", "program", "project"]
"""What is asked of a reply: that its first line announces an act, or that it holds a program or changed files of one."""

_INTRO = {"program": "This is `program.py`", "project": "These are the files"}
_ORDERS = 4
"""Different orders in which a pack's catalogue is shown: few, so that scenarios share long prefixes, which servers cache."""


def form_of(scenario: Scenario) -> Form | None:
    """The form that a scenario asks of replies; None where it asks none."""
    if scenario.file.act is not None:
        return "act"
    return _form_of_bug(posed_bug(scenario.file.bug)) if scenario.file.bug else None


def _form_of_bug(bug: BugFolder) -> Form:
    return "project" if bug.is_project else "program"


def form_request(form: Form) -> str:
    """The message that asks once more for the form of the reply; the same in every arm."""
    return prompt_template(f"{form}_again")


def _code_blocks(files: Files) -> str:
    """The files of a program, each in a code block; those of a project under their paths."""
    if set(files) == {PROGRAM}:
        return f"```python\n{files[PROGRAM]}\n```"
    return "\n\n".join(f"```python {path}\n{text}\n```" for path, text in files.items())


def user_message(scenario: Scenario, pressure: str = NO_PRESSURE, decides: bool = False) -> str:
    """The user's message: prompt, program and symptom where there are any, the pressure, the form of the reply.

    A decision is posed with an excerpt of program and symptom, since a step is chosen, not a program written.

    Args:
        scenario: The scenario.
        pressure: The pressure.
        decides: Whether a decision is asked for, and no program.
    """
    text, form = (
        _paragraphs(scenario.file.prompt, *(_fenced_file(*file) for file in scenario.file.files.items())),
        "",
    )
    if decides:
        decision = scenario.file.decision
        excerpt = f"```\n{decision.excerpt}\n```" if decision and decision.excerpt else ""
        return _paragraphs(text, excerpt, pressure_text(pressure, scenario.file))
    if scenario.file.bug:
        bug = posed_bug(scenario.file.bug)
        asked = _form_of_bug(bug)
        text = prompt_template("program").format(
            prompt=text,
            program=_code_blocks(bug.files),
            symptom=bug.symptom,
            ran=bug.about["ran"],
            intro=bug.about.get("intro", _INTRO[asked]),
        )
        form = prompt_template(f"{asked}_form")
    return _paragraphs(text, pressure_text(pressure, scenario.file), form)


def _fenced_file(name: str, text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"`{name}`:\n\n{fence}\n{text.rstrip()}\n{fence}"


def opening_of(scenario: Scenario, base: str = "system") -> str:
    """The opening of the system message.

    Args:
        scenario: The scenario.
        base: The prompt where an agent works on a program.
    """
    if base != "system" and scenario.file.bug:
        return prompt_template(base)
    return load_packs()[scenario.pack].opening or prompt_template("system")


def work_message(scenario: Scenario, pressure: str = NO_PRESSURE) -> str:
    """The user's message to an agent: the prompt, where program and files are, what it printed, the pressure."""
    assert scenario.file.bug is not None
    bug = posed_bug(scenario.file.bug)
    text = prompt_template("workplace").format(
        prompt=scenario.file.prompt,
        place=prompt_template(f"{_form_of_bug(bug)}_place").format(
            files=", ".join(f"`{path}`" for path in bug.files)
        ),
        ran=bug.about["ran"],
        symptom=bug.symptom,
    )
    there = ", ".join(f"`{path}`" for path in scenario.file.files)
    beside = prompt_template("files_place").format(files=there) if there else ""
    return _paragraphs(text, beside, pressure_text(pressure, scenario.file))


def shared_message(scenario: Scenario, arms: Arms, base: str) -> str:
    """The part of the system message that all arms share; see `system_message`."""
    return _paragraphs(base, _catalogue(scenario, arms, None, scenario.id), _act_form(scenario))


def system_message(
    scenario: Scenario, arms: Arms, arm: str, base: str, shows_catalogue: bool = True, decides: bool = False
) -> str:
    """The system message of a sample.

    The form of the reply stands last, so that no arm's text comes between it and the question. The catalogue is shuffled by
    a seed of the scenario, never of the arm; where the reply is a letter, in which its order cannot count, by one of the
    pack, so that more of the message is the same and servers need not read it again.

    Args:
        scenario: The scenario.
        arms: What every arm adds.
        arm: The sample's arm.
        base: The text that the message begins with.
        shows_catalogue: Whether those who can take over, or the skills that can be loaded, are listed.
        decides: Whether a decision is asked for, whose options and form are added in the order of the epoch.
    """
    seed = scenario.pack if decides else scenario.id
    catalogue = _catalogue(scenario, arms, arm, seed) if shows_catalogue else ""
    return _paragraphs(base, catalogue, arms.text(scenario.pack, arm), "" if decides else _act_form(scenario))


def _act_form(scenario: Scenario) -> str:
    return prompt_template("act") if form_of(scenario) == "act" else ""


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _catalogue(scenario: Scenario, arms: Arms, arm: str | None, seed: str) -> str:
    order = random.Random(hashlib.sha256(seed.encode()).digest()[0] % _ORDERS)
    if arms.by_tool:
        return _skill_catalogue(scenario.pack, arms, arm, order)
    packs, own = load_packs(), load_packs()[scenario.pack]
    if not own.specialists:
        return ""
    tested = arms.tested(scenario.pack)
    groups = []
    for name in _shuffled((scenario.pack, *own.neighbours), order):
        specialists = _shuffled(packs[name].specialists.items(), order)
        entries = [f"- {n}: {text}" for n, text in specialists if n not in tested]
        groups.append("\n".join([f"{name}: {packs[name].summary}.", *entries]))
    if further := [skill for skill in _shuffled(arms.neighbours, order) if skill.name not in tested]:
        groups.append("\n".join(["further guides:", *map(catalogue_line, further)]))
    return prompt_template("catalogue").format(groups="\n\n".join(groups))


def _skill_catalogue(pack: str, arms: Arms, arm: str | None, order: random.Random) -> str:
    entries = [catalogue_line(skill) for skill in _shuffled(common_skills(pack, arms).values(), order)]
    places = len(entries)
    for skill in arms.loadable(pack)[arm] if arm else ():
        entries.insert(order.randrange(places + 1), catalogue_line(skill))
    return prompt_template("discovery").format(entries="\n".join(entries))


def _shuffled(items: Iterable[T], order: random.Random) -> list[T]:
    moved = list(items)
    order.shuffle(moved)
    return moved
