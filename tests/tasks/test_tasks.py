"""Whole runs with a scripted model: delivery, pairing, versions, scores, resumption."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai import score
from inspect_ai.log import read_eval_log

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.pressures import load_pressures
from redgreenbench.scorers.route import KEYS, route
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.pressure import pressure
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

ONE = "training-optimization/which-optimizer"
ROUTE = "ROUTE: optimization-algorithms, learning-rate-scheduling"


def obedient(system: str, user: str) -> str:
    """Routes only when a skill tells it to."""
    return ROUTE if "<skill" in system else "Use Adam with a learning rate of 1e-3."


def test_the_skill_reaches_green_and_nobody_else(run_task, make_skill) -> None:
    folder = make_skill(body="Say the magic word.")
    seen = {}

    def answer(system: str, user: str) -> str:
        arm = "green" if "magic word" in system else "generic" if "careful senior" in system else "red"
        seen.setdefault(arm, set()).add(user)
        return obedient(system, user)

    log = run_task(
        routing(skill=str(folder), arms="red,generic,green", scenarios=ONE, pack="training-optimization"),
        answer,
    )
    assert log.status == "success"
    assert set(seen) == {"red", "generic", "green"}
    assert len(set.union(*seen.values())) == 1
    by_arm = {s.metadata["arm"]: s for s in log.samples}
    assert by_arm["green"].scores["route"].value["correct"] == 1.0
    assert by_arm["red"].scores["route"].value["correct"] == 0.0
    assert by_arm["green"].metadata["skill_version"] == "7"
    assert by_arm["green"].metadata["delivery"] == "inject"
    assert by_arm["red"].metadata["skill"] is None


def test_epochs_reduce_although_keys_are_nan(run_task) -> None:
    log = run_task(routing(scenarios="control-*,which-optimizer", arms="red"), obedient, epochs=2)
    assert log.status == "success"
    (route_results,) = [s for s in log.results.scores if s.name == "route"]
    results = {m.name: m.value for m in route_results.metrics.values()}
    assert set(results) == set(KEYS)
    assert all(0.0 <= results[key] <= 1.0 for key in ("correct", "first", "restraint"))


def test_the_version_changes_with_what_is_in_the_files(make_skill, tmp_path: Path) -> None:
    folder = make_skill(body="One.")
    arguments = {"skill": str(folder), "scenarios": ONE, "pack": "training-optimization"}
    first = routing(**arguments).version
    assert routing(**arguments).version == first
    make_skill(body="Two.")
    assert routing(**arguments).version != first
    assert routing(scenarios=ONE).version != routing(scenarios="loss-goes-to-nan").version


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


def test_lists_and_strings_are_the_same() -> None:
    as_text = routing(arms="red,green", pressure="none,time", scenarios="which-optimizer,loss-goes-to-nan")
    as_list = routing(
        arms=["red", "green"], pressure=["none", "time"], scenarios=["which-optimizer", "loss-goes-to-nan"]
    )
    assert [s.id for s in as_text.dataset] == [s.id for s in as_list.dataset]
    assert as_text.version == as_list.version


def test_every_task_runs_and_the_pressure_task_poses_everything(run_task) -> None:
    for task, wanted in ((debugging(), "debugging-techniques"), (scheduling(), "learning-rate-scheduling")):
        log = run_task(task, obedient)
        assert {s.metadata["pack"] for s in log.samples} == {wanted}
        assert all("checks" in s.scores for s in log.samples)
    everything = pressure()
    assert {s.metadata["pressure"] for s in everything.dataset} == set(load_pressures())
    assert len({s.metadata["pack"] for s in everything.dataset}) == 4
    log = run_task(pressure(scenarios="shape-mismatch,which-optimizer", pressure="none,authority"), obedient)
    assert log.status == "success"


def test_old_logs_are_scored_again_without_generating(run_task) -> None:
    log = run_task(routing(scenarios=ONE), obedient)
    again = score(log, route(), action="overwrite", display="none")
    assert {s.id: s.scores["route"].value["correct"] for s in again.samples} == {
        s.id: s.scores["route"].value["correct"] for s in log.samples
    }


def test_external_scenarios_are_posed_and_scored(run_task, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "training-optimization"
    folder.mkdir(parents=True)
    from redgreenbench.evals.catalogue import HERE

    text = (HERE / "scenarios" / "training-optimization" / "which-optimizer.yaml").read_text()
    (folder / "my-own.yaml").write_text(text)
    log = run_task(routing(scenarios=str(tmp_path / "mine")), obedient)
    assert {s.metadata["scenario"] for s in log.samples} == {"training-optimization/my-own"}
    by_arm = {s.metadata["arm"]: s for s in log.samples}
    assert by_arm["green"].scores["route"].value["correct"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenarios": "loss-goes-to-nam"}, "did you mean training-optimization/loss-goes-to-nan"),
        ({"pressure": "tme"}, "did you mean time"),
        ({"arms": "red,gren"}, "did you mean green"),
        ({"pack": "training-optimisation"}, "unknown pack"),
        ({"skill": "./nowhere"}, "no such folder"),
    ],
)
def test_wrong_arguments_are_one_line_before_any_call(arguments, message) -> None:
    with pytest.raises(InputError, match=message):
        routing(**arguments)


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
        "pressure",
        "routing",
        "scheduling",
    ]


@pytest.mark.parametrize("name", ["tasks/routing.py", "redgreenbench/routing"])
def test_inspect_eval_finds_the_task_by_path_and_by_name(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*INSPECT, "eval", name, "--model", "mockllm/model", "-T", "scenarios=nowhere", "--display", "plain", "--log-dir", str(tmp_path)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    output = " ".join((done.stdout + done.stderr).split())
    assert "unknown scenario 'nowhere'" in output
    assert "Traceback" not in output


def test_aborted_runs_keep_their_finished_samples(run_task, tmp_path: Path) -> None:
    calls = []

    def breaks(system: str, user: str) -> str:
        calls.append(user)
        if len(calls) == 3:
            raise RuntimeError("the wire was cut")
        return ROUTE

    log = run_task(routing(scenarios="which-optimizer,loss-goes-to-nan"), breaks, max_samples=1)
    assert log.status == "error"
    kept = read_eval_log(log.location)
    assert sum(s.error is None for s in kept.samples) == 2


def test_posing_routing_does_not_import_torch() -> None:
    code = "import sys; from redgreenbench.tasks.routing import routing; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_inspect_score_finds_the_scorers_of_a_log_by_itself(run_task, tmp_path: Path) -> None:
    """The log names scorers without their package, in a run by path as in one by name."""
    log = run_task(routing(scenarios=ONE), obedient)
    out = tmp_path / "again.eval"
    done = subprocess.run(
        [*INSPECT, "score", log.location, "--action", "overwrite", "--output-file", str(out), "--display", "plain"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    by_arm = {s.metadata["arm"]: s.scores["route"].value["correct"] for s in read_eval_log(str(out)).samples}
    assert by_arm == {"red": 0.0, "green": 1.0}
