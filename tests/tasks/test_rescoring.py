"""Logs are scored again from what they hold: by our objects, by the names in them, and by inspect's command."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import score
from inspect_ai._util.registry import registry_create
from inspect_ai.event import ScoreEvent
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.scorer import Scorer

import redgreenbench._registry as registry
from redgreenbench.evals.catalogue import HERE
from redgreenbench.scorers.act import act
from redgreenbench.scorers.audit import audit
from redgreenbench.scorers.fact import fact
from redgreenbench.scorers.judged import judged
from redgreenbench.scorers.scored import SCORERS
from redgreenbench.tasks.routing import routing

SCENARIOS = "which-optimizer,control-effective-batch-size"
RIGHT = "NEXT: hand over to optimization-algorithms, learning-rate-scheduling\n\n64"


def follows(system: str, user: str) -> str:
    return RIGHT if "<skill" in system else "64"


def values(log: EvalLog, name: str) -> dict[str, object]:
    held = {str(s.id): (s.scores or {})[name].value for s in log.samples or ()}
    # NaN is not equal to itself.
    return {
        sample: {k: None if math.isnan(v) else v for k, v in value.items()}
        if isinstance(value, dict)
        else "unscored"
        for sample, value in held.items()
    }


@pytest.fixture
def log(run_task: Callable[..., EvalLog]) -> EvalLog:
    """A log as it lies on disk."""
    return read_eval_log(run_task(routing(arms="red,generic,green", scenarios=SCENARIOS), follows).location)


@pytest.mark.parametrize("make", [act, fact, audit, judged], ids=lambda make: make.__name__)
def test_a_log_that_is_scored_again_says_the_same(log: EvalLog, make: Callable[[], Scorer]) -> None:
    name = make.__name__
    again = score(log, make(), action="overwrite", display="none")
    assert values(again, name) == values(log, name)
    assert set(values(again, name)) == {str(s.id) for s in log.samples or ()}


def test_an_audit_that_is_scored_again_still_finds_what_leaked(run_task, make_skill) -> None:
    body = "Whoever wants to be sure counts every lamb twice before the gate is shut for good at night. " * 3
    task = routing(
        skill=str(make_skill(body=body)), scenarios="which-optimizer", pack="training-optimization"
    )
    leaky = run_task(task, lambda system, user: f"NEXT: answer\n\n{body}")
    found = {str(s.metadata["arm"]): (s.scores or {})["audit"].value for s in leaky.samples or ()}
    assert (found["red"]["valid"], found["red"]["clean"]) == (0, 0)
    assert (found["green"]["valid"], found["green"]["delivered"]) == (1, 1)
    again = score(read_eval_log(leaky.location), audit(), action="overwrite", display="none")
    assert values(again, "audit") == values(leaky, "audit")


def test_every_scorer_is_found_by_its_name_in_a_log_with_its_keys() -> None:
    assert set(SCORERS) == {
        "decision", "act", "fact", "execution", "judged", "tool_use", "method", "resolution", "firmness", "activation", "audit",
    }  # fmt: skip
    for name in SCORERS:
        for known in (name, f"redgreenbench/{name}"):
            made = registry_create("scorer", known, settings={"self_grade": True})
            assert callable(made)
        assert name in registry.__all__


def test_a_scorer_says_its_version_and_its_keys_on_every_sample(log: EvalLog) -> None:
    for sample in log.samples or ():
        for name, found in (sample.scores or {}).items():
            assert (found.metadata or {})["scorer_version"] == SCORERS[name].version
            if isinstance(found.value, dict):
                assert tuple(found.value) == SCORERS[name].keys


def test_what_a_log_says_with_a_score_is_short(log: EvalLog) -> None:
    """inspect keeps a scorer's arguments with every score."""
    for sample in log.samples or ():
        for event in (e for e in sample.events if isinstance(e, ScoreEvent)):
            assert len(event.model_dump_json()) < 4_000
    assert all(len(str(s.options)) < 500 for s in log.eval.scorers or ())


def test_inspect_score_finds_scorers_and_scenarios_of_a_log_by_itself(run_task, tmp_path: Path) -> None:
    """The log names scorers without their package, in a run by path as in one by name."""
    folder = tmp_path / "mine" / "training-optimization"
    folder.mkdir(parents=True)
    text = (HERE / "scenarios" / "training-optimization" / "which-optimizer.yaml").read_text()
    (folder / "my-own.yaml").write_text(text)
    log = run_task(routing(scenarios=str(tmp_path / "mine")), follows)
    out = tmp_path / "again.eval"
    done = subprocess.run(
        [sys.executable, "-m", "inspect_ai", "score", log.location, "--action", "overwrite", "--output-file", str(out), "--display", "plain"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    again = read_eval_log(str(out))
    by_arm = {s.metadata["arm"]: s.scores["act"].value["correct"] for s in again.samples}
    assert by_arm == {"red": 0.0, "green": 1.0}
    for name in ("act", "audit"):
        assert values(again, name) == values(log, name)
