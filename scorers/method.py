"""An agent's method: what it did before, between and after its changes. The behavioural transformations of document 002.

Values are 0 or 1; a key that does not apply, or is not decided, is NaN:

- ``reproduced``: it ran the program before it first changed it (transformation 1).
- ``read_error``: before that it cites of the traceback both what was wrong and where (transformation 2); NaN where the
  program shows no traceback.
- ``hypothesis``: before that it says what it takes the cause to be (transformation 5).
- ``one_change``: every version differs from the one before in no more places than the reference fix needs and is no
  rewriting, and the program was run between two versions (transformation 5).
- ``verified``: it ran the program after its last change (transformation 6).
- ``read_graded``, ``hypothesis_graded``, ``verified_graded``: the same, by the graders.

Transformations 3 and 4, tools and root causes, are scored by `tool_use` and `resolution`. Where nothing was changed,
``reproduced`` asks whether it was run at all, and what is about changes does not apply. What it says is its text, its
reasoning and the comments that open a command.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ContentReasoning
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState
from inspect_ai.tool import ToolCall
from pydantic import BaseModel, ConfigDict

from redgreenbench.evals.agents.actions import runs_program
from redgreenbench.evals.agents.history import History, history_of
from redgreenbench.evals.agents.workplace import SUBMIT
from redgreenbench.evals.catalogue import HERE, read_yaml, validate
from redgreenbench.evals.dataset import find_scenarios
from redgreenbench.evals.schema import Pattern
from redgreenbench.reference_bugs.extraction import apply_patch
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder
from redgreenbench.scorers.grading.panel import GraderSettings, Panel, assess
from redgreenbench.scorers.means import means
from redgreenbench.scorers.reading import read
from redgreenbench.scorers.rescoring import findable

__all__ = ["GRADED", "KEYS", "SCORER_VERSION", "Step", "method", "score_method", "states_cause", "steps_of"]

SCORER_VERSION = 2
_FOUND = ("reproduced", "read_error", "hypothesis", "one_change", "verified")
GRADED = {"read_graded": "read-error", "hypothesis_graded": "hypothesis-first", "verified_graded": "verified"}
"""Which statement of the graders stands behind a key."""
KEYS = (*_FOUND, *GRADED)


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    hypothesis: tuple[Pattern, ...]
    no_hypothesis: tuple[Pattern, ...]
    possibilities: tuple[Pattern, ...]


@cache
def _words() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    path = HERE / "method.yaml"
    words = validate(_Words, read_yaml(path), path)
    states, denies, offers = (
        re.compile("|".join(patterns), re.I)
        for patterns in (words.hypothesis, words.no_hypothesis, words.possibilities)
    )
    return states, denies, offers


_COMMENTS = re.compile(r"\A(?:[ \t]*(?:#[^\n]*)?(?:\n|\Z))+")
_ITEM = re.compile(r"\s*(?:[-*+•]|\(?\d{1,2}[.)])\s")
_SMALL = 8
"""A change of so many lines is no rewriting; of all our fixes and workarounds two are longer."""
_STRETCH = 3
"""How many times the lines of the reference fix a change may have."""


@dataclass(frozen=True)
class Step:
    """Something that an agent said or did.

    Attributes:
        said: What it said; empty for a tool call.
        runs: Whether the call runs the program.
        changes: Whether the call left another program behind.
    """

    said: str = ""
    runs: bool = False
    changes: bool = False


def steps_of(messages: Sequence[ChatMessage], history: History) -> list[Step]:
    """What an agent said and did, in order; what stands in a message's text comes before its calls."""
    by_call = {snapshot.call for snapshot in history.snapshots[1:]} - {""}
    by_turn = {snapshot.spent.turns for snapshot in history.snapshots[1:] if not snapshot.call}
    found: list[Step] = []
    turn = 0
    for message in messages:
        if not isinstance(message, ChatMessageAssistant):
            continue
        turn += 1
        found.append(Step(said=_said(message)))
        calls = [call for call in message.tool_calls or () if call.function != SUBMIT]
        for number, call in enumerate(calls, 1):
            if comments := _comments(call):
                found.append(Step(said=comments))
            changes = call.id in by_call or (turn in by_turn and number == len(calls))
            found.append(Step(runs=runs_program(call), changes=changes))
    return found


def _said(message: ChatMessageAssistant) -> str:
    if isinstance(message.content, str):
        return message.content
    thought = [part.reasoning for part in message.content if isinstance(part, ContentReasoning)]
    return "\n".join([*thought, message.text])


def _comments(call: ToolCall) -> str:
    """The comments that open a command: some agents think aloud there."""
    if call.function not in ("bash", "python"):
        return ""
    texts = [value for value in call.arguments.values() if isinstance(value, str)]
    opening = [found.group() for text in texts if (found := _COMMENTS.match(text))]
    lines = "".join(opening).splitlines()
    return "\n\n".join(line.strip(" \t#") for line in lines if line.strip() and not line.startswith("#!"))


def states_cause(text: str) -> bool:
    """Whether a text says what it takes a cause to be; a plan, a question or a list of what may be says no such thing."""
    states, denies, offers = _words()
    kept: list[str] = []
    offered = False
    for line in text.splitlines():
        if offered and (not line.strip() or _ITEM.match(line)):
            continue
        offered = line.rstrip(" *_").endswith(":") and bool(offers.search(line))
        kept.append(line)
    return any(states.search(s.text) and not denies.search(s.text) for s in read("\n".join(kept)).sentences)


def _cites(text: str, bug: BugFolder) -> bool | None:
    """Whether a text cites of a traceback what was wrong and where; None where there is no traceback."""
    lines = bug.symptom.splitlines()
    last = next(
        (line for line in reversed(lines) if re.match(r"\w*(?:Error|Exception|Interrupt)\b", line)), ""
    )
    frames = re.findall(r'File "[^"\n]*program\.py", line (\d+), in (\S+)\n\s+(.+)', bug.symptom)
    if not last or not frames:
        return None
    kind, _, message = last.partition(": ")
    what = set(
        re.findall(r"\d{2,}(?:x\d+)?|\w+(?:_\w+)+|(?<=[\s\[])[A-Z][\w.]+|(?<=')[^'\n]{3,40}(?=')", message)
    )
    where = set()
    for number, function, code in frames:
        # What the frame calls, by its whole name or the last part of it.
        called = re.findall(r"[A-Za-z_]\w*(?:\.\w+)+|\w+\(", code)
        where |= {code.strip(), f"line {number}", *called}
        if function != "<module>":
            where |= {f"`{function}`", f"{function}(", f"in {function}"}
    # A message without figures or names is cited by its first words.
    marks = what or {kind, " ".join(message.split()[:3])}
    return _names(text, marks) and _names(text, where)


def _names(text: str, marks: Iterable[str]) -> bool:
    """Whether one of the marks stands in a text as whole words: the 32 of a shape is not that of float32."""
    any_of = "|".join(map(re.escape, marks))
    return re.search(rf"(?<!\w)(?:{any_of})(?:(?<=\W)|(?!\w))", text, re.I) is not None


def _extent(before: str, after: str) -> tuple[int, int]:
    """In how many places two programs differ, changes less than four lines apart counted as one; and in how many lines."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    lines = sum(max(b - a, d - c) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal")
    return len(list(matcher.get_grouped_opcodes(2))), lines


def _one_at_a_time(steps: Sequence[Step], history: History, reference: tuple[int, int]) -> bool:
    texts = [history.texts.get(snapshot.digest, "") for snapshot in history.snapshots]
    most = max(1, reference[0]), max(_SMALL, _STRETCH * reference[1])
    extents = [_extent(a, b) for a, b in itertools.pairwise(texts)]
    if any(places > most[0] or lines > most[1] for places, lines in extents):
        return False
    changed = [number for number, step in enumerate(steps) if step.changes]
    # A command that changes the program and then runs it has run that version.
    return all(any(s.runs for s in steps[a:b]) for a, b in itertools.pairwise(changed))


def score_method(
    messages: Sequence[ChatMessage], history: History, bug: BugFolder, panel: Panel | None
) -> Score:
    """Scores how an agent went about it.

    Args:
        messages: The conversation.
        history: Every state of the program.
        bug: The bug it worked on.
        panel: The graders' verdicts; None without.
    """
    steps = steps_of(messages, history)
    changed = [number for number, step in enumerate(steps) if step.changes]
    before = steps[: changed[0]] if changed else steps
    said = "\n\n".join(step.said for step in before if step.said)
    value = dict.fromkeys(KEYS, math.nan)
    value["reproduced"] = float(any(step.runs for step in before))
    cited = _cites(said, bug)
    if cited is not None:
        value["read_error"] = float(cited)
    if changed:
        reference = _extent(bug.program, apply_patch(bug.program, bug.reference.text))
        value["hypothesis"] = float(states_cause(said))
        value["one_change"] = float(_one_at_a_time(steps, history, reference))
        value["verified"] = float(any(step.runs for step in steps[changed[-1] :]))
    if panel is not None and not panel.failure:
        for key, question in GRADED.items():
            held = panel.holds(question)
            applies = changed or key == "read_graded"
            value[key] = math.nan if held is None or not applies else float(held)
    words = {1.0: "yes", 0.0: "no"}
    lines = [f"{key.replace('_', ' ')}: {words.get(number, 'not decided')}" for key, number in value.items()]
    lines.append(f"{len(changed)} changes, {sum(step.runs for step in steps)} runs of the program.")
    return Score(
        value={key: value[key] for key in KEYS},
        answer=", ".join(key for key in _FOUND if value[key] == 1) or "(no method)",
        explanation="\n".join(lines),
        metadata={"scorer_version": SCORER_VERSION, **(panel.about() if panel else {})},
    )


@scorer(metrics=[means()])
def method(scenarios: list[str] | None = None, self_grade: bool = False) -> Scorer:
    """How each agent went about its program.

    Args:
        scenarios: Folders of external scenarios, where the task used some.
        self_grade: Whether the model under test grades itself where no grader is bound.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}
    settings = GraderSettings(self_grade=self_grade)

    async def score(state: TaskState, target: Target) -> Score:
        history = history_of(state.store)
        name = state.metadata.get("bug")
        if history is None or not name:
            return Score(
                value=dict.fromkeys(KEYS, math.nan), explanation="No agent worked on a program here."
            )
        panel = await assess(state, known[state.metadata["scenario"]], settings)
        return score_method(state.messages, history, bug_folder(name), panel)

    return score


findable(method)
