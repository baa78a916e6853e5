"""The one shell of all scorers: a scorer is a function of an `Answer`, and what surrounds it is written here once.

::

    @scored("act", version=1, keys=("correct", "first"))
    def act(answer: Answer) -> Found: ...

The shell fills in NaN for keys that do not apply, notes the version, makes a score without a value of `Unscored`, names
the in-run metric, and registers the scorer under the name that logs hold, so that `inspect score LOG` finds it.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inspect_ai._util.registry import RegistryInfo, registry_add
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import TaskState

from redgreenbench.scorers.answer import Answer, Settings, Unscored, answer_of

__all__ = ["SCORERS", "NotApplicable", "ScorerResult", "Spec", "mean_by_key", "scored"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScorerResult:
    """What a scorer returns.

    Attributes:
        value: Numbers in [0, 1], or amounts, by key; a key that is left out does not apply.
        answer: The outcome in a few words.
        lines: Why, for people.
        about: The same for machines.
    """

    value: Mapping[str, float | bool | None]
    answer: str
    lines: list[str] = field(default_factory=list)
    about: Mapping[str, Any] = field(default_factory=dict)


class NotApplicable(Exception):
    """The scorer has nothing to judge in this sample; the message says why."""


ScoreFunction = Callable[[Answer], ScorerResult] | Callable[[Answer], Awaitable[ScorerResult]]


@dataclass(frozen=True)
class Spec:
    """A scorer as it is registered.

    Attributes:
        name: Its name in logs.
        version: Changes when its values stop being comparable with earlier ones.
        keys: The keys of its values.
    """

    name: str
    version: int
    keys: tuple[str, ...]


SCORERS: dict[str, Spec] = {}
"""Every scorer by name; filled as their modules are imported."""


@metric(name="means")
def mean_by_key() -> Metric:
    """The mean of each key over the samples to which it applies; a key that applies to none is left out.

    A log's results hold no NaN, which is no JSON and at which readers of logs stop. One metric over whole scores, because a
    metric per key makes inspect copy every score once for each. Intervals are computed after the run.
    """

    def compute(scores: list[SampleScore]) -> Value:
        columns: dict[str, list[float]] = {}
        for sample in scores:
            for key, value in sample.score.as_dict().items():
                number = float(value) if isinstance(value, int | float) else math.nan
                column = columns.setdefault(key, [])
                if not math.isnan(number):
                    column.append(number)
        # Of nothing at all inspect would make a NaN; None it leaves out.
        return {key: sum(column) / len(column) for key, column in columns.items() if column} or {"": None}

    return compute


def scored(
    name: str, version: int, keys: tuple[str, ...]
) -> Callable[[ScoreFunction], Callable[..., Scorer]]:
    """Makes a scorer of a function of an answer.

    Args:
        name: The scorer's name in logs.
        version: Its version.
        keys: The keys of its values.

    Returns:
        A decorator; what it gives makes an inspect scorer from `Settings` (or the mapping that a log holds of them).
    """
    spec = Spec(name, version, keys)

    def wrap(function: ScoreFunction) -> Callable[..., Scorer]:
        SCORERS[name] = spec

        def make(settings: Settings | dict[str, Any] | None = None) -> Scorer:
            chosen = Settings.model_validate(settings or {})

            async def score(state: TaskState, target: Target) -> Score:
                return await _score(function, spec, answer_of(state, chosen))

            return score

        make.__name__ = make.__qualname__ = name
        make.__module__ = function.__module__
        make.__doc__ = function.__doc__
        made = scorer(metrics=[mean_by_key()], name=name)(make)

        def by_short_name(**parameters: Any) -> Scorer:
            return made(**parameters)

        # inspect writes the name into a log without its package, and looks it up as written.
        registry_add(by_short_name, RegistryInfo(type="scorer", name=name))
        return made

    return wrap


async def _score(function: ScoreFunction, spec: Spec, answer: Answer) -> Score:
    about: dict[str, Any] = {"scorer_version": spec.version}
    try:
        result = function(answer)
        if inspect.isawaitable(result):
            result = await result
    except NotApplicable as why:
        return Score(value=dict.fromkeys(spec.keys, math.nan), explanation=str(why), metadata=about)
    except Unscored as why:
        if why.code not in ("no_grader", "undecided"):
            _log.warning("%s: %s gives no score: %s", answer.state.sample_id, spec.name, why)
        return Score.unscored(reason=why.code, explanation=str(why), metadata=about)
    unknown = result.value.keys() - set(spec.keys)
    assert not unknown, f"{spec.name} has no keys {sorted(unknown)}"
    return Score(
        value={key: _number(result.value.get(key)) for key in spec.keys},
        answer=result.answer,
        explanation="\n".join(result.lines),
        metadata=about | dict(result.about),
    )


def _number(value: float | bool | None) -> float:
    return math.nan if value is None else float(value)
