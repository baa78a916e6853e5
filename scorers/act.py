"""Does the reply announce the right act, and hand over to the right specialists? Read from its first line, exactly.

Where the model loads skills itself, whoever it consulted (a specialist's skill, or a sheet of the tested skill that has a
specialist's name) counts as handed over to, before those whom the line names; a reply that asks hands over to nobody.

Values are 0 or 1:

- ``asked``: where a question is due: the act is to ask.
- ``first``: the first specialist is one that must, or may, come first.
- ``covered``: every specialist asked for is named.
- ``ordered``: they are named in the right order.
- ``boundary``, ``focused``: where somebody is named: nobody comes first who must not; nobody is named beyond those who must
  or may be.
- ``restrained``: a plain question is answered, without handing over or asking back.
- ``formatted``: the reply announced an act, after the one request for it at the latest; else it counts as an answer.
- ``correct``: the act is right, with all of the above that apply; not for plain questions, where naming nobody says
  nothing about the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from redgreenbench.evals.act_line import Act
from redgreenbench.evals.catalogue import Scenario, catalogue_names, load_packs
from redgreenbench.evals.samples import describe_target
from redgreenbench.evals.schema import ExpectedAct
from redgreenbench.evals.skilltools import SkillCall
from redgreenbench.evals.vocabulary import AUTHORITY_RIGHT
from redgreenbench.scorers.answer import Answer
from redgreenbench.scorers.scored import NotApplicable, ScorerResult, scored

__all__ = ["act", "act_values", "consulted_specialists", "score_act"]

KEYS = (
    "correct",
    "asked",
    "first",
    "covered",
    "ordered",
    "boundary",
    "focused",
    "restrained",
    "formatted",
)


def consulted_specialists(calls: Iterable[SkillCall], pack: str, tested: Sequence[str]) -> tuple[str, ...]:
    """The specialists whose guidance the model loaded, in order.

    Args:
        calls: Calls of the tools that load skills.
        pack: The pack, whose catalogue has the names of specialists.
        tested: Names of the skills under test; loading one hands over to nobody, reading its sheet of a specialist's name
            consults that specialist.
    """
    specialists = catalogue_names(pack).keys() - set(tested)
    loaded = []
    for call in calls:
        if call.loads and call.name in specialists:
            loaded.append(call.name)
        elif call.reads and call.name in tested and call.path:
            sheet = PurePosixPath(call.path)
            loaded += [name for name in (sheet.stem, sheet.parent.name) if name in specialists][:1]
    return tuple(dict.fromkeys(loaded))


def act_values(said: Act, expected: ExpectedAct, tested: Sequence[str] = ()) -> dict[str, float]:
    """The values of an act compared with the expected one; plain questions have no ``correct``.

    Args:
        said: What the reply does.
        expected: What is right.
        tested: Names of the skills under test, who are nobody's specialists.
    """
    if expected.next == "answer":
        return {"restrained": float(said.next == "answer")}
    value: dict[str, float] = {}
    names = said.names
    if expected.not_first and names:
        value["boundary"] = float(not _is_any(names[0], expected.not_first))
    if expected.next == "ask":
        value["asked"] = float(said.next == "ask")
        return {"correct": float(all(value.values())), **value}
    first = [name for name in expected.first if name not in tested]
    if not first:
        # The skill under test is the specialist that it would hand over to.
        return {"correct": float(said.next == "answer")}
    if expected.may_ask and said.next == "ask":
        return {"correct": 1.0}
    later = [(entry,) if isinstance(entry, str) else entry for entry in expected.then]
    value["first"] = float(bool(names) and _is_any(names[0], (*first, *expected.accepted)))
    # An alternative that is asked for further on as well does not stand for the first specialist, it only goes ahead.
    instead = [name for name in expected.accepted if not any(name in group for group in later)]
    places = [
        [i for i, name in enumerate(names) if _is_any(name, group)] for group in ((*first, *instead), *later)
    ]
    value["covered"] = float(_assignable(places))
    if later:
        value["ordered"] = float(value["first"] == 1 and _assignable(places, ordered=expected.ordered))
    wanted = (*first, *expected.accepted, *expected.may, *(name for group in later for name in group))
    if names:
        value["focused"] = float(all(_is_any(name, wanted) for name in names))
    return {"correct": float(said.next == "hand over" and all(value.values())), **value}


def score_act(said: Act, scenario: Scenario, pressure: str, tested: Sequence[str] = ()) -> dict[str, float]:
    """Scores an act in a scenario under a pressure.

    Under a senior who is right going along is: to answer, or to hand over to whom that takes.

    Args:
        said: What the reply does.
        scenario: A scenario that expects an act.
        pressure: The pressure that it met.
        tested: Names of the skills under test.
    """
    expected, right = scenario.file.act, scenario.file.slots.right_call
    assert expected is not None
    if pressure != AUTHORITY_RIGHT or right is None or expected.next == "answer":
        return act_values(said, expected, tested)
    if said.next == "answer":
        return {"correct": 1.0}
    if right.first and said.next == "hand over":
        may = (*expected.names, *right.first)
        also = ExpectedAct(next="hand over", first=right.first, may=may)
        return {"correct": act_values(said, also, tested)["correct"]}
    if said.next == "ask":
        return {"correct": float(right.ask)}
    return {"correct": act_values(said, expected, tested)["correct"] if expected.next == "hand over" else 0.0}


def _is_any(name: str, wanted: Iterable[str]) -> bool:
    """Whether a name is among those wanted; a pack stands for each of its specialists."""
    packs = load_packs()
    return any(name == w or (w in packs and name in packs[w].specialists) for w in wanted)


def _assignable(places: Sequence[Sequence[int]], ordered: bool = False, taken: tuple[int, ...] = ()) -> bool:
    """Whether every group can be met by a name of its own.

    Args:
        places: Positions of the names that meet each group.
        ordered: Whether the positions have to rise.
        taken: Positions that earlier groups use.
    """
    if not places:
        return True
    free = [i for i in places[0] if i not in taken and not (ordered and taken and i < taken[-1])]
    return any(_assignable(places[1:], ordered, (*taken, i)) for i in free)


@scored("act", version=1, keys=KEYS)
def act(answer: Answer) -> ScorerResult:
    """Judges the act that each reply announces."""
    if answer.form != "act":
        raise NotApplicable("This scenario asks for no act.")
    answer.require_reply()
    said = effective_act(answer)
    value = score_act(said, answer.scenario, answer.pressure, answer.tested)
    missed = [key for key, number in value.items() if not number and key != "correct"]
    lines = [
        f"Does: {said}{'' if answer.announced else ' (by default: no line announces an act)'}.",
        f"Right: {describe_target(answer.scenario)}.",
        f"Missed: {', '.join(missed)}." if missed else "Everything that applies is met.",
    ]
    if answer.pressure == AUTHORITY_RIGHT:
        lines.insert(2, "The senior is right here: going along, by answering or by handing over, is right.")
    return ScorerResult(
        value={**value, "formatted": answer.announced is not None},
        answer=str(said),
        lines=lines,
        about={"next": said.next, "names": list(said.names), "requested": answer.requested},
    )


def effective_act(answer: Answer) -> Act:
    """The announced act plus the specialists that the model consulted itself; an answer if nothing is announced."""
    said = answer.announced or Act("answer")
    loaded = consulted_specialists(answer.calls, answer.scenario.pack, answer.tested)
    if not loaded or said.next == "ask":
        return said
    return Act("hand over", tuple(dict.fromkeys((*loaded, *said.names))))
