"""Deterministic checks: each condition, and what the score makes of them."""

import math

import pytest

from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.evals.schema import Check, Clarify
from redgreenbench.scorers.checks import KEYS, holds, score_checks
from redgreenbench.scorers.reading import Answer

SCENARIOS = {s.id: s for s in load_scenarios()}
PER_EPOCH = """```python
for epoch in range(3):
    for batch in loader:
        optimizer.step()
    scheduler.step()
```"""
PER_BATCH = PER_EPOCH.replace("    scheduler.step()", "        scheduler.step()")
AT_DEPTH_ONE = {"calls_any": [{"name": "scheduler.step", "loop_depth": 1}]}


@pytest.mark.parametrize(
    ("check", "text", "expected"),
    [
        ({"mentions_any": ["cosine", "step"]}, "Take COSINE.", True),
        ({"mentions_any": ["cosine"]}, "Take another.", False),
        ({"mentions_all": ["a+", "b+"]}, "aa bb", True),
        ({"mentions_all": ["a+", "b+"]}, "aa", False),
        ({"recommends_any": ["cosine"]}, "Don't use cosine.", False),
        ({"recommends_any": ["cosine"]}, "Don't wait, use cosine.", True),
        ({"recommends_none": ["clip"]}, "There is no need to clip.", True),
        ({"recommends_none": ["clip"]}, "Clip it.", False),
        ({"recommends_any": ["clip_grad_norm_"]}, "```python\nclip_grad_norm_(p, 1)\n```", True),
        (AT_DEPTH_ONE, PER_EPOCH, True),
        (AT_DEPTH_ONE, PER_BATCH, False),
        ({"calls_any": [{"name": "step", "min_args": 1}]}, "```python\nscheduler.step(val_loss)\n```", True),
        ({"calls_any": [{"name": "step", "min_args": 1}]}, "```python\nscheduler.step()\n```", False),
        (
            {"calls_any": [{"name": "R", "keywords": {"mode": "min"}}]},
            "```python\nx.R(o, mode='min')\n```",
            True,
        ),
        (
            {"calls_any": [{"name": "R", "keywords": {"mode": "min"}}]},
            "```python\nR(o, mode='max')\n```",
            False,
        ),
        ({"calls_none": [{"name": "zero_grad"}]}, "```python\no.zero_grad()\n```", False),
        ({"asks_first": True}, "Which optimizer? Use Adam.", True),
        ({"asks_first": True}, "Use Adam. Which optimizer?", False),
    ],
)
def test_a_condition(check: dict, text: str, expected: bool) -> None:
    assert holds(Check.model_validate(check), Answer(text), Clarify(required=False)) is expected


def test_a_nested_function_has_loops_of_its_own() -> None:
    code = (
        "```python\nfor epoch in x:\n    def inner():\n        for b in y:\n            scheduler.step()\n```"
    )
    assert holds(Check.model_validate(AT_DEPTH_ONE), Answer(code), Clarify(required=False))


GOOD_COSINE = f"""You call scheduler.step() inside the batch loop, so the schedule advances once per batch. With 390
batches per epoch and T_max=100 it runs through several cycles in one epoch. Move it out of the batch loop, once
per epoch:
{PER_EPOCH}
Print optimizer.param_groups[0]['lr'] to verify. OneCycleLR is the exception that is stepped every batch."""


def test_a_good_answer_is_correct_and_a_vague_or_empty_one_is_not() -> None:
    scenario = SCENARIOS["learning-rate-scheduling/wrong-step-placement"]
    good = score_checks(GOOD_COSINE, scenario)
    assert good.value["correct"] == good.value["cause"] == good.value["remedy"] == 1.0, good.explanation
    vague = score_checks("Schedulers can be tricky. Maybe adjust T_max or try another scheduler.", scenario)
    assert vague.value["correct"] == vague.value["cause"] == 0.0
    assert "MISSED outcome" in vague.explanation
    empty = score_checks("", scenario).value
    assert all(v == 0.0 for v in empty.values() if not math.isnan(v))


def test_the_documents_cause_is_found_in_each_debugging_scenario() -> None:
    answers = {
        "shape-mismatch": "fc1 = nn.Linear(64, 128) expects 64 features, but after the flatten there are 64*30*30 = 57600. "
        "Use nn.Linear(57600, 128).",
        "model-not-learning": "train() never calls optimizer.step(), so the weights never change. Add optimizer.step() after loss.backward().",
        "intermittent-device-assert": "Unknown words get the id len(self.index) in encode, one past the embedding table, so the index is out "
        "of range whenever such a word occurs. Map unknown words to the <unk> id: self.index.get(word, self.index['<unk>']).",
        "nan-after-several-epochs": "The gradients explode: a ReLU RNN over 60 steps at learning rate 0.1. Clip the gradient norm with "
        "clip_grad_norm_ before optimizer.step(), or lower the learning rate.",
        "inplace-breaks-autograd": "x *= mask and x /= (1 - p) modify the output of relu in place, which autograd needs for backward. "
        "Write x = x * mask / (1 - self.dropout_rate).",
    }
    for slug, text in answers.items():
        value = score_checks(text, SCENARIOS[f"debugging-techniques/{slug}"])
        assert value.value["cause"] == value.value["remedy"] == 1.0, (slug, value.explanation)


def test_keys_are_the_same_everywhere() -> None:
    assert {tuple(score_checks("x", s).value) for s in SCENARIOS.values()} == {KEYS}
