"""Pairs of replies as an inspect task: nothing is generated, and graders say of each pair which reply is the better one.

A pair's score has one key, ``head``: 1 where the head's reply is preferred in both orders, 0 where the base's is, 0.5 for a
tie, which a preference that goes with the place is too. The metadata holds both choices with their quotes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser, ModelOutput
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import collect

from redgreenbench.scorers.answer import CUT_OFF
from redgreenbench.scorers.grading.evidence import Transcript
from redgreenbench.scorers.grading.pairs import Replies, majority, pair_hash, prefer
from redgreenbench.scorers.grading.panel import bound_graders
from redgreenbench.scorers.scored import mean_by_key

__all__ = ["Pair", "pairwise_task", "reply_of"]

_VALUES = {"head": 1.0, "tie": 0.5, "base": 0.0}


@dataclass(frozen=True)
class Pair:
    """Two replies to compare, under a name.

    Attributes:
        key: The name, unique among those that are compared together.
        replies: The replies.
        cut_off: Whether one of them was cut off before it said anything.
    """

    key: str
    replies: Replies
    cut_off: bool = False


def reply_of(
    messages: Sequence[ChatMessage], output: ModelOutput | None = None
) -> tuple[str, Transcript, bool]:
    """What the user asked, what followed, and whether that was cut off before anything was said.

    Tools' calls and outputs are left out: they may show the skill, and with it the side.

    Args:
        messages: A sample's messages.
        output: Its last output.
    """
    turns = [
        ("user" if isinstance(message, ChatMessageUser) else "assistant", message.text)
        for message in messages
        if isinstance(message, ChatMessageUser | ChatMessageAssistant) and message.text.strip()
    ]
    first = next((n for n, (role, _) in enumerate(turns) if role == "assistant"), len(turns))
    said = Transcript(tuple(turns[first:]))
    cut_off = not said.said.strip() and output is not None and output.stop_reason in CUT_OFF
    return "\n\n".join(text for _, text in turns[:first]), said, cut_off


@solver
def shown() -> Solver:
    """Generates nothing: the replies are there already."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return state

    return solve


@scorer(metrics=[mean_by_key()])
def preference(fresh: bool = False) -> Scorer:
    """Which reply the graders prefer.

    Args:
        fresh: Whether each epoch is asked anew instead of taking replies to the same question from the cache.
    """

    async def score(state: TaskState, target: Target) -> Score:
        given = state.metadata
        pair = Replies(
            given["question"],
            Transcript(tuple((role, text) for role, text in given["base"])),
            Transcript(tuple((role, text) for role, text in given["head"])),
            tuple(given["criteria"]),
        )
        if given["cut_off"]:
            return Score.unscored(reason="cut_off", explanation="a reply was cut off before it said anything")
        silent = [not said.said.strip() for said in (pair.base, pair.head)]
        if any(silent):
            # There is nothing to quote, and nothing to ask: a reply is better than none.
            side = "tie" if all(silent) else "head" if silent[0] else "base"
            return _score(side, (), "the base is silent" if silent[0] else "the head is silent")
        graders = bound_graders()
        if not graders:
            return Score.unscored(reason="no_grader")
        preferences = await collect(*(prefer(model, pair, fresh) for model in graders))
        better = majority(preferences)
        about = _preference_metadata(preferences)
        if better is None:
            why = (
                "; ".join(
                    dict.fromkeys(preference.failure for preference in preferences if preference.failure)
                )
                or "the graders disagree"
            )
            failed = all(
                c.failure
                for preference in preferences
                for c in (preference.base_first, preference.head_first)
                if c.better is None
            )
            reason = (
                "grader_failed"
                if failed and any(preference.failure for preference in preferences)
                else "undecided"
            )
            return Score.unscored(reason=reason, explanation=why, metadata=about)
        return _score(better, preferences)

    return score


def _preference_metadata(preferences: Sequence[Any]) -> dict[str, Any]:
    return {
        "grader_prompt": pair_hash(),
        "flip": next((preference.flip for preference in preferences if preference.flip), ""),
        "by": {
            preference.grader: {
                "base_first": asdict(preference.base_first),
                "head_first": asdict(preference.head_first),
            }
            for preference in preferences
        },
    }


def _score(side: str, preferences: Sequence[Any], why: str = "") -> Score:
    lines = [why] if why else []
    for preference in preferences:
        for order, choice in (("base first", preference.base_first), ("head first", preference.head_first)):
            lines.append(
                f"{preference.grader}, {order}: {choice.better} "
                f"(base “{choice.base}”, head “{choice.head}”: {choice.reason})"
            )
    return Score(
        value={"head": _VALUES[side]},
        answer=side,
        explanation="\n".join(lines),
        metadata=_preference_metadata(preferences),
    )


def pairwise_task(pairs: Iterable[Pair], name: str = "pairwise", fresh: bool = False) -> Task:
    """A task that compares pairs.

    Args:
        pairs: The pairs.
        name: The task's name in logs.
        fresh: Whether each epoch is asked anew.
    """
    samples = [
        Sample(
            id=pair.key,
            input=pair.replies.question or "(nothing)",
            metadata={
                "question": pair.replies.question,
                "base": [list(turn) for turn in pair.replies.base.turns],
                "head": [list(turn) for turn in pair.replies.head.turns],
                "criteria": list(pair.replies.criteria),
                "cut_off": pair.cut_off,
            },
        )
        for pair in pairs
    ]
    return Task(
        dataset=MemoryDataset(samples, name=name), solver=shown(), scorer=preference(fresh), name=name
    )
