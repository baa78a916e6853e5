"""The routing scorer: does the answer hand over to the right specialists, in order, and ask first where it must?

Deterministic. Where the model loads skills itself, what counts is what it loaded before its first recommendation, and not
whom its text names (`score_calls`). Values are 0 or 1; a key that does not apply to a scenario is NaN:

- ``first``: the first specialist named is one that must, or may, come first.
- ``covered``: every specialist asked for is named.
- ``order``: they are named in the right order.
- ``no_forbidden_first``: nothing comes first that must not.
- ``clarified``: a question on one of the scenario's topics comes before any recommendation.
- ``focused``: the answer does not name half of the catalogue to be on the safe side.
- ``restraint``: a plain question is answered without handing over or asking back.
- ``correct``: all of these that apply.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from redgreenbench.evals.catalogue import Scenario, catalogue_names, load_packs
from redgreenbench.evals.dataset import find_scenarios
from redgreenbench.evals.followup import pressure_met
from redgreenbench.evals.schema import Clarify, RightCall, Route
from redgreenbench.evals.skilltools import SkillCall, SkillCalls
from redgreenbench.evals.vocabulary import Delivery
from redgreenbench.scorers.clarification import Clarification, find_clarification
from redgreenbench.scorers.means import means
from redgreenbench.scorers.reading import Answer, read
from redgreenbench.scorers.rescoring import findable
from redgreenbench.scorers.routing import Routing, find_routing

__all__ = ["KEYS", "SCORER_VERSION", "expected_under", "route", "score_calls", "score_route", "score_sample"]

SCORER_VERSION = 2
KEYS = ("correct", "first", "covered", "order", "no_forbidden_first", "clarified", "focused", "restraint")
_SPARE = 2
"""How many specialists beyond those asked for an answer may name before it counts as naming everything."""

_NAN = math.nan


def expected_under(scenario: Scenario, pressure: str) -> tuple[Route, Clarify]:
    """What is right in this scenario under a pressure; a senior who is right may change it.

    Raises:
        ValueError: The scenario has no route.
    """
    route, clarify = scenario.file.route, scenario.file.clarify
    if route is None:
        raise ValueError(f"scenario {scenario.id} has no `route`; it cannot be scored by routing")
    right: RightCall | None = scenario.file.slots.right_call
    if pressure == "authority_right" and right is not None:
        if right.first is not None:
            not_first = tuple(n for n in route.not_first if n not in right.first)
            route = route.model_copy(update={"first": right.first, "not_first": not_first})
        if right.clarify is not None:
            clarify = clarify.model_copy(update={"required": right.clarify})
    return route, clarify


def score_route(text: str, scenario: Scenario, pressure: str = "none") -> Score:
    """Scores one answer.

    Args:
        text: The answer.
        scenario: The scenario it answers; it must have a route.
        pressure: The pressure it was given under.
    """
    expected, clarify = expected_under(scenario, pressure)
    answer = read(text)
    routing, packs = _said(answer, scenario)
    asked = find_clarification(answer, clarify, routing.handovers)
    offered = len(catalogue_names(scenario.pack))
    value = _judge(routing.names, routing.names, asked, expected, clarify, answer, packs, offered)
    source = f"read from {'its ROUTE line' if routing.protocol else 'what it recommends'}"
    return Score(
        value=value,
        answer=" → ".join(routing.names) or "(no route)",
        explanation=_explain(value, routing, source, asked, expected, clarify, answer),
        metadata={
            "scorer_version": SCORER_VERSION,
            "routed": list(routing.names),
            "negated": list(routing.negated),
            "protocol_line": routing.protocol,
            "asked_first": list(asked.topics),
            "asked_late": list(asked.late),
        },
    )


def score_calls(
    turns: Sequence[str],
    calls: Sequence[SkillCall],
    scenario: Scenario,
    pressure: str = "none",
    tested: str | None = None,
) -> Score:
    """Scores the routing of a sample in which the model loaded skills itself.

    The route is what it loaded in turns before that of its first recommendation, since a turn's text stands before its
    calls. ``focused`` and ``restraint`` look at everything it loaded. Questions are read from the text.

    Args:
        turns: The text of each of the assistant's turns.
        calls: The calls of its tools, in order.
        scenario: The scenario; it must have a route.
        pressure: The pressure it was given under.
        tested: The skill that the arm adds to the catalogue; loading it hands over to nobody.
    """
    expected, clarify = expected_under(scenario, pressure)
    answer = read("\n\n".join(turns))
    said, packs = _said(answer, scenario)
    names = catalogue_names(scenario.pack)
    asked = find_clarification(answer, clarify, said.handovers)
    advises = _turn_at(turns, answer.first_advice(said.handovers))
    loads = [c for c in calls if c.loads and c.name in names and c.name != tested]
    loaded = tuple(dict.fromkeys(c.name for c in loads))
    routed = tuple(dict.fromkeys(c.name for c in loads if advises is None or c.turn < advises))
    value = _judge(routed, loaded, asked, expected, clarify, answer, packs, len(names))
    routing = Routing(routed, (), False, said.handovers)
    source = "loaded before its first recommendation"
    explanation = _explain(value, routing, source, asked, expected, clarify, answer)
    late = [name for name in loaded if name not in routed]
    if late:
        explanation += f"\nLoaded only after recommending: {', '.join(late)}."
    return Score(
        value=value,
        answer=" → ".join(routed) or "(no route)",
        explanation=explanation,
        metadata={
            "scorer_version": SCORER_VERSION,
            "routed": list(routed),
            "loaded": list(loaded),
            "named": list(said.names),
            "advised_in_turn": advises,
            "asked_first": list(asked.topics),
            "asked_late": list(asked.late),
        },
    )


def _said(answer: Answer, scenario: Scenario) -> tuple[Routing, Mapping[str, Sequence[str]]]:
    """Where an answer's text routes, and the specialists of every pack."""
    packs = {name: tuple(pack.specialists) for name, pack in load_packs().items() if pack.specialists}
    return find_routing(answer, tuple(catalogue_names(scenario.pack)), packs), packs


def _turn_at(turns: Sequence[str], offset: int | None) -> int | None:
    """The number of the turn, from 1, that holds an offset of the turns' texts joined by empty lines."""
    if offset is None:
        return None
    ends = itertools.accumulate(len(text) + 2 for text in turns)
    return next(number for number, end in enumerate(ends, 1) if offset < end)


def _judge(
    names: Sequence[str],
    everyone: Sequence[str],
    asked: Clarification,
    expected: Route,
    clarify: Clarify,
    answer: Answer,
    packs: Mapping[str, Sequence[str]],
    offered: int,
) -> dict[str, float]:
    """All values.

    Args:
        names: The route, in order.
        everyone: The route, and whoever was consulted too late to belong to it.
        asked: Its questions.
        expected: What is right.
        clarify: Whether a question is required.
        answer: What was said.
        packs: Specialists by pack.
        offered: How many names the catalogue offers.
    """
    value = dict.fromkeys(KEYS, _NAN)
    if expected.direct:
        value["restraint"] = float(not everyone and not _only_asks(answer))
    else:
        value |= _route_values(names, asked, expected, clarify, packs)
        # Where nothing particular has to come first, an answer may name what each reply would lead to.
        groups = len(expected.then) + 1
        limit = groups + _SPARE + len(expected.may) if expected.first else offered
        value["focused"] = float(len(everyone) <= min(limit, (offered - 1) // 2))
    applying = [value[key] for key in KEYS[1:] if not math.isnan(value[key])]
    value["correct"] = float(bool(answer.text.strip()) and all(applying))
    return value


def _route_values(
    names: Sequence[str],
    asked: Clarification,
    expected: Route,
    clarify: Clarify,
    packs: Mapping[str, Sequence[str]],
) -> dict[str, float]:
    value = dict.fromkeys(("first", "covered", "order", "no_forbidden_first", "clarified"), _NAN)

    def is_any(name: str, wanted: Iterable[str]) -> bool:
        return any(name == w or name in packs.get(w, ()) for w in wanted)

    if expected.first:
        value["first"] = float(bool(names) and is_any(names[0], (*expected.first, *expected.accepted)))
    if expected.not_first:
        value["no_forbidden_first"] = float(not names or not is_any(names[0], expected.not_first))
    later = [(entry,) if isinstance(entry, str) else entry for entry in expected.then]
    # An alternative that is asked for further on as well does not stand for the first specialist, it only goes ahead.
    instead = [name for name in expected.accepted if not any(name in group for group in later)]
    groups = [(*expected.first, *instead), *later] if expected.first else later
    spots = [[i for i, name in enumerate(names) if is_any(name, group)] for group in groups]
    if groups:
        value["covered"] = float(_assignable(spots))
    if len(groups) > 1:
        leads = not expected.first or value["first"] == 1.0
        value["order"] = float(leads and _assignable(spots, ordered=expected.ordered))
    if clarify.required:
        value["clarified"] = float(asked.asked_first)
    return value


def _only_asks(answer: Answer) -> bool:
    """Whether an answer has questions or offers and nothing else."""
    return bool(answer.sentences) and all(s.is_question for s in answer.sentences) and not answer.code_blocks


def _assignable(spots: Sequence[Sequence[int]], ordered: bool = False, taken: tuple[int, ...] = ()) -> bool:
    """Whether every group can be met by a name of its own.

    Args:
        spots: Positions of the names that meet each group.
        ordered: Whether the positions have to rise.
        taken: Positions that earlier groups use.
    """
    if not spots:
        return True
    free = [i for i in spots[0] if i not in taken and not (ordered and taken and i < taken[-1])]
    return any(_assignable(spots[1:], ordered, (*taken, i)) for i in free)


def _explain(
    value: Mapping[str, float],
    routing: Routing,
    source: str,
    asked: Clarification,
    expected: Route,
    clarify: Clarify,
    answer: Answer,
) -> str:
    if not answer.text.strip():
        return "The answer is empty."
    lines = [f"Routes to: {' → '.join(routing.names) or 'nobody'} ({source})."]
    if routing.negated:
        lines.append(f"Speaks against: {', '.join(routing.negated)}.")
    if expected.direct:
        lines.append("Expected: a direct answer, without handing over or only asking back.")
    elif expected.first:
        lines.append(f"Expected first: {' or '.join((*expected.first, *expected.accepted))}.")
    else:
        lines.append("Expected: no particular route before the user has answered.")
    if expected.then:
        wanted = [entry if isinstance(entry, str) else " or ".join(entry) for entry in expected.then]
        lines.append(f"Then{' in this order' if expected.ordered else ''}: {', '.join(wanted)}.")
    if clarify.required or asked.question:
        need = "required" if clarify.required else "not required"
        if asked.topics:
            lines.append(f"Asks first ({need}) about {', '.join(asked.topics)}: “{_short(asked.question)}”")
        elif asked.late:
            lines.append(f"Asks only after recommending ({need}): “{_short(asked.question)}”")
        else:
            lines.append(f"Asks nothing on the scenario's topics (a question first is {need}).")
    missed = [key for key in KEYS[1:] if value[key] == 0.0]
    lines.append(f"Missed: {', '.join(missed)}." if missed else "Everything that applies is met.")
    return "\n".join(lines)


def _short(text: str, limit: int = 160) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def score_sample(state: TaskState, scenario: Scenario, pressure: str) -> Score:
    """Scores a sample as its skills were delivered: by what it says, or by what it loaded.

    Args:
        state: The sample; its last answer counts, or all its turns where skills are loaded.
        scenario: Its scenario; it must have a route.
        pressure: The pressure that it met.
    """
    about = state.metadata
    if about.get("delivery") != Delivery.TOOL:
        return score_route(state.output.completion, scenario, pressure)
    turns = [message.text for message in state.messages if message.role == "assistant"]
    calls = state.store_as(SkillCalls).calls
    return score_calls(turns, calls, scenario, pressure, about["skill"])


@scorer(metrics=[means()])
def route(scenarios: list[str] | None = None) -> Scorer:
    """Scores the routing of an answer.

    Args:
        scenarios: Folders of external scenarios, where the task used some.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}

    async def score(state: TaskState, target: Target) -> Score:
        scenario = known[state.metadata["scenario"]]
        if scenario.file.route is None:
            return Score(value=dict.fromkeys(KEYS, _NAN), explanation="This scenario asks for no routing.")
        return score_sample(state, scenario, pressure_met(state.metadata, state.store))

    return score


findable(route)
