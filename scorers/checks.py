"""The deterministic checks of a scenario's rubric: what can be decided from text or syntax tree alone.

Values lie in [0, 1]; a key that does not apply to a scenario is NaN:

- ``correct``: every checked outcome criterion is met.
- ``outcome``, ``technique``, ``vocabulary``: share of the checked criteria of that kind that are met.
- ``cause``, ``remedy``: whether every checked criterion on the root cause (the remedy) is met.

A criterion without a check is left to a grader model and counts nowhere here.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.dataset import find_scenarios
from redgreenbench.evals.schema import CallPattern, Check, Clarify, Criterion
from redgreenbench.scorers.clarification import find_clarification
from redgreenbench.scorers.grading.evidence import spoken
from redgreenbench.scorers.means import means
from redgreenbench.scorers.reading import Answer, is_negated, read
from redgreenbench.scorers.rescoring import findable

__all__ = ["KEYS", "SCORER_VERSION", "checks", "failures", "holds", "score_checks"]

SCORER_VERSION = 2
KEYS = ("correct", "outcome", "technique", "vocabulary", "cause", "remedy")


def holds(check: Check, answer: Answer, clarify: Clarify) -> bool:
    """Whether all conditions of a check are true of an answer."""
    found = [
        not check.mentions_any or any(_mentions(p, answer) for p in check.mentions_any),
        all(_mentions(p, answer) for p in check.mentions_all),
        not check.recommends_any or any(_recommends(p, answer) for p in check.recommends_any),
        not any(_recommends(p, answer) for p in check.recommends_none),
        not check.calls_any or any(_calls(p, answer) for p in check.calls_any),
        not any(_calls(p, answer) for p in check.calls_none),
        not check.asks_first or _asks_first(answer, clarify),
    ]
    return all(found)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # re's own cache is smaller than the number of patterns in the scenarios.
    return re.compile(pattern, re.I | re.M)


def _mentions(pattern: str, answer: Answer) -> bool:
    return _compiled(pattern).search(answer.text) is not None


def _recommends(pattern: str, answer: Answer) -> bool:
    compiled = _compiled(pattern)
    if any(compiled.search(block) for _, block in answer.code_blocks):
        return True
    for sentence in answer.sentences:
        for match in compiled.finditer(sentence.text):
            if not is_negated(sentence.text, match.start(), match.end()):
                return True
    return False


def _asks_first(answer: Answer, clarify: Clarify) -> bool:
    if clarify.topics:
        return find_clarification(answer, clarify).asked_first
    first = answer.first_advice()
    return any(first is None or q.position < first for q in answer.questions())


def _calls(pattern: CallPattern, answer: Answer) -> bool:
    return any(_matches(pattern, call, depth) for tree in answer.trees for call, depth in _walk(tree, 0))


def _walk(node: ast.AST, depth: int) -> Iterator[tuple[ast.Call, int]]:
    """Every call below ``node`` with the number of loops around it; a nested function starts at zero."""
    for child in ast.iter_child_nodes(node):
        inner = depth
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            inner = 0
        elif isinstance(node, ast.For | ast.While | ast.AsyncFor) and child in node.body:
            inner = depth + 1
        if isinstance(child, ast.Call):
            yield child, inner
        yield from _walk(child, inner)


def _matches(pattern: CallPattern, call: ast.Call, depth: int) -> bool:
    name = ast.unparse(call.func)
    if name != pattern.name and not name.endswith(f".{pattern.name}"):
        return False
    if pattern.loop_depth is not None and depth != pattern.loop_depth:
        return False
    if len(call.args) < pattern.min_args:
        return False
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg}
    return all(key in given and re.search(p, given[key], re.I) for key, p in pattern.keywords.items())


def _met(criterion: Criterion, answer: Answer, clarify: Clarify) -> bool:
    assert criterion.check is not None
    return holds(criterion.check, answer, clarify) == (criterion.polarity == "must")


def failures(criteria: Sequence[Criterion], met: Mapping[str, bool | None]) -> dict[str, float]:
    """By failure pattern, 1 where the answer misses a criterion that belongs to it, else 0.

    Args:
        criteria: The criteria; those of kind ``vocabulary`` and those without a pattern do not count.
        met: By criterion, whether it is met; None and absent: undecided, which hides the pattern unless another
            criterion shows it.
    """
    found: dict[str, float] = {}
    undecided = set()
    for criterion in criteria:
        if criterion.pattern is None or criterion.kind == "vocabulary":
            continue
        verdict = met.get(criterion.id)
        if verdict is None:
            undecided.add(criterion.pattern)
        else:
            found[criterion.pattern] = max(found.get(criterion.pattern, 0.0), float(not verdict))
    return {name: value for name, value in found.items() if value or name not in undecided}


def score_checks(text: str, scenario: Scenario) -> Score:
    """Runs the checks of a scenario on one answer.

    An empty answer meets nothing, not even what must not happen.
    """
    answer = read(text)
    clarify = scenario.file.clarify
    checked = [c for c in scenario.file.rubric if c.check is not None]
    met = {c.id: bool(text.strip()) and _met(c, answer, clarify) for c in checked}

    def share(of: list[Criterion]) -> float:
        return sum(met[c.id] for c in of) / len(of) if of else math.nan

    def every(of: list[Criterion]) -> float:
        return float(all(met[c.id] for c in of)) if of else math.nan

    value = {
        kind: share([c for c in checked if c.kind == kind]) for kind in ("outcome", "technique", "vocabulary")
    }
    value |= {aspect: every([c for c in checked if c.aspect == aspect]) for aspect in ("cause", "remedy")}
    value["correct"] = every([c for c in checked if c.kind == "outcome"])
    lines = [f"{'met   ' if met[c.id] else 'MISSED'} {c.kind}: {_wording(c)}" for c in checked]
    unchecked = len(scenario.file.rubric) - len(checked)
    if unchecked:
        lines.append(f"{unchecked} further criteria cannot be decided without a grader model.")
    return Score(
        value={key: value[key] for key in KEYS},
        answer=f"{sum(met.values())} of {len(met)} checks met",
        explanation="\n".join(lines),
        metadata={"scorer_version": SCORER_VERSION, "met": met, "patterns": failures(checked, met)},
    )


def _wording(criterion: Criterion) -> str:
    return f"{'(must not) ' if criterion.polarity == 'must_not' else ''}{criterion.statement}"


@scorer(metrics=[means()])
def checks(scenarios: list[str] | None = None) -> Scorer:
    """Runs the deterministic checks of each sample's scenario.

    Args:
        scenarios: Folders of external scenarios, where the task used some.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}

    async def score(state: TaskState, target: Target) -> Score:
        return score_checks(spoken(state), known[state.metadata["scenario"]])

    return score


findable(checks)
