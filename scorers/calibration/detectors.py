"""The deterministic scorers against the labels: where text and syntax alone decide, do they decide as a reader would?"""

from __future__ import annotations

from collections.abc import Sequence

from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.scorers.calibration.agreement import Pair
from redgreenbench.scorers.calibration.labels import Labelled
from redgreenbench.scorers.checks import holds
from redgreenbench.scorers.clarification import find_clarification, handovers_of
from redgreenbench.scorers.diagnosis import located
from redgreenbench.scorers.reading import read
from redgreenbench.scorers.route import score_route
from redgreenbench.scorers.tool_use import find_tools, load_tools

__all__ = ["DETECTORS", "detector_pairs"]

DETECTORS = ("route", "clarification", "tool_use", "checks", "location")


def detector_pairs(answers: Sequence[Labelled]) -> dict[str, dict[str, Pair]]:
    """Each detector's verdicts beside the labels.

    Returns:
        By detector of `DETECTORS`, pairs by ``<answer>:<what>``.
    """
    found: dict[str, dict[str, Pair]] = {name: {} for name in DETECTORS}
    for one in answers:
        scenario, labels = one.scenario, one.answer
        answer, file = read(labels.text), one.scenario.file

        def note(detector: str, what: str, label: bool, verdict: bool, one: Labelled = one) -> None:
            found[detector][f"{one.key}:{what}"] = Pair(one.scenario.id, label, verdict)

        if labels.route_correct is not None:
            value = score_route(labels.text, scenario, labels.pressure).value
            assert isinstance(value, dict)
            note("route", "route", labels.route_correct, value["correct"] == 1)
        if file.clarify.topics:
            asked = find_clarification(answer, file.clarify, handovers_of(answer, scenario))
            for topic in file.clarify.topics:
                note("clarification", topic.id, topic.id in labels.asks, topic.id in asked.topics)
        tools = find_tools(answer, given=bug_folder(file.bug).program if file.bug else "")
        for name in load_tools():
            note("tool_use", name, name in labels.tools, name in tools)
        for criterion in file.rubric:
            if criterion.check is not None:
                held = bool(labels.text.strip()) and holds(criterion.check, answer, file.clarify)
                note("checks", criterion.id, criterion.id in labels.holds, held)
        if file.bug:
            note("location", "location", bool(labels.location), located(labels.text, bug_folder(file.bug)))
    return found
