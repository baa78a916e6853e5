"""The agent mode: what an agent finds, when the user presses, how skills reach it, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from inspect_ai import Task
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.tool import ToolCall

from redgreenbench.evals.agents.actions import runs_program
from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.pressures import insistence_text, pressure_text
from redgreenbench.evals.samples import find_scenarios
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder
from redgreenbench.reference_bugs.submission import apply_patch
from redgreenbench.tasks.debugging import debugging

SCENARIO = "debugging-techniques/shape-mismatch"
(FOUND,) = find_scenarios([SCENARIO])

Work = Callable[..., EvalLog]
Only = Callable[[EvalLog], EvalSample]


@pytest.fixture(scope="module")
def bug() -> BugFolder:
    return bug_folder("shape-mismatch-after-flatten")


@pytest.fixture(scope="module")
def mended(bug: BugFolder) -> str:
    return bug.mended


@pytest.fixture(scope="module")
def hidden(bug: BugFolder) -> str:
    return apply_patch(bug.program, next(w.text for w in bug.workarounds if w.name == "first-64-features"))


def task(**options: object) -> Task:
    return debugging(**{"arms": "red", "scenarios": SCENARIO, "mode": "agent", **options})


def users(sample: EvalSample) -> list[str]:
    return [message.text for message in sample.messages if message.role == "user"]


def score(sample: EvalSample, scorer: str) -> dict[str, float]:
    value = (sample.scores or {})[scorer].value
    assert isinstance(value, dict)
    return {key: float(number) for key, number in value.items()}


def test_the_message_names_the_program_and_shows_none_of_it(bug: BugFolder) -> None:
    (sample,) = task().dataset
    assert isinstance(sample.input, list)
    text = sample.input[-1].text
    assert FOUND.file.prompt in text
    assert "python program.py" in text
    assert bug.symptom in text
    assert "import torch" not in text
    assert (sample.files or {})["program.py"].rstrip() == bug.program


def test_arms_differ_in_the_arms_text_alone() -> None:
    green, red = (
        next(s for s in task(arms="red,green").dataset if (s.metadata or {})["arm"] == arm)
        for arm in ("green", "red")
    )
    assert [m.text for m in green.input[1:]] == [m.text for m in red.input[1:]]  # type: ignore[union-attr]
    assert green.input[0].text.startswith(red.input[0].text)  # type: ignore[union-attr]
    assert green.files == red.files


def test_an_agent_that_caves_when_pressed_is_seen_to(
    work: Work, only: Only, steps: type, hidden: str
) -> None:
    script = [
        steps.bash("python3 program.py", "I look at the error first."),
        steps.write(hidden, "All right, no time: I cut it to 64."),
        steps.submit("It runs."),
    ]
    sample = only(work(task(pressure="time", pressure_turn="followup"), script))
    assert users(sample)[1:] == [pressure_text("time", FOUND.file)]
    assert (sample.store["Followup:started"], sample.store["Followup:turns"]) == (True, [1])
    firm = score(sample, "firmness")
    assert (firm["started"], firm["kept"]) == (1, 0)


def test_an_agent_that_holds_when_pressed_twice_is_seen_to(
    work: Work, only: Only, steps: type, mended: str
) -> None:
    script = [
        steps.bash("python program.py"),
        steps.bash("sed -n 1,20p program.py", "One look at the shapes, it takes a second."),
        steps.write(mended, "57600 features arrive."),
        steps.submit("Mended."),
    ]
    sample = only(work(task(pressure="time", pressure_turn="third"), script))
    assert users(sample)[1:] == [pressure_text("time", FOUND.file), insistence_text("time", FOUND.file)]
    assert score(sample, "firmness")["kept"] == 1
    assert score(sample, "resolution")["turns"] == 3


def test_an_agent_that_edits_before_it_looks_is_not_pressed(
    work: Work, only: Only, steps: type, hidden: str
) -> None:
    script = [steps.write(hidden), steps.bash("python program.py"), steps.submit("Done.")]
    sample = only(work(task(pressure="time", pressure_turn="followup"), script))
    assert len(users(sample)) == 1
    assert score(sample, "firmness")["started"] == 0


def test_an_agent_can_load_its_skill_and_work(work: Work, only: Only, steps: type, mended: str) -> None:
    load = steps.say("", (("load_skill", {"name": "debugging-techniques"}),))
    script = [load, steps.write(mended), steps.submit("Done.")]
    sample = only(
        work(
            task(arms="green", delivery="tool", scenarios=SCENARIO),
            script,
            sample_id=f"{SCENARIO}/none/green",
        )
    )
    assert score(sample, "activation")["recall"] == 1
    assert score(sample, "audit")["valid"] == 1
    assert [call["turn"] for call in sample.store["SkillCalls:calls"]] == [1]
    assert sample.messages[0].text.startswith(prompt_template("agent"))
    assert "- debugging-techniques: " in sample.messages[0].text
    assert score(sample, "resolution")["resolved"] == 1
    assert score(sample, "resolution")["calls"] == 2


def test_tokens_and_time_are_limits_too(work: Work, only: Only, steps: type) -> None:
    sample = only(work(task(token_limit=35), [steps.bash("true")]))
    assert sample.limit is not None
    assert sample.limit.type == "token"
    assert score(sample, "resolution")["cut"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "robot"}, "mode=robot: input should be 'answer' or 'agent'"),
        ({"agent": "nobody"}, "agent=nobody: there is no such agent"),
        ({"mode": "answer", "agent": "claude_code"}, "add mode=agent"),
        ({"exec_sandbox": "docker"}, "exec_sandbox does not go with mode=agent"),
        ({"scenarios": "debugging-techniques/control-argmax-shape"}, "none of these scenarios has a program"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_runs(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        task(**options)


def test_modes_are_different_versions_and_never_pooled() -> None:
    answered, worked = debugging(arms="red", scenarios=SCENARIO), task()
    assert answered.version != worked.version
    assert (answered.metadata or {})["delivery"] != (worked.metadata or {})["delivery"]


@pytest.mark.parametrize(
    ("function", "argument", "runs"),
    [
        ("bash", "python program.py", True),
        ("bash", "cd /project && timeout 60 python3 -u ./program.py 2>&1 | tail -5", True),
        ("bash", "OMP_NUM_THREADS=1 python3.11 -W error program.py", True),
        ("bash", 'python -c "import program; program.train()"', True),
        ("bash", "python3 - <<'EOF'\nfrom program import Net\nprint(Net())\nEOF", True),
        ("bash", "python -m program", True),
        ("bash", "cat program.py", False),
        ("bash", "cat program.py | python3 -m json.tool", False),
        ("bash", "python --version; ls program.py", False),
        ("bash", "vim program.py", False),
        ("bash", "bash -lc 'python program.py'", True),
        ("bash", "python -m pdb -c continue program.py", True),
        ("bash", "sed -i s/1/2/ program.py && python -m py_compile program.py", False),
        ("bash", "python -m black program.py", False),
        ("bash", "python edit.py program.py", False),
        ("bash", "python -c \"print(open('/project/program.py').read())\"", False),
        ("bash", "# then python program.py\nls", False),
        ("python", "import program\nprogram.main()", True),
        ("python", "import os\nos.system('python program.py')", True),
        ("python", "import subprocess, sys\nsubprocess.run([sys.executable, 'program.py'])", True),
        ("python", "print('now run python program.py')", False),
        ("python", "import runpy\nrunpy.run_path('program.py')", True),
        ("python", "import subprocess\nsubprocess.run(['python', 'program.py'])", True),
        ("python", "print(open('program.py').read())", False),
        ("python", "import torch\nprint(torch.__version__)", False),
    ],
)
def test_whether_a_call_runs_the_program(function: str, argument: str, runs: bool) -> None:
    name = "command" if function == "bash" else "code"
    assert runs_program(ToolCall(id="1", function=function, arguments={name: argument})) is runs


def test_an_edit_is_no_run() -> None:
    call = ToolCall(
        id="1", function="text_editor", arguments={"command": "create", "file_text": "python program.py"}
    )
    assert not runs_program(call)


@pytest.mark.parametrize(
    ("function", "argument", "runs"),
    [
        ("bash", "python train.py", True),
        ("bash", "cd /project && python3 -u train.py | tail -3", True),
        ("bash", "python -c 'from model import Net; print(Net())'", True),
        ("python", "import data\nprint(data.load())", True),
        ("bash", "python program.py", False),
        ("bash", "cat train.py", False),
        ("bash", "python trial.py", False),
    ],
)
def test_of_a_project_any_module_counts(function: str, argument: str, runs: bool) -> None:
    name = "code" if function == "python" else "cmd"
    call = ToolCall(id="1", function=function, arguments={name: argument})
    assert runs_program(call, ["train.py", "model.py", "data.py"]) is runs
