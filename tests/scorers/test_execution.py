"""The scorer that runs programs: scores with reasons, nothing silently wrong, every path that leads to it."""

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import Task, score, task_with
from inspect_ai.log import EvalLog

from redgreenbench.evals.errors import InputError
from redgreenbench.reference_bugs.engine import host
from redgreenbench.reference_bugs.engine.host import Host
from redgreenbench.reference_bugs.engine.pool import GraderError, Pool
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.variants import posed_bug
from redgreenbench.scorers.execution import execution
from redgreenbench.scorers.scored import SCORERS
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.scheduling import scheduling

BUG = bug_folder("missing-optimizer-step")
MODEL_NOT_LEARNING = "debugging-techniques/model-not-learning"
confined = pytest.mark.needs("landlock")


def block(program: str) -> str:
    return f"Here it is:\n\n```python\n{program}\n```\n"


FIX = block(BUG.mended)
WORKAROUND = block(BUG.program.replace("lr=1e-3", "lr=1e-1"))
assert block(BUG.program) != WORKAROUND


def posed(scenario: str = MODEL_NOT_LEARNING, **parameters: object) -> Task:
    task = debugging(scenarios=scenario, arms="red", **parameters)
    return task_with(task, scorer=[s for s in task.scorer if "execution" in str(s)] or task.scorer)


def only(log: EvalLog, sample: int = 0) -> object:
    assert log.status == "success", log.error
    return log.samples[sample].scores["execution"]


@confined
def test_a_fix_scores_and_a_workaround_says_why_not(run_task: Callable[..., EvalLog]) -> None:
    got = only(run_task(posed(device="cpu"), lambda system, user: FIX))
    right = dict.fromkeys(SCORERS["execution"].keys, 1.0) | dict.fromkeys(
        ("complex", "workaround", "broken"), 0.0
    )
    assert got.value == pytest.approx(right | {"behaviour": math.nan}, nan_ok=True)
    assert got.explanation.startswith("correct: the root cause is mended")
    assert got.metadata["engine"]["mode"] in ("full", "landlock")
    assert got.metadata["how"] == "whole"
    got = only(run_task(posed(device="cpu"), lambda system, user: WORKAROUND))
    assert got.value["program"] == got.value["imports"] == got.value["runs"] == got.value["broken"] == 1.0
    assert got.value["correct"] == got.value["symptom_gone"] == got.value["root_cause"] == 0.0
    assert got.answer == "fails at: it-learns"
    assert "of its own training data are classified right" in got.explanation


def test_a_reply_without_a_program_is_the_models_fault(run_task: Callable[..., EvalLog]) -> None:
    got = only(run_task(posed(device="cpu"), lambda system, user: "Which optimizer do you use?"))
    assert got.value["correct"] == got.value["program"] == 0.0
    assert got.value["minimal"] == got.value["complex"] == got.value["workaround"] == 0.0
    assert math.isnan(got.value["broken"])
    assert "no program: the reply has no code block" in got.explanation
    assert got.metadata["requested"] is True


@confined
def test_a_renamed_entry_point_is_named(run_task: Callable[..., EvalLog]) -> None:
    renamed = block(BUG.mended.replace("Classifier", "Net"))
    got = only(run_task(posed(device="cpu"), lambda system, user: renamed))
    assert got.value["correct"] == 0.0
    assert "`Classifier`" in got.explanation


def test_where_there_is_no_program_nothing_applies(run_task: Callable[..., EvalLog]) -> None:
    both = f"{MODEL_NOT_LEARNING},control-argmax-shape"
    log = run_task(posed(both, device="cpu"), lambda system, user: "(32,), int64")
    control = next(s for s in log.samples if s.metadata["control"])
    assert all(math.isnan(value) for value in control.scores["execution"].value.values())


@pytest.mark.slow
@confined
def test_a_fresh_variant_is_posed_beside_its_program_and_graded(
    run_task: Callable[..., EvalLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDGREEN_CACHE", str(tmp_path))
    varied = posed_bug("missing-optimizer-step@5")

    def answers(system: str, user: str) -> str:
        return block(varied.mended if varied.program in user else BUG.mended)

    log = run_task(posed(device="cpu", variants=1, variants_seed=5), answers)
    found = {sample.metadata["scenario"]: sample for sample in log.samples}
    assert set(found) == {MODEL_NOT_LEARNING, f"{MODEL_NOT_LEARNING}@5"}
    assert [sample.metadata["split"] for sample in found.values()] == ["public", "variant"]
    assert found[f"{MODEL_NOT_LEARNING}@5"].metadata["bug"] == "missing-optimizer-step@5"
    assert varied.program in found[f"{MODEL_NOT_LEARNING}@5"].input[-1].content
    for sample in found.values():
        assert sample.scores["execution"].value["correct"] == 1.0, sample.scores["execution"].explanation
        assert sample.scores["execution"].value["complex"] == 0.0


@confined
def test_a_bug_that_shows_on_a_gpu_alone_is_graded_anywhere(run_task: Callable[..., EvalLog]) -> None:
    gpu = bug_folder("device-mismatch-position-buffer")
    replies = iter([block(gpu.mended), block(gpu.program)])
    task = posed("device-mismatch", device="cpu")
    log = run_task(task, lambda system, user: next(replies), max_samples=1, epochs=2)
    right, unchanged = only(log, 0), only(log, 1)
    assert right.value["correct"] == 1.0, right.explanation
    assert unchanged.value["correct"] == 0.0
    assert "at least two devices" in unchanged.explanation


def test_a_machine_without_walls_leaves_replies_unscored(
    run_task: Callable[..., EvalLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "detect_isolation", lambda: Host("none", "the kernel has no Landlock", 0))
    monkeypatch.delenv(host.UNSAFE, raising=False)
    got = only(run_task(posed(), lambda system, user: FIX))
    assert math.isnan(got.value)
    assert got.reason == "cannot_run"
    assert "the kernel has no Landlock" in got.explanation
    assert "REDGREEN_UNSAFE_EXEC=1" in got.explanation


def test_a_failing_engine_is_unscored_with_the_reason(
    run_task: Callable[..., EvalLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise GraderError("the sandbox did not answer within 30 s")

    monkeypatch.setattr(Pool, "grade", broken)
    monkeypatch.setattr("redgreenbench.scorers.running.choose_mode", lambda: "full")
    got = only(run_task(posed(), lambda system, user: FIX))
    assert got.reason == "engine_failed"
    assert "the sandbox did not answer within 30 s" in got.explanation


def test_an_unknown_device_is_refused_early() -> None:
    with pytest.raises(InputError, match=r"device=tpu: input should be 'auto', 'cpu' or 'cuda'"):
        debugging(device="tpu")


@pytest.fixture
def python_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local sandbox runs `python3` of the path, which need not be the one that runs the tests."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@confined
@pytest.mark.usefixtures("python_on_path")
def test_another_sandbox_grades_in_the_same_way_and_starts_torch_once_per_grade(
    run_task: Callable[..., EvalLog], tmp_path: Path
) -> None:
    """inspect's `local` sandbox isolates nothing; it shows that the path to docker and k8s works."""
    task = posed(device="cpu", exec_sandbox="local", exec_workers=1)
    started = tmp_path / "started"
    counting = FIX.replace("import torch\n", f"import torch\nopen({str(started)!r}, 'a').write('once ')\n", 1)
    replies = iter([counting, WORKAROUND])
    log = run_task(task, lambda system, user: next(replies), max_samples=1, epochs=2)
    first, second = only(log, 0), only(log, 1)
    assert first.value["correct"] == 1.0, first.explanation
    assert second.value["correct"] == 0.0
    assert first.metadata["engine"]["mode"] == "relay"
    assert started.read_text() == "once "
    assert "classified right" in second.explanation


@confined
@pytest.mark.usefixtures("python_on_path")
def test_a_submission_that_dies_in_another_sandbox_is_a_failed_fix(run_task: Callable[..., EvalLog]) -> None:
    dying = FIX.replace("optimizer.step()", "optimizer.step()\n            __import__('os')._exit(0)")
    task = posed(device="cpu", exec_sandbox="local", exec_workers=1)
    got = only(run_task(task, lambda system, user: dying))
    assert got.value["correct"] == 0.0
    assert got.metadata["outcome"] == "exit"


@confined
@pytest.mark.usefixtures("python_on_path")
def test_words_of_a_submission_in_another_sandbox_prove_nothing(run_task: Callable[..., EvalLog]) -> None:
    """Not that the sandbox has no torch, which would leave the answer unscored."""
    lying = FIX.replace(
        "import torch\n",
        "import torch\nimport os, sys\nprint(\"No module named 'torch'\", file=sys.stderr, flush=True)\nos._exit(6)\n",
        1,
    )
    got = only(
        run_task(posed(device="cpu", exec_sandbox="local", exec_workers=1), lambda system, user: lying)
    )
    assert got.value["correct"] == 0.0
    assert got.metadata["outcome"] == "exit"


@confined
def test_a_machine_too_busy_to_run_a_program_leaves_it_unscored(
    run_task: Callable[..., EvalLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise GraderError("this machine is too busy", busy=True)

    monkeypatch.setattr(Pool, "grade", busy)
    got = only(run_task(posed(device="cpu"), lambda system, user: FIX))
    assert got.reason == "machine_busy"
    assert "too busy" in got.explanation


@confined
def test_an_old_log_can_be_graded_again(run_task: Callable[..., EvalLog]) -> None:
    log = run_task(posed(device="cpu"), lambda system, user: FIX)
    again = score(log, execution({"device": "cpu"}), action="overwrite")
    assert only(again).value["correct"] == 1.0


def test_a_bug_is_posed_by_its_name() -> None:
    one = debugging(bugs="softmax-before-cross-entropy", arms="red")
    assert [sample.metadata["bug"] for sample in one.dataset] == ["softmax-before-cross-entropy"]
    with pytest.raises(InputError, match="unknown bug 'softmax-before'"):
        debugging(bugs="softmax-before")


def test_all_scheduling_scenarios_are_executed() -> None:
    scenarios = [s.metadata for s in scheduling(arms="red").dataset if s.metadata["control"] is None]
    assert len(scenarios) == len({about["bug"] for about in scenarios} - {None})


def test_shipped_sandbox_files_are_named_in_the_task() -> None:
    task = debugging(exec_sandbox="docker", scenarios="model-not-learning", pressure="none")
    assert task.sandbox.type == "docker"
    assert os.path.isfile(task.sandbox.config)
