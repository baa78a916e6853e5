"""Scripted agents: what is measured of them is what the script says."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from inspect_ai import Task, score, task_with
from inspect_ai.log import EvalLog, EvalSample, read_eval_log, write_eval_log

from redgreenbench.evals.agents.history import History, Snapshot, Spent
from redgreenbench.evals.jail import JailSandboxEnvironment
from redgreenbench.reference_bugs.files import Files
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder
from redgreenbench.reference_bugs.submission import apply_patch
from redgreenbench.reference_bugs.verdict import Verdict
from redgreenbench.scorers.resolution import KEYS, resolution, score_history
from redgreenbench.scorers.running import Runner
from redgreenbench.tasks.debugging import debugging

SCENARIO = "debugging-techniques/shape-mismatch"
TOKENS = 10


@pytest.fixture(scope="module")
def bug() -> BugFolder:
    return bug_folder("shape-mismatch-after-flatten")


@pytest.fixture(scope="module")
def mended(bug: BugFolder) -> str:
    return bug.mended


@pytest.fixture(scope="module")
def hidden(bug: BugFolder) -> str:
    """A program whose symptom is gone and whose cause is not."""
    return apply_patch(bug.program, next(w.text for w in bug.workarounds if w.name == "first-64-features"))


def task(**options: object) -> Task:
    return debugging(arms="red", scenarios=SCENARIO, mode="agent", **options)


def values(sample: EvalSample) -> dict[str, float]:
    assert sample.scores
    value = sample.scores["resolution"].value
    assert isinstance(value, dict)
    assert tuple(value) == KEYS
    return {key: float(number) for key, number in value.items()}


Work = Callable[..., EvalLog]
Only = Callable[[EvalLog], EvalSample]


def test_an_agent_that_fixes_properly_is_resolved_when_it_edits(
    work: Work, only: Only, steps: type, mended: str
) -> None:
    script = [
        steps.bash("python3 program.py", "First I run it."),
        steps.say("The linear layer expects 64 features, I think."),
        steps.write(mended),
        steps.bash("python3 program.py", "Now I check."),
        steps.submit("The linear layer was too narrow."),
    ]
    sample = only(work(task(), script))
    found = values(sample)
    assert (found["resolved"], found["kept"], found["rebroken"]) == (1, 1, 0)
    assert (found["turns"], found["calls"], found["tokens"]) == (3, 2, 3 * TOKENS)
    assert (found["symptom_removed"], found["symptom_turns"]) == (1, 3)
    assert (found["cut"], found["versions"]) == (0, 1)
    assert 0 < found["minutes"] == found["symptom_minutes"] < 5
    assert sample.scores
    assert sample.scores["execution"].value["correct"] == 1
    assert sample.scores["execution"].value["minimal"] == 1
    assert "mat1 and mat2" in next(m.text for m in sample.messages if m.role == "tool")
    assert "layer was too narrow" in sample.output.completion


def test_an_agent_that_patches_the_symptom_is_censored_at_what_it_spent(
    work: Work, only: Only, steps: type, hidden: str
) -> None:
    script = [steps.write(hidden), steps.bash("true"), steps.submit("It runs now.")]
    sample = only(work(task(), script))
    found = values(sample)
    assert (found["resolved"], found["cut"]) == (0, 0)
    assert (found["turns"], found["calls"], found["tokens"]) == (3, 2, 3 * TOKENS)
    assert (found["symptom_removed"], found["symptom_turns"]) == (1, 1)
    assert math.isnan(found["kept"])
    assert math.isnan(found["rebroken"])
    assert sample.scores
    assert sample.scores["execution"].value["correct"] == 0
    assert sample.scores["execution"].value["workaround"] == 1


def test_an_agent_that_fixes_and_then_breaks_it_again_is_resolved_and_rebroken(
    work: Work, only: Only, steps: type, mended: str, hidden: str
) -> None:
    script = [steps.bash("true"), steps.write(mended), steps.write(hidden), steps.submit("Tidied up.")]
    sample = only(work(task(), script))
    found = values(sample)
    assert (found["resolved"], found["kept"], found["rebroken"]) == (1, 0, 1)
    assert (found["turns"], found["calls"], found["versions"]) == (2, 2, 2)
    assert sample.scores
    assert sample.scores["execution"].value["correct"] == 0


def test_an_agent_that_never_fixes_runs_into_its_limit_and_is_scored_all_the_same(
    work: Work, only: Only, steps: type
) -> None:
    script = [steps.bash("echo looking")]
    sample = only(work(task(message_limit=10), script))
    found = values(sample)
    assert sample.limit is not None
    assert sample.limit.type == "message"
    assert (found["resolved"], found["cut"], found["versions"]) == (0, 1, 0)
    assert found["symptom_removed"] == 0
    assert found["turns"] == found["calls"] == 4
    assert found["tokens"] == 4 * TOKENS
    assert sample.scores
    assert sample.scores["execution"].value["program"] == 0


def test_a_model_that_calls_no_tool_is_asked_to_go_on_until_its_limit(
    work: Work, only: Only, steps: type
) -> None:
    sample = only(work(task(message_limit=8), [steps.say("You should lower the learning rate.")]))
    found = values(sample)
    assert (found["resolved"], found["calls"], found["cut"]) == (0, 0, 1)
    assert found["turns"] >= 2


def test_several_edits_in_one_turn_are_several_versions(
    work: Work, only: Only, steps: type, mended: str, hidden: str
) -> None:
    both = steps.say("", steps.write(hidden).calls + steps.write(mended).calls)
    found = values(only(work(task(), [both, steps.submit("Done.")])))
    assert (found["versions"], found["resolved"]) == (2, 1)
    assert (found["turns"], found["calls"]) == (1, 2)


def test_a_program_that_is_removed_counts_as_unreadable_and_can_come_back(
    work: Work, only: Only, steps: type, mended: str
) -> None:
    script = [steps.bash("rm program.py"), steps.write(mended), steps.submit("Written anew.")]
    sample = only(work(task(), script))
    found = values(sample)
    assert (found["resolved"], found["turns"], found["versions"]) == (1, 2, 2)
    assert "FileNotFoundError" in (sample.scores or {})["resolution"].explanation


def test_a_log_can_be_graded_again_without_its_sandbox(
    work: Work, only: Only, steps: type, mended: str
) -> None:
    log = work(task(), [steps.write(mended), steps.submit("Done.")])
    again = only(score(log, resolution(), action="overwrite"))
    assert {**values(again), "minutes": 0, "symptom_minutes": 0} == {
        **values(only(log)),
        "minutes": 0,
        "symptom_minutes": 0,
    }


def _history(*digests: str, ended: str = "done") -> History:
    from inspect_ai.util import Store

    snapshots = [
        Snapshot(digest=d, spent=Spent(seconds=60.0 * n, turns=n, calls=n, tokens=100 * n))
        for n, d in enumerate(digests)
    ]
    total = Spent(seconds=600, turns=10, calls=10, tokens=1000)
    return History(
        store=Store(), snapshots=snapshots, texts=dict.fromkeys(digests, ""), total=total, ended=ended
    )


def _verdict(symptom: bool, correct: bool) -> Verdict:
    verdict = Verdict("shape-mismatch-after-flatten", correct=correct)
    verdict.steps.update(runs=True, symptom_gone=symptom, root_cause=correct)
    return verdict


def test_times_are_those_of_the_first_version_that_serves() -> None:
    verdicts = {"b": _verdict(True, False), "c": _verdict(True, True), "d": _verdict(False, False)}
    value = score_history(_history("a", "b", "c", "d", "c"), verdicts).value
    assert isinstance(value, dict)
    assert (value["minutes"], value["turns"], value["tokens"]) == (2, 2, 200)
    assert (value["symptom_minutes"], value["symptom_turns"]) == (1, 1)
    assert (value["resolved"], value["kept"], value["rebroken"]) == (1, 1, 1)


def test_a_version_that_nobody_could_grade_leaves_the_sample_unscored(
    work: Work, only: Only, steps: type, mended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(wanted: str | None = None) -> str:
        raise ValueError("submissions cannot be confined here")

    monkeypatch.setattr("redgreenbench.scorers.running.choose_mode", refuse)
    sample = only(work(task(), [steps.write(mended), steps.submit("Done.")]))
    assert sample.scores
    assert sample.scores["resolution"].reason == "cannot_run"
    assert sample.scores["resolution"].explanation == "submissions cannot be confined here"
    assert math.isnan(float(sample.scores["resolution"].value))


def test_the_history_survives_being_written_and_read(
    work: Work, only: Only, steps: type, mended: str, tmp_path: object
) -> None:
    log = work(task(), [steps.write(mended), steps.submit("Done.")])
    file = f"{tmp_path}/again.eval"
    write_eval_log(log, file)
    store = only(read_eval_log(file)).store
    assert [s["spent"]["turns"] for s in store["History:snapshots"]] == [0, 1]


def test_comments_and_layout_are_no_new_program_to_grade(
    work: Work, only: Only, steps: type, bug: BugFolder, mended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graded: list[Files] = []
    grade = Runner.program

    async def counted(
        self: Runner, bug: BugFolder, files: Files, brief: bool = False, seed: int = 0
    ) -> Verdict:
        graded.append(files)
        return await grade(self, bug, files, brief, seed)

    monkeypatch.setattr(Runner, "program", counted)
    script = [
        steps.write(f"# a note\n{bug.program}"),
        steps.write(mended),
        steps.write(f"{mended}\n\n# and another"),
        steps.submit("Done."),
    ]
    found = values(only(work(task_with(task(), scorer=[resolution()]), script)))
    assert len(graded) == 1
    assert (found["resolved"], found["kept"], found["rebroken"]) == (1, 1, 0)
    assert (found["turns"], found["versions"]) == (2, 3)


def test_a_sandbox_that_fails_is_an_error_and_no_version(
    work: Work, steps: type, mended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    read = JailSandboxEnvironment.read_file

    async def failing(self: JailSandboxEnvironment, file: str, text: bool = True) -> str | bytes:
        looks.append(file)
        if len(looks) > 1:
            raise TimeoutError("the machine is too busy")
        return await read(self, file, text)

    monkeypatch.setattr(JailSandboxEnvironment, "read_file", failing)
    log = work(task(), [steps.write(mended), steps.submit("Done.")])
    (sample,) = log.samples or []
    assert sample.error is not None
    assert "the machine is too busy" in sample.error.message
    assert not sample.scores


PROJECT = bug_folder("frozen-part-optimized")


def project_task() -> Task:
    return debugging(arms="red", scenarios="debugging-techniques/readout-learns-nothing", mode="agent")


def test_every_version_of_a_project_is_kept_and_graded(work: Work, only: Only, steps: type) -> None:
    """A helper that the project imports belongs to it, a trial beside it does not; a file that is gone can be made up for."""
    helper = "def let_learn(model, keep):\n    for name, p in model.named_parameters():\n        p.requires_grad_(name.startswith(keep))\n"
    script = [
        steps.bash("python train.py | tail -1; echo 'import json' > trial.py; mkdir -p notes; echo x > notes/a.py"),
        steps.bash(f"cat > learning.py <<'E'\n{helper}E\n"),
        steps.bash("rm freezing.py; sed -i 's/from freezing import freeze/from learning import let_learn as freeze/' train.py"),
        steps.bash("echo 'raise SystemExit' > torch.py; python -c 'print(1)'"),
        steps.submit("Mended."),
    ]  # fmt: skip
    log = work(project_task(), script)
    sample = only(log)
    found = values(sample)
    assert (found["resolved"], found["kept"], found["versions"], found["turns"]) == (1, 1, 1, 3)
    assert (sample.scores or {})["execution"].value["correct"] == 1  # type: ignore[index, call-overload]
    assert (sample.scores or {})["method"].value["reproduced"] == 1  # type: ignore[index, call-overload]
    last = sample.store["History:snapshots"][-1]["files"]
    assert set(last) == {*PROJECT.files, "learning.py"} - {"freezing.py"}
    again = only(score(log, resolution(), action="overwrite"))
    assert values(again)["resolved"] == 1


def test_an_agent_finds_all_files_of_a_project() -> None:
    (sample,) = project_task().dataset
    assert sample.files == {path: f"{text}\n" for path, text in PROJECT.files.items()}
    text = sample.input[-1].text  # type: ignore[union-attr]
    assert all(f"`{path}`" in text for path in PROJECT.files)
    assert "class WineNet" not in text
