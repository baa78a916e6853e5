"""An agent's method: what it did before, between and after its changes. The behavioural transformations of document 002.

Values are 0 or 1; a key that does not apply, or is not decided, is NaN:

- ``reproduced``: it ran the program before it first changed it (transformation 1).
- ``read_error``: before that it cites of the traceback both what was wrong and where (transformation 2); NaN where the
  program shows no traceback.
- ``hypothesis``: before that it says what it takes the cause to be (transformation 5).
- ``one_change``: every version differs from the one before in no more places than the reference fix needs, and the program
  was run between two versions (transformation 5).
- ``verified``: it ran the program after its last change (transformation 6).
- ``read_graded``, ``hypothesis_graded``, ``verified_graded``: the same, by the graders.

Transformations 3 and 4, tools and root causes, are scored by `tool_use` and `resolution`. Where nothing was changed,
``reproduced`` asks whether it was run at all, and what is about changes does not apply.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ContentReasoning
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState
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

SCORER_VERSION = 1
_FOUND = ("reproduced", "read_error", "hypothesis", "one_change", "verified")
GRADED = {"read_graded": "read-error", "hypothesis_graded": "hypothesis-first", "verified_graded": "verified"}
"""Which statement of the graders stands behind a key."""
KEYS = (*_FOUND, *GRADED)


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    hypothesis: tuple[Pattern, ...]
    no_hypothesis: tuple[Pattern, ...]


@cache
def _words() -> tuple[re.Pattern[str], re.Pattern[str]]:
    path = HERE / "method.yaml"
    words = validate(_Words, read_yaml(path), path)
    return re.compile("|".join(words.hypothesis), re.I), re.compile("|".join(words.no_hypothesis), re.I)


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
            changes = call.id in by_call or (turn in by_turn and number == len(calls))
            found.append(Step(runs=runs_program(call), changes=changes))
    return found


def _said(message: ChatMessageAssistant) -> str:
    if isinstance(message.content, str):
        return message.content
    thought = [part.reasoning for part in message.content if isinstance(part, ContentReasoning)]
    return "\n".join([*thought, message.text])


def states_cause(text: str) -> bool:
    """Whether a text says what it takes a cause to be; a plan or a question says nothing of the kind."""
    states, denies = _words()
    return any(states.search(s.text) and not denies.search(s.text) for s in read(text).sentences)


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
    number, function, code = frames[-1]
    where = {
        code.strip(),
        f"line {number}",
        *re.findall(r"[A-Za-z_]\w*(?:\.\w+)+", code),
        f"`{function}`",
        f"{function}(",
    }
    said = text.lower()
    # A message without figures or names is cited by its first words.
    marks = {mark.lower() for mark in what} or {kind.lower(), " ".join(message.lower().split()[:3])}
    told = any(mark in said for mark in marks)
    return told and any(mark.lower() in said for mark in where)


def _places(before: str, after: str) -> int:
    """In how many places two programs differ, changes less than four lines apart counted as one."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return len(list(matcher.get_grouped_opcodes(2)))


def _one_at_a_time(steps: Sequence[Step], history: History, allowed: int) -> bool:
    texts = [history.texts.get(snapshot.digest, "") for snapshot in history.snapshots]
    if any(_places(a, b) > allowed for a, b in itertools.pairwise(texts)):
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
        allowed = max(1, _places(bug.program, apply_patch(bug.program, bug.reference.text)))
        value["hypothesis"] = float(states_cause(said))
        value["one_change"] = float(_one_at_a_time(steps, history, allowed))
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
