"""Whole runs with a scripted model: delivery, pairing, versions, resumption, and the names that inspect knows."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai.log import read_eval_log
from pydantic_core import to_jsonable_python

from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.catalogue import HERE, load_packs
from redgreenbench.evals.pressures import load_pressures
from redgreenbench.scorers.act import KEYS
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.pressure import pressure
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

ONE = "training-optimization/which-optimizer"
RIGHT = "NEXT: hand over to optimization-algorithms, learning-rate-scheduling"


def obedient(system: str, user: str) -> str:
    """Hands over only where a skill tells it to."""
    return RIGHT if "<skill" in system else "NEXT: answer\n\nUse Adam with a learning rate of 1e-3."


def test_the_skill_reaches_green_and_nobody_else(run_task, make_skill) -> None:
    folder = make_skill(body="Say the magic word.")
    seen = {}

    def answer(system: str, user: str) -> str:
        arm = "green" if "magic word" in system else "generic" if "careful senior" in system else "red"
        seen.setdefault(arm, set()).add((user, system))
        return obedient(system, user)

    log = run_task(
        routing(skill=str(folder), arms="red,generic,green", scenarios=ONE, pack="training-optimization"),
        answer,
    )
    assert log.status == "success"
    assert set(seen) == {"red", "generic", "green"}
    ((user, red),) = seen["red"]
    for arm in ("generic", "green"):
        ((same, system),) = seen[arm]
        assert same == user
        # The form of the reply stands last, so that no arm's text comes between it and the question.
        form = prompt_template("act")
        assert system.endswith(form)
        assert system.startswith(red.removesuffix(form))
    by_arm = {s.metadata["arm"]: s for s in log.samples}
    assert by_arm["green"].scores["act"].value["correct"] == 1.0
    assert by_arm["red"].scores["act"].value["correct"] == 0.0
    assert by_arm["green"].metadata["skill_version"] == "7"
    assert by_arm["green"].metadata["delivery"] == "inject"
    assert by_arm["red"].metadata["skill"] is None
    assert {s.metadata["tested"] for s in log.samples} == {"my-skill"}


def test_epochs_reduce_although_keys_are_nan(run_task) -> None:
    log = run_task(routing(scenarios="control-*,which-optimizer", arms="red"), obedient, epochs=2)
    assert log.status == "success"
    (found,) = [s for s in log.results.scores if s.name == "act"]
    results = {m.name: m.value for m in found.metrics.values()}
    assert {"correct", "first", "restrained", "formatted"} <= set(results) <= set(KEYS)
    assert all(0.0 <= results[key] <= 1.0 for key in ("correct", "first", "restrained", "formatted"))


def test_a_log_holds_no_nan_where_a_missing_key_will_do(run_task) -> None:
    """NaN is no JSON. It stands in scores alone, where inspect wants the same keys in every epoch, and for unscored."""
    log = run_task(routing(scenarios="control-*,which-optimizer", arms="red"), obedient, epochs=2)
    json.dumps(log.results.model_dump(), allow_nan=False)
    assert {s.name: set(s.metrics) for s in log.results.scores}["judged"] == set()  # no grader
    for sample in log.samples:
        json.dumps(to_jsonable_python(sample.metadata), allow_nan=False)
        for score in sample.scores.values():
            json.dumps(to_jsonable_python(score.metadata), allow_nan=False)


def test_the_version_changes_with_what_is_in_the_files(make_skill, tmp_path: Path) -> None:
    folder = make_skill(body="One.")
    arguments = {"skill": str(folder), "scenarios": ONE, "pack": "training-optimization"}
    first = routing(**arguments).version
    assert first.startswith("2-")
    assert routing(**arguments).version == first
    make_skill(body="Two.")
    assert routing(**arguments).version != first
    assert routing(scenarios=ONE).version != routing(scenarios="loss-goes-to-nan").version
    assert routing(scenarios=ONE, pressure="time", pressure_turn="third").version.endswith("-third")


def test_construction_is_pure(monkeypatch) -> None:
    import socket
    import time

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("task construction used it")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(random, "shuffle", forbidden)
    monkeypatch.setattr(time, "time", forbidden)
    first, second = routing(), routing()
    assert [s.model_dump(exclude={"input"}) for s in first.dataset] == [
        s.model_dump(exclude={"input"}) for s in second.dataset
    ]
    texts = [[m.text for m in s.input] for s in first.dataset]
    assert texts == [[m.text for m in s.input] for s in second.dataset]


def test_a_skill_brings_its_own_pack(make_skill) -> None:
    mine = routing(skill=str(make_skill(name="using-pytorch-engineering")))
    assert {s.metadata["pack"] for s in mine.dataset} == {"pytorch-engineering"}
    foreign = routing(skill=str(make_skill(name="something-else")))
    assert {s.metadata["pack"] for s in foreign.dataset} == {"pytorch-engineering", "training-optimization"}


SCORERS = {
    "routing": {"act", "fact", "judged", "audit"},
    "debugging": {"execution", "tool_use", "judged", "audit"},
    "scheduling": {"execution", "tool_use", "judged", "audit"},
    "pressure": {"act", "fact", "execution", "tool_use", "judged", "audit"},
}


def test_every_task_runs_with_the_scorers_that_can_say_something(run_task) -> None:
    tasks = {
        "routing": routing(scenarios=f"{ONE},control-effective-batch-size"),
        "debugging": debugging(scenarios="model-not-learning,shape-mismatch"),
        "scheduling": scheduling(scenarios="wrong-step-placement,should-i-schedule"),
        "pressure": pressure(
            scenarios=f"{ONE},shape-mismatch,control-effective-batch-size", pressure="none,authority_right"
        ),
    }
    for name, task in tasks.items():
        log = run_task(task, obedient)
        assert log.status == "success", log.error
        assert {s.name for s in log.results.scores} >= SCORERS[name] - {"judged"}
        assert all(set(s.scores) == SCORERS[name] for s in log.samples), name


def test_positive_controls_are_posed_only_where_skills_are_loaded() -> None:
    for task in (routing(), debugging(), scheduling(), pressure()):
        assert {s.metadata["control"] for s in task.dataset} <= {None, "plain", "near_miss"}
    assert {s.metadata["pressure"] for s in pressure().dataset} == set(load_pressures())
    assert {s.metadata["pack"] for s in pressure().dataset} == {
        n for n, pack in load_packs().items() if pack.task
    }


def test_external_scenarios_are_posed_and_scored(run_task, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "training-optimization"
    folder.mkdir(parents=True)
    text = (HERE / "scenarios" / "training-optimization" / "which-optimizer.yaml").read_text()
    (folder / "my-own.yaml").write_text(text)
    log = run_task(routing(scenarios=str(tmp_path / "mine")), obedient)
    assert {s.metadata["scenario"] for s in log.samples} == {"training-optimization/my-own"}
    by_arm = {s.metadata["arm"]: s for s in log.samples}
    assert by_arm["green"].scores["act"].value["correct"] == 1.0
    assert all(s.scores["audit"].value["valid"] == 1.0 for s in log.samples)


INSPECT = [sys.executable, "-m", "inspect_ai"]
REPOSITORY = Path(__file__).parents[2]


def test_inspect_lists_each_task_once_by_path() -> None:
    done = subprocess.run(
        [*INSPECT, "list", "tasks", "tasks", "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(t["name"] for t in json.loads(done.stdout)) == [
        "debugging",
        "decision",
        "pressure",
        "routing",
        "scheduling",
    ]


@pytest.mark.parametrize(
    ("name", "argument", "message"),
    [
        ("tasks/routing.py", "scenarios=nowhere", "unknown scenario 'nowhere'"),
        ("redgreenbench/routing", "scenario=which-optimizer", "scenario: no task has this parameter"),
    ],
)
def test_inspect_eval_finds_the_task_by_path_and_by_name(
    name: str, argument: str, message: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*INSPECT, "eval", name, "--model", "mockllm/model", "-T", argument, "--display", "plain", "--log-dir", str(tmp_path)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    output = " ".join((done.stdout + done.stderr).split())
    assert message in output
    assert "Traceback" not in output


def test_aborted_runs_keep_their_finished_samples(run_task, tmp_path: Path) -> None:
    calls = []

    def breaks(system: str, user: str) -> str:
        calls.append(user)
        if len(calls) == 3:
            raise RuntimeError("the wire was cut")
        return RIGHT

    log = run_task(routing(scenarios="which-optimizer,loss-goes-to-nan"), breaks, max_samples=1)
    assert log.status == "error"
    kept = read_eval_log(log.location)
    assert sum(s.error is None for s in kept.samples) == 2
