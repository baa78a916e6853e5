"""What may be said of a frame of estimates: verdicts, what is missing, where there is no headroom, and gates.

Every verdict that a reader sees is corrected for how many there are in one call, over all its models:

- Holm over the headline metrics; a finding needs 0.05.
- Benjamini and Hochberg over all other metrics, which are for exploring; a finding needs 0.01.
- A slice, such as a pressure, comes after the row over all samples: its p is at least that row's, and Holm's over all slices
  of its kind.

A verdict is *improved* or *regressed*, *below the margin* (it shows, and is smaller than what counts as something), *noise*
(inside the A/A band), *no detectable change* (the whole interval lies within the margin), *underpowered* (it does not) or
*invalid* (too much is missing, or fewer than two common scenarios).

A gate passes on evidence alone: that the head is not worse than the base by its margin, that the head's whole interval
reaches its minimum, and that no golden scenario is lower. It blocks where a loss, a rate below the minimum, or the drop of a
golden scenario is shown. All else is INCONCLUSIVE; that no difference was found is no evidence that there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from redgreenbench.evals.errors import InputError
from redgreenbench.reports.estimate import (
    ALL,
    DIFFERENCE,
    MEAN,
    Estimate,
    Frame,
    Subject,
    estimate,
    slice_name,
)
from redgreenbench.reports.inference import adjust, non_inferiority, scenarios_needed
from redgreenbench.reports.metrics import POSITIVE, metric_named
from redgreenbench.reports.words import level, p_text, share_of, size

__all__ = [
    "ALPHA",
    "BLOCK",
    "EXPLORING",
    "INCONCLUSIVE",
    "LEAST_LOADED",
    "MARGIN",
    "MOST_MISSING",
    "PASS",
    "Gate",
    "GateFile",
    "GateResult",
    "full_scenarios",
    "is_discovery",
    "is_finding",
    "judge",
    "judge_gates",
    "outcome_of",
    "read_gates",
]

ALPHA, EXPLORING = 0.05, 0.01
MARGIN = 0.1
"""A change smaller than this counts as nothing, where no other margin is given; of an amount, this share of the base."""
MOST_MISSING = 0.2
"""Share of an arm's answers that may be missing; beyond, what is left need not be like what was asked."""
LEAST_LOADED = 0.8
"""Share of positive controls that have to load what they ask for; a model may slip now and then."""
PASS, BLOCK, INCONCLUSIVE = "PASS", "BLOCK", "INCONCLUSIVE"


def is_discovery(delivery: str) -> bool:
    """Whether models loaded skills themselves; what else they did may follow behind a comma."""
    return delivery.partition(",")[0] == "discovery"


def is_finding(row: Estimate) -> bool:
    """Whether a row is a finding, in either direction."""
    return row.verdict in ("improved", "regressed")


def judge(
    frame: Frame, margin: float = MARGIN, bands: Mapping[tuple[str, str], float] | None = None
) -> Frame:
    """Gives every row its verdict, and takes the numbers off differences that must not be interpreted.

    Args:
        frame: The estimates.
        margin: A change smaller than this counts as nothing.
        bands: Half-width of the A/A band by model and metric.
    """
    faults = {subject: _fault_of_loading(frame, subject) for subject in frame.subjects}
    invalid = {
        (row.subject, row.metric, row.slice, row.arm): why
        for row in frame.where(kind=MEAN)
        if not row.verdict
        and (why := _fault(row, faults[row.subject]) or too_much_missing([row], MOST_MISSING))
    }
    rows: list[Estimate] = []
    for row in frame.estimates:
        arms = [row.arm, *([row.base] if row.kind != MEAN else [])]
        slices = dict.fromkeys((row.slice, ALL))
        whys = (invalid.get((row.subject, row.metric, slice, arm), "") for slice in slices for arm in arms)
        why = next(filter(None, whys), "")
        if not why and row.kind == DIFFERENCE and row.n < 2 and not row.slice.startswith("scenario="):
            few = f"{row.n} common scenarios with a value; two are needed"
            rows.append(replace(row, verdict="invalid", why=few))
        elif not why:
            rows.append(row)
        elif row.kind == MEAN:
            rows.append(row if row.verdict else replace(row, verdict="invalid", why=why))
        elif row.kind == DIFFERENCE:
            rows.append(
                Estimate(
                    row.subject,
                    row.metric,
                    row.kind,
                    row.slice,
                    row.arm,
                    row.base,
                    n=row.n,
                    verdict="invalid",
                    why=why,
                )
            )
    corrected = _corrected(rows)
    judged = [
        replace(row, p_adjusted=corrected.get(i, math.nan)) if i in corrected else row
        for i, row in enumerate(rows)
    ]
    known = replace(frame, estimates=tuple(judged))
    return replace(known, estimates=tuple(_judged(row, known, margin, bands or {}) for row in judged))


def _corrected(rows: Sequence[Estimate]) -> dict[int, float]:
    """The corrected p by place of a row."""
    families: dict[tuple[str, ...], list[int]] = {}
    for i, row in enumerate(rows):
        if row.verdict == "invalid" or row.base == "" or math.isnan(row.p):
            continue
        kind = "" if row.slice == ALL else row.slice.partition("=")[0]
        headline = row.described.family == "headline"
        families.setdefault((row.kind, kind, "headline" if headline else "detail"), []).append(i)
    p: dict[int, float] = {}
    for (_, _, family), places in families.items():
        method = "holm" if family == "headline" else "fdr_bh"
        p |= zip(places, adjust([rows[i].p for i in places], method), strict=True)
    whole = {
        (row.subject, row.metric, row.arm): p[i]
        for i, row in enumerate(rows)
        if i in p and row.slice == ALL and row.kind == DIFFERENCE
    }
    for i, row in enumerate(rows):
        if i in p and row.kind == DIFFERENCE and row.slice != ALL and row.n > 1:
            p[i] = max(p[i], whole.get((row.subject, row.metric, row.arm), math.nan))
    return p


def _judged(row: Estimate, frame: Frame, margin: float, bands: Mapping[tuple[str, str], float]) -> Estimate:
    if row.kind != DIFFERENCE or row.verdict:
        return row
    if not row.described.judged:
        return replace(row, verdict="not judged", why="it hangs on the machine and its load")
    base, _ = frame.means(row)
    # Of an amount the margin is a share of the base.
    nothing = margin if row.described.scale == "share" else margin * abs(base.value)
    alpha = ALPHA if row.described.family == "headline" else EXPLORING
    verdict, why = "underpowered", f"only {size(row.detectable, row.described)} or more would show"
    if row.p < alpha <= row.p_adjusted:
        why = f"p is {p_text(row.p)} alone, too large once corrected for all comparisons"
    if row.p_adjusted < alpha:
        band = bands.get((row.subject.model, row.metric), 0.0)
        if abs(row.value) <= band:
            verdict, why = "noise", f"asking the same again differs by up to {size(band, row.described)}"
        elif abs(row.value) >= nothing:
            verdict, why = ("improved" if row.value * row.described.sign > 0 else "regressed"), ""
        else:
            verdict, why = (
                "below the margin",
                f"it shows, but less than {size(nothing, row.described)} counts as nothing",
            )
    if verdict in ("underpowered", "below the margin") and -nothing < row.low and row.high < nothing:
        verdict, why = "no detectable change", f"the interval lies within ±{size(nothing, row.described)}"
    elif verdict == "underpowered" and math.isnan(row.detectable):
        why = "no scenario changed" if row.value == 0 else "too few scenarios"
    return replace(row, verdict=verdict, why=why)


# --- what must not be interpreted


def too_much_missing(means: Iterable[Estimate], most: float, unrun: bool = True) -> str:
    """Why arms lost too many answers to be compared; empty where none did.

    Args:
        means: The arms' means.
        most: Share that may be missing.
        unrun: Whether answers that never ran count. What could not be judged need not be like the rest; what was
            merely not asked yet is.
    """
    for mean in means:
        lost = mean.lost if unrun else mean.lost - mean.unrun
        if lost > most * (mean.lost + mean.answers):
            total = mean.lost + mean.answers
            return f"{share_of(lost, total)} of the answers of {mean.arm} are missing; at most {level(most)} may be"
    return ""


def _fault(row: Estimate, faults: Mapping[str, str]) -> str:
    return faults.get(row.described.scorer, "") if row.described.of != POSITIVE else ""


def _fault_of_loading(frame: Frame, subject: Subject) -> Mapping[str, str]:
    """Why values that rest on loading must not be interpreted, by scorer: the positive controls decide.

    A model that does not load a skill that the user asks for by name cannot call the tools, or the tools are broken. Then it
    loads nothing anywhere, and no description is to blame. Without any positive control activation cannot be told from
    a broken harness; routing, which is graded from loads as well, only falls with controls that failed.
    """
    if not is_discovery(subject.delivery):
        return {}
    controls = list(frame.where(subject=subject, metric="positive-controls", kind=MEAN, slice=ALL))
    asked = sum(control.answers for control in controls)
    if not asked:
        return {"activation": "no positive control was judged, so a broken harness would look the same"}
    loaded = sum(control.passed for control in controls if control.answers)
    if loaded >= LEAST_LOADED * asked:
        return {}
    reason = (
        f"the positive controls failed, {loaded:.0f} of {asked} loaded: the harness or the model's tool "
        "calling, not the description"
    )
    return {"activation": reason, "act": reason}


def full_scenarios(frame: Frame, subject: Subject, metric: str) -> tuple[str, ...]:
    """Scenarios in which the base is already perfect, so that nothing can be gained in them."""
    base = frame.get(subject, metric, frame.base)
    if base is None or base.described.scale != "share":
        return ()
    best = 1.0 if base.described.sign > 0 else 0.0
    return tuple(scenario for scenario, value in base.scenarios if abs(value - best) < 1e-12)


# --- gates


class Gate(BaseModel):
    """One declared condition.

    Attributes:
        metric: Id of a metric.
        margin: Non-inferiority margin: the head must be shown to be worse by less than this; of an amount, by less than
            this share of the base.
        minimum: The head must be shown to reach this: a share, or an amount in the metric's unit. Where less is better
            it is a ceiling.
        golden: Scenarios that must not drop.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    margin: float | None = Field(default=None, gt=0, lt=1)
    minimum: float | None = Field(default=None, ge=0)
    golden: tuple[str, ...] = ()


class GateFile(BaseModel):
    """A file of gates.

    Attributes:
        gates: The gates; at least one.
        max_missing: Share of answers of a side that may be missing.
        changed_scenarios: What is done with scenarios that only one side has: ``ignore`` (only common ones count) or
            ``inconclusive``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gates: tuple[Gate, ...] = Field(min_length=1)
    max_missing: float = Field(default=0.1, ge=0, le=1)
    changed_scenarios: Literal["ignore", "inconclusive"] = "ignore"


@dataclass(frozen=True)
class GateResult:
    """What became of a gate.

    Attributes:
        gate: The gate.
        model: The model.
        outcome: ``PASS``, ``BLOCK`` or ``INCONCLUSIVE``.
        why: One line.
        base: The base's mean.
        head: The head's mean.
        difference: Head less base.
        p: One-sided p against "worse by the margin or more", corrected over all gates; NaN without a margin.
        p_worse: Two-sided p of the difference, corrected over all gates and golden scenarios.
        needed: Scenarios that it would take to decide; None where that cannot be said.
    """

    gate: Gate
    model: str
    outcome: str
    why: str
    base: Estimate
    head: Estimate
    difference: Estimate
    p: float
    p_worse: float
    needed: int | None


def read_gates(path: Path) -> GateFile:
    """Reads a file of gates.

    Raises:
        InputError: It cannot be read, does not fit, or names a metric that does not exist.
    """
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
        file = GateFile.model_validate(data)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); give a file of gates with --gates"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: not valid YAML ({' '.join(str(error).split())[:120]}); correct it"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "(whole file)"
        raise InputError(
            f"{path}: {field}: {first['msg'].lower()}; docs/comparing.md shows a file of gates"
        ) from None
    for gate in file.gates:
        metric = metric_named(gate.metric)
        if gate.margin is None and gate.minimum is None and not gate.golden:
            raise InputError(f"{path}: gates: {gate.metric} demands nothing; give margin, minimum or golden")
        if gate.minimum is not None and gate.minimum > 1 and metric.scale == "share":
            raise InputError(
                f"{path}: gates: {gate.metric}: minimum is {gate.minimum}, a share is at most 1; correct it"
            )
    return file


@dataclass(frozen=True)
class _Tested:
    """A gate with its tests: non-inferiority, loss, and the drop of each golden scenario."""

    gate: Gate
    difference: Estimate
    base: Estimate
    head: Estimate
    p: float
    golden: Mapping[str, Estimate]
    strict: Estimate | None


def judge_gates(
    rows: pd.DataFrame, file: GateFile, base: str = "base", head: str = "head"
) -> tuple[GateResult, ...]:
    """Judges every gate for every model.

    Args:
        rows: The tidy table, with the two sides as arms.
        file: The gates.
        base: The arm of the base.
        head: The arm of the head.
    """
    asked = [*dict.fromkeys(gate.metric for gate in file.gates), "positive-controls"]
    golden = list(dict.fromkeys(name for gate in file.gates for name in gate.golden))
    frame = estimate(rows, base, asked, golden, whole=False)
    demanded = len(frame.subjects) * sum(gate.minimum is not None for gate in file.gates)
    # A rate below its minimum blocks, so with several minimums each has to be surer.
    strict = (
        estimate(rows, base, asked, (), whole=False, level=1 - ALPHA / demanded) if demanded > 1 else frame
    )
    tested = [
        _tested(frame, strict, subject, gate, head) for subject in frame.subjects for gate in file.gates
    ]
    passes = adjust([gate_test.p for gate_test in tested])
    losses = [gate_test.difference.p if gate_test.gate.margin else math.nan for gate_test in tested]
    drops = [drop.p for gate_test in tested for drop in gate_test.golden.values()]
    worse = iter(adjust([*losses, *drops]))
    p_worse = [next(worse) for _ in losses]
    dropped = [{name: next(worse) for name in gate_test.golden} for gate_test in tested]
    unrun = [_unrun(rows, arm, file.max_missing) for arm in (base, head)]
    return tuple(
        _gated(gate_test, file, frame, p, q, drop, unrun)
        for gate_test, p, q, drop in zip(tested, passes, p_worse, dropped, strict=True)
    )


def _unrun(rows: pd.DataFrame, arm: str, most: float) -> str:
    """Whether a run is only a part of what was planned: scenarios that were never reached are in no metric."""
    samples = rows.loc[rows["arm"].eq(arm)].drop_duplicates(
        ["task", "model", "scenario", "pressure", "epoch"]
    )
    never = int(samples["status"].eq("missing").sum())
    return (
        f"{never} of {len(samples)} planned answers of {arm} never ran" if never > most * len(samples) else ""
    )


def _tested(frame: Frame, strict: Frame, subject: Subject, gate: Gate, head: str) -> _Tested:
    nothing = Estimate(subject, gate.metric, DIFFERENCE, ALL, head, frame.base)
    difference = frame.get(subject, gate.metric, head, DIFFERENCE) or nothing
    base, mine = frame.means(replace(nothing, arm=head))
    p = math.nan
    if gate.margin is not None and difference.n > 1:
        scale = 1.0 if difference.described.scale == "share" else abs(base.value)
        if scale > 0:
            p = non_inferiority(_better(difference), gate.margin * scale, difference.answer * scale)
    drops = {
        name: frame.get(subject, gate.metric, head, DIFFERENCE, slice_name(scenario=name))
        for name in gate.golden
    }
    return _Tested(
        gate, difference, base, mine, p, {name: effect for name, effect in drops.items() if effect},
        strict.get(subject, gate.metric, head),
    )  # fmt: skip


def _better(difference: Estimate) -> pd.Series[float]:
    """Scenario differences, positive where the head is better."""
    return difference.described.sign * pd.Series(dict(difference.scenarios), dtype=float)


def outcome_of(results: Sequence[GateResult]) -> str:
    """The outcome of all gates: BLOCK if one blocks, else INCONCLUSIVE if one is or there is none, else PASS."""
    outcomes = {result.outcome for result in results}
    if BLOCK in outcomes:
        return BLOCK
    return PASS if outcomes == {PASS} else INCONCLUSIVE


def _gated(
    tested: _Tested,
    file: GateFile,
    frame: Frame,
    p: float,
    p_worse: float,
    dropped: Mapping[str, float],
    unrun: Sequence[str],
) -> GateResult:
    gate, subject = tested.gate, tested.difference.subject
    result = GateResult(
        gate, subject.model, INCONCLUSIVE, "", tested.base, tested.head, tested.difference, p, p_worse, None
    )
    fault = _fault(tested.difference, _fault_of_loading(frame, subject))
    problem = fault or too_much_missing((tested.base, tested.head), file.max_missing, unrun=False)
    if not problem and tested.difference.n < 2 and (gate.margin is not None or gate.minimum is not None):
        problem = f"{tested.difference.n} common scenarios with a value; two are needed"
    if problem:
        return replace(result, why=problem)
    blocks = list(_blocks(tested, p_worse, dropped))
    if blocks:
        return replace(result, outcome=BLOCK, why="; ".join(blocks))
    doubts = [too_much_missing((tested.base, tested.head), file.max_missing), *unrun]
    if file.changed_scenarios == "inconclusive":
        only = sorted({s for s, _ in tested.base.scenarios} ^ {s for s, _ in tested.head.scenarios})
        doubts.append(f"scenarios on one side only: {', '.join(only)}" if only else "")
    needed = None
    if gate.margin is not None and not p < ALPHA:
        scale = 1.0 if tested.difference.described.scale == "share" else abs(tested.base.value)
        needed = (
            scenarios_needed(_better(tested.difference).to_numpy(float), gate.margin * scale)
            if scale
            else None
        )
        # What it would take if the head is exactly as good as the base.
        more = f"; about {needed} scenarios that vary like these would decide" if needed else ""
        doubts.append(f"a loss of {_margin(tested, gate.margin)} is not ruled out{more}")
    doubts += _doubts(tested, dropped)
    doubts = [doubt for doubt in doubts if doubt]
    if doubts:
        return replace(result, why="; ".join(doubts), needed=needed)
    held = "all that it demands holds"
    if gate.margin is not None:
        held = f"worse by less than {_margin(tested, gate.margin)} (p {p_text(p)})"
    return replace(result, outcome=PASS, why=held)


def _margin(tested: _Tested, margin: float) -> str:
    """A margin for people; of an amount it is a share of the base."""
    described = tested.difference.described
    return size(margin, described) if described.scale == "share" else level(margin)


def _blocks(tested: _Tested, p_worse: float, dropped: Mapping[str, float]) -> Iterator[str]:
    """What is shown against the head."""
    for name, p in dropped.items():
        worse = -tested.golden[name].described.sign * tested.golden[name].value
        if worse > 0 and p <= ALPHA:
            yield f"golden scenario dropped: {name} by {size(worse, tested.golden[name].described)} (p {p_text(p)})"
    sign = tested.difference.described.sign
    minimum = tested.gate.minimum
    if minimum is not None and tested.strict is not None:
        nearest = tested.strict.high if sign > 0 else tested.strict.low
        if sign * nearest < sign * minimum:
            side = "below" if sign > 0 else "above"
            bound = level(minimum, tested.difference.described.scale)
            yield f"the head's value lies {side} {bound} with its whole interval"
    if (
        tested.gate.margin is not None
        and sign * tested.difference.value < 0
        and p_worse < ALPHA
        and not tested.p < ALPHA
    ):
        yield f"the head is worse, by {size(abs(tested.difference.value), tested.difference.described)}"


def _doubts(tested: _Tested, dropped: Mapping[str, float]) -> Iterator[str]:
    """What keeps minimum and golden scenarios from passing."""
    sign, minimum = tested.difference.described.sign, tested.gate.minimum
    if minimum is not None:
        farthest = tested.head.low if sign > 0 else tested.head.high
        if not sign * farthest >= sign * minimum:
            side = "below" if sign > 0 else "above"
            yield f"the head's interval reaches {side} {level(minimum, tested.difference.described.scale)}"
    unseen = [name for name in tested.gate.golden if name not in dropped]
    if unseen:
        yield f"golden scenarios without a value: {', '.join(unseen)}"
    lower = {name: -sign * tested.golden[name].value for name in dropped}
    told = [
        f"{name} by {size(worse, tested.golden[name].described)} (p {p_text(dropped[name])})"
        for name, worse in lower.items()
        if worse > 0
    ]
    if told:
        yield f"lower, but no more than chance may do: {', '.join(told)}"
