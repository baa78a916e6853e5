"""The scorer that runs fixes: scores with reasons, nothing silently wrong, every path that leads to it."""

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import Task, score
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog
from inspect_ai.solver import generate

from redgreenbench.evals.errors import InputError
from redgreenbench.reference_bugs.engine import host
from redgreenbench.reference_bugs.engine.host import Host, examine
from redgreenbench.reference_bugs.engine.pool import GraderError, Pool
from redgreenbench.scorers.execution import KEYS, execution
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.scheduling import scheduling

BUG = "missing-optimizer-step"
FIX = """The gradients are computed and never used. Call the optimizer after the backward pass:

```python
            loss.backward()
            optimizer.step()
```
"""
WORKAROUND = """Raise the learning rate:

```python
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-1)
```
"""
confined = pytest.mark.skipif(bool(examine().inner), reason="this machine cannot confine submissions")


def posed(*bugs: str | None, **parameters: object) -> Task:
    samples = [Sample(id=str(i), input="?", metadata={"bug": bug}) for i, bug in enumerate(bugs)]
    return Task(MemoryDataset(samples), solver=generate(), scorer=[execution(**parameters)])


def only(log: EvalLog, sample: int = 0) -> object:
    assert log.status == "success", log.error
    return log.samples[sample].scores["execution"]


@confined
def test_a_fix_scores_and_a_workaround_says_why_not(run_task: Callable[..., EvalLog]) -> None:
    got = only(run_task(posed(BUG, device="cpu"), lambda system, user: FIX))
    assert got.value == dict.fromkeys(KEYS, 1.0) | {"behaviour": pytest.approx(math.nan, nan_ok=True)}
    assert got.explanation.startswith("correct: the root cause is mended")
    assert got.metadata["engine"]["mode"] in ("full", "landlock")
    got = only(run_task(posed(BUG, device="cpu"), lambda system, user: WORKAROUND))
    assert got.value["applies"] == got.value["imports"] == got.value["runs"] == 1.0
    assert got.value["correct"] == got.value["symptom_gone"] == got.value["root_cause"] == 0.0
    assert got.answer == "fails at: it-learns"
    assert "of its own training data are classified right" in got.explanation
    assert "replaced" in got.explanation


@confined
def test_an_answer_without_code_is_a_failed_fix(run_task: Callable[..., EvalLog]) -> None:
    got = only(run_task(posed(BUG, device="cpu"), lambda system, user: "Which optimizer do you use?"))
    assert got.value["correct"] == got.value["extracted"] == 0.0
    assert math.isnan(got.value["minimal"])
    assert "no code" in got.explanation


def test_where_there_is_no_program_nothing_applies(run_task: Callable[..., EvalLog]) -> None:
    got = only(run_task(posed(None), lambda system, user: FIX))
    assert all(math.isnan(value) for value in got.value.values())


def test_a_bug_of_gpus_alone_is_unscored_on_the_cpu(run_task: Callable[..., EvalLog]) -> None:
    got = only(run_task(posed("device-mismatch-position-buffer", device="cpu"), lambda system, user: FIX))
    assert math.isnan(got.value)
    assert "GPU" in got.reason


def test_a_machine_without_walls_leaves_answers_unscored(
    run_task: Callable[..., EvalLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "examine", lambda: Host("none", "the kernel has no Landlock", 0))
    monkeypatch.delenv(host.UNSAFE, raising=False)
    got = only(run_task(posed(BUG), lambda system, user: FIX))
    assert math.isnan(got.value)
    assert "the kernel has no Landlock" in got.reason
    assert "REDGREEN_UNSAFE_EXEC=1" in got.reason


def test_a_failing_grader_is_unscored_with_the_reason(
    run_task: Callable[..., EvalLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise GraderError("the sandbox did not answer within 30 s")

    monkeypatch.setattr(Pool, "grade", broken)
    monkeypatch.setattr("redgreenbench.scorers.running.choose_mode", lambda: "full")
    log = run_task(posed(BUG), lambda system, user: FIX)
    assert "the sandbox did not answer within 30 s" in only(log).reason


def test_an_unknown_device_is_refused_early() -> None:
    with pytest.raises(InputError, match="no device 'tpu'; take one of auto, cpu, cuda"):
        execution(device="tpu")


@pytest.fixture
def python_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local sandbox runs `python3` of the path, which need not be the one that runs the tests."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@confined
@pytest.mark.usefixtures("python_on_path")
def test_another_sandbox_grades_in_the_same_way(run_task: Callable[..., EvalLog]) -> None:
    """inspect's `local` sandbox isolates nothing; it shows that the path to docker and k8s works."""
    task = posed(BUG, BUG, device="cpu", exec_sandbox="local", exec_workers=1)
    task = Task(task.dataset, solver=generate(), scorer=task.scorer, sandbox="local")
    answers = iter([FIX, WORKAROUND])
    log = run_task(task, lambda system, user: next(answers), max_samples=1)
    first, second = only(log, 0), only(log, 1)
    assert first.value["correct"] == 1.0, first.explanation
    assert second.value["correct"] == 0.0
    assert first.metadata["engine"]["mode"] == "relay"
    assert "classified right" in second.explanation


@confined
@pytest.mark.usefixtures("python_on_path")
def test_a_submission_that_dies_in_another_sandbox_is_a_failed_fix(run_task: Callable[..., EvalLog]) -> None:
    dying = FIX.replace("optimizer.step()", "optimizer.step()\n            __import__('os')._exit(0)")
    samples = MemoryDataset([Sample(id="1", input="?", metadata={"bug": BUG})])
    graders = [execution(device="cpu", exec_sandbox="local", exec_workers=1)]
    task = Task(samples, solver=generate(), scorer=graders, sandbox="local")
    got = only(run_task(task, lambda system, user: dying))
    assert got.value["correct"] == 0.0
    assert got.metadata["outcome"] == "exit"


def test_a_sandbox_without_one_is_unscored(run_task: Callable[..., EvalLog]) -> None:
    got = only(run_task(posed(BUG, exec_sandbox="local"), lambda system, user: FIX))
    assert "no sandbox" in got.reason


@confined
def test_an_old_log_can_be_graded_again(run_task: Callable[..., EvalLog]) -> None:
    log = run_task(posed(BUG, device="cpu"), lambda system, user: FIX)
    again = score(log, execution(device="cpu"), action="overwrite")
    assert only(again).value["correct"] == 1.0


@confined
def test_the_debugging_task_executes_fixes(run_task: Callable[..., EvalLog]) -> None:
    task = debugging(
        scenarios="debugging-techniques/model-not-learning,control-argmax-shape", arms="red", device="cpu"
    )
    log = run_task(task, lambda system, user: FIX, epochs=2)
    assert log.status == "success", log.error
    scores = {sample.metadata["scenario"]: sample.scores for sample in log.samples}
    assert scores["debugging-techniques/model-not-learning"]["execution"].value["correct"] == 1.0
    control = scores["debugging-techniques/control-argmax-shape"]
    assert math.isnan(control["execution"].value["correct"])
    assert {"execution", "checks", "audit"} <= set(control)


def test_other_bugs_are_posed_on_request_only() -> None:
    usual = {sample.metadata["bug"] for sample in debugging().dataset} - {None}
    every = {sample.metadata["bug"] for sample in debugging(bugs="all").dataset} - {None}
    assert len(usual) == 5
    assert usual < every
    one = debugging(bugs="softmax-before-cross-entropy", arms="red")
    assert [sample.metadata["bug"] for sample in one.dataset] == ["softmax-before-cross-entropy"]
    with pytest.raises(InputError, match="unknown bug 'softmax-before'"):
        debugging(bugs="softmax-before")
    assert {s.metadata["bug"] for s in scheduling(arms="red").dataset} - {None} == {
        "plateau-constant-adam-rate",
        "post-norm-transformer-without-warmup",
        "onecycle-max-rate-too-high",
        "cosine-stepped-per-batch",
    }


def test_shipped_sandbox_files_are_named_in_the_task() -> None:
    task = debugging(exec_sandbox="docker", scenarios="model-not-learning", pressure="none")
    assert task.sandbox.type == "docker"
    assert os.path.isfile(task.sandbox.config)
