"""Whole runs of the tasks that pose programs: what a reply gives is executed, and its code shows which tools it uses."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from inspect_ai.log import EvalLog, EvalSample

from redgreenbench.evals.samples import find_scenarios
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.submission import apply_patch
from redgreenbench.reference_bugs.verdict import QUALITIES, STEPS
from redgreenbench.scorers.execution import KEYS
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.pressure import pressure
from redgreenbench.tasks.scheduling import scheduling

POSED = "debugging-techniques/model-not-learning"
BUG = bug_folder("missing-optimizer-step")
FIX = BUG.mended
confined = pytest.mark.needs("landlock")

Talk = Callable[..., EvalLog]


def block(code: str, language: str = "python") -> str:
    return f"```{language}\n{code}\n```"


def value(sample: EvalSample, scorer: str = "execution") -> dict[str, float]:
    held = (sample.scores or {})[scorer].value
    assert isinstance(held, dict)
    return {key: float(number) for key, number in held.items()}


def one(talk: Talk, reply: str, scenario: str = POSED) -> EvalSample:
    (sample,) = talk(debugging(arms="red", scenarios=scenario), lambda _: reply).samples or ()
    return sample


@confined
def test_a_fix_a_workaround_and_the_old_program_get_their_values(talk: Talk) -> None:
    right = value(one(talk, f"The step is missing.\n\n{block(FIX)}"))
    assert tuple(right) == KEYS
    assert right["correct"] == right["minimal"] == 1
    assert {right[step] for step in STEPS if not math.isnan(right[step])} == {1}
    workaround = BUG.workarounds[0]
    hidden = one(talk, block(apply_patch(BUG.program, workaround.text)))
    assert value(hidden)["correct"] == value(hidden)["root_cause"] == 0
    assert (hidden.scores or {})["execution"].metadata["failed_check"] == workaround.fails
    same = one(talk, f"Nothing is wrong with it:\n\n{block(BUG.program)}")
    assert (value(same)["program"], value(same)["correct"]) == (1, 0)
    for sample in (hidden, same):
        assert sum(value(sample)[quality] for quality in QUALITIES) == 1


@confined
def test_a_program_without_its_names_is_wrong_and_says_which(talk: Talk) -> None:
    renamed = FIX.replace("Classifier", "Net")
    sample = one(talk, block(renamed))
    score = (sample.scores or {})["execution"]
    assert value(sample)["correct"] == 0
    assert "`Classifier`" in score.explanation


def test_no_program_is_a_fault_of_the_model_wherever_one_is_asked_for(talk: Talk) -> None:
    posed = {s.id for s in find_scenarios() if s.file.bug}
    log = talk(pressure(arms="red", pressure="none", bugs="all"), lambda _: "asdf")
    found = {str(s.metadata["scenario"]): s for s in log.samples or () if "execution" in (s.scores or {})}
    for name in posed:
        values = value(found[name])
        assert {values["correct"], *(values[step] for step in STEPS)} == {0}
        assert {values[quality] for quality in QUALITIES if quality != "broken"} == {0}
        assert math.isnan(values["broken"]), "there is nothing that could be broken"
    for name in found.keys() - posed:
        assert all(math.isnan(number) for number in value(found[name]).values())


def test_the_given_program_shows_no_use_of_a_tool_and_prose_neither(talk: Talk) -> None:
    told = (
        "I would print the gradient norms, overfit one batch and compare the weights before and after a step."
    )
    silent = one(talk, f"{told}\n\n{block(BUG.program, 'text')}")
    assert value(silent, "tool_use") == {"any": 0, "fitting": 0}


def test_a_tool_in_the_code_of_a_reply_is_used(talk: Talk) -> None:
    code = "for name, p in model.named_parameters():\n    print(name, p.grad.norm())"
    shown = one(talk, f"Look first:\n\n{block(code)}")
    assert value(shown, "tool_use") == {"any": 1, "fitting": 1}
    assert "gradient-norms" in (shown.scores or {})["tool_use"].metadata["tools"]


def test_a_fact_about_a_program_is_read_where_no_act_is_asked_for(talk: Talk) -> None:
    scenario = "debugging-techniques/control-argmax-shape"
    assert value(one(talk, "It returns int64 indices.", scenario), "fact") == {"correct": 1}
    assert value(one(talk, "It returns indices of type int32.", scenario), "fact") == {"correct": 0}
    assert value(one(talk, "asdf", scenario), "fact") == {"correct": 0}


def test_scenarios_without_a_program_have_no_score_of_one(talk: Talk) -> None:
    log = talk(
        scheduling(arms="red", scenarios="control-steplr-value,should-i-schedule,just-use-constant-lr"),
        lambda _: "x",
    )
    for sample in log.samples or ():
        if sample.metadata["bug"] is None and "execution" in (sample.scores or {}):
            assert all(math.isnan(number) for number in value(sample).values())
    plain = talk(scheduling(arms="red", scenarios="control-steplr-value"), lambda _: "It is 0.001.")
    assert "execution" not in (plain.samples or [])[0].scores
    assert value((plain.samples or [])[0], "fact") == {"correct": 1}
