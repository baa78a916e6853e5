"""`redgreen ci` in a git repository with a scripted model, and the shell steps of the action with stand-ins on PATH."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import click
import inspect_ai
import pytest
import yaml
from click.testing import CliRunner, Result
from inspect_ai.model import ChatMessage, Model, ModelOutput, ModelUsage, get_model

from redgreenbench.cli import main as redgreen
from redgreenbench.cli.versions import TimeBudget
from redgreenbench.evals.vocabulary import SUITE_VERSION
from redgreenbench.reports.render.comment import LINES, escape, marker_of
from redgreenbench.reports.usage import usage_of

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "redgreen" / "action.yml"
EXAMPLES = ROOT / "docs" / "examples"
NAME = "using-training-optimization"
SCENARIOS = "loss-goes-to-nan,model-not-learning,which-optimizer"
GOOD, BAD = "NEXT: hand over to gradient-management", "NEXT: answer\nUse Adam."
GOLDEN = "gates: [{metric: routing-first, golden: [training-optimization/loss-goes-to-nan]}]"
DROP = "--epochs", "5"  # fewer answers cannot show that one scenario dropped
MARGIN = "gates: [{metric: routing-first, margin: 0.05}]"


@dataclass
class Place:
    """A repository with a skill, and a model that answers by the skill it is shown."""

    root: Path
    commit: Callable[..., None]
    answer: Callable[[str, str], str] = lambda system, user: GOOD if "The right one" in system else BAD
    asked: list[str] = field(default_factory=list)

    @property
    def skill(self) -> Path:
        return self.root / "skills" / NAME

    def write(self, body: str, tag: str = "") -> None:
        self.skill.mkdir(parents=True, exist_ok=True)
        (self.skill / "SKILL.md").write_text(f"---\nname: {NAME}\ndescription: Helps.\n---\n{body}\n")
        if tag:
            self.commit(self.root, "commit", tag, tag)

    def remove(self, tag: str = "") -> None:
        shutil.rmtree(self.skill)
        if tag:
            self.commit(self.root, "commit", tag, tag)

    def gates(self, text: str) -> None:
        (self.root / "gates.yaml").write_text(text)

    def ci(self, *more: str, base: str = "old") -> Result:
        arguments = ["ci", "--skill", f"skills/{NAME}", "--base", base, "--gates", "gates.yaml"]
        arguments += ["--model", "mockllm/scripted", "--scenarios", SCENARIOS, "--output", "out"]
        arguments += [*([] if "--tasks" in more else ["--tasks", "routing"]), *more]
        return CliRunner().invoke(redgreen, arguments)

    def read(self, name: str = "comment.md") -> str:
        return (self.root / "out" / name).read_text()

    @property
    def record(self) -> dict:
        return json.loads(self.read("result.json"))


@pytest.fixture
def place(tmp_path: Path, git: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Place:
    root = tmp_path / "skills-repository"
    root.mkdir()
    found = Place(root, git)
    found.gates(GOLDEN)
    monkeypatch.chdir(root)

    def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
        found.asked.append(messages[0].text)
        output = ModelOutput.from_content(
            "mockllm/scripted", found.answer(messages[0].text, messages[-1].text)
        )
        usage = ModelUsage(input_tokens=100, output_tokens=7, total_tokens=110, input_tokens_cache_read=3)
        output.usage = usage
        return output

    def model() -> Model:
        return get_model("mockllm/scripted", custom_outputs=reply, memoize=False)

    real = inspect_ai.eval_set

    def scripted(*arguments: object, **options: object) -> object:
        return real(*arguments, **(options | {"model": model(), "max_samples": 1}))

    monkeypatch.setattr(inspect_ai, "eval_set", scripted)
    return found


@pytest.fixture
def better(place: Place) -> Place:
    """The head routes right, the base does not."""
    place.write("The old one.", "old")
    place.write("The right one.", "new")
    return place


# --- outcomes


def test_a_better_skill_passes_and_everything_is_written(better: Place) -> None:
    done = better.ci("--step-summary", "summary", "--github-output", "outputs")
    assert done.exit_code == 0, done.output
    assert done.stdout.strip().endswith("PASS")
    assert len(better.asked) == 6  # green of both and nothing else
    comment = better.read()
    lines = comment.splitlines()
    assert len(lines) <= LINES
    assert lines[0] == marker_of(f"skills/{NAME}")
    assert lines[1].endswith("**PASS**")
    record = better.record
    for version in ("base", "head"):
        assert record[version]["hash"][:12] in lines[3]
        assert record[version]["planned"] == 3
        assert not record[version]["reused"]
        assert record[version]["usage"] == {
            "answers": 3, "tokens_in": 309, "tokens_out": 21, "grader_in": 0, "grader_out": 0,
        }  # fmt: skip
    assert record["outcome"] == record["comparison"]["outcome"] == "PASS"
    assert record["head"]["commit"]  # the working tree holds what was committed
    for words in (
        "model mockllm/scripted; tasks routing; 3 scenarios; pressure none; 1 epoch; graders none; suite version",
        "| First specialist right | ✅ PASS |",
        "Got better (single scenarios in points, not tested): training-optimization/loss-goes-to-nan +100",
        "**Validity**",
        "no value of a gated metric is missing",
        "| base | 3 | 309 | 21 | 0 | 0 |",
        "| head | 3 | 309 | 21 | 0 | 0 |",
        f"redgreen ci --skill skills/{NAME} --base {record['base']['commit'][:12]} --head",
    ):
        assert words.replace("_", "\\_") in comment or words in comment, words
    assert (better.root / "summary").read_text() == better.read("summary.md")
    assert "<" not in better.read("summary.md").replace("\\<", "").replace("<0.001", "")
    outputs = dict(line.split("=", 1) for line in (better.root / "outputs").read_text().splitlines())
    assert outputs["outcome"] == "PASS"
    assert outputs["comment"] == "out/comment.md"
    assert outputs["head-hash"] == record["head"]["hash"]
    assert ElementTree.fromstring(better.read("junit.xml")).get("failures") == "0"


def test_the_command_in_the_comment_does_it_again(better: Place) -> None:
    better.ci()
    command = re.search(r"`redgreen (ci .*)`", better.read()).group(1)
    asked = len(better.asked)
    done = CliRunner().invoke(redgreen, shlex.split(command))
    assert done.exit_code == 0, done.output
    assert len(better.asked) == asked


def test_a_worse_skill_is_blocked(better: Place) -> None:
    done = better.ci("--head", "old", *DROP, base="new")
    assert done.exit_code == 1, done.output
    assert "**BLOCK**" in better.read()
    assert "golden scenario dropped" in better.read()
    assert (
        "Got worse (single scenarios in points, not tested): training-optimization/loss-goes-to-nan -100"
        in better.read()
    )
    assert ElementTree.fromstring(better.read("junit.xml")).get("failures") == "1"


def test_too_little_evidence_is_inconclusive(better: Place) -> None:
    better.gates(MARGIN)
    done = better.ci("--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout) == better.record
    assert better.record["outcome"] == "INCONCLUSIVE"
    assert better.record["reasons"] == []
    assert "**INCONCLUSIVE**" in better.read()


def test_a_skill_that_did_not_change_is_skipped(better: Place) -> None:
    (better.root / "elsewhere.txt").write_text("A change, but not of the skill.")
    done = better.ci("--github-output", "outputs", "--step-summary", "summary", base="new")
    assert done.exit_code == 0, done.output
    assert not better.asked
    assert better.record["outcome"] == "skipped"
    assert better.record["comparison"] is None
    assert "same content" in better.read()
    assert "same content" in (better.root / "summary").read_text()
    assert "outcome=skipped\n" in (better.root / "outputs").read_text()
    suite = ElementTree.fromstring(better.read("junit.xml"))
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("1", "1", "0")


def test_a_new_skill_is_compared_with_none(place: Place) -> None:
    place.commit(place.root, "commit", "empty", "old")
    place.write("The right one.")
    done = place.ci()
    assert done.exit_code == 0, done.output
    assert len(place.asked) == 6
    assert sum("<skill" in system for system in place.asked) == 3
    assert "the skill is new" in place.read()
    record = place.record
    assert (record["base"]["arm"], record["head"]["arm"]) == ("red", "green")
    assert record["base"]["hash"] is None
    assert record["head"]["commit"] is None  # not committed
    assert "--head" not in record["command"]
    assert "| base and head | 6 | 618 | 42 | 0 | 0 |" in place.read()


def test_a_deleted_skill_is_skipped(better: Place) -> None:
    better.remove()
    done = better.ci()
    assert done.exit_code == 0, done.output
    assert better.record["outcome"] == "skipped"
    assert "no such skill any more" in better.read()
    better.commit(better.root, "commit", "gone", "gone")
    assert better.ci("--head", "gone").exit_code == 0
    assert not better.asked


# --- what spoils a verdict


def test_a_partial_run_passes_nothing_and_is_finished_by_the_next_call(better: Place) -> None:
    usual = better.answer

    def fails_once(system: str, user: str) -> str:
        if "The right one" in system and "My model isn't learning" in user:
            raise RuntimeError("the wire was cut by @mallory <img> | x")
        return usual(system, user)

    better.answer = fails_once
    better.gates(f"{GOLDEN}\nmax_missing: 0.9")
    done = better.ci()
    assert done.exit_code == 2, done.output
    assert len(better.asked) == 6  # one failure costs no other answer
    assert "**INCONCLUSIVE** (the gates alone: PASS)" in better.read()
    assert "1 of 3 answers of the head are missing" in better.read()
    assert "@mallory" not in better.read()
    assert "<img>" not in better.read()
    assert ElementTree.fromstring(better.read("junit.xml")).find("testcase/skipped") is not None
    better.answer = usual
    done = better.ci()
    assert done.exit_code == 0, done.output
    assert len(better.asked) == 7
    assert better.record["base"]["reused"]
    assert better.record["head"]["usage"]["tokens_out"] == 21  # of both attempts


def test_a_partial_base_passes_nothing(better: Place) -> None:
    usual = better.answer

    def fails_for_the_base(system: str, user: str) -> str:
        if "The old one" in system:
            raise RuntimeError("no")
        return usual(system, user)

    better.answer = fails_for_the_base
    done = better.ci()
    assert done.exit_code == 2, done.output
    assert "3 of 3 answers of the base are missing" in better.read()
    assert "**INCONCLUSIVE**" in better.read()


def test_time_that_is_over_is_inconclusive(better: Place) -> None:
    done = better.ci("--max-minutes", "0.000000001")
    assert done.exit_code == 2, done.output
    assert not better.asked
    assert "the time of --max-minutes is over" in better.read()
    assert better.record["outcome"] == "INCONCLUSIVE"


@pytest.fixture(params=["interactive", "background"])
def job(request: pytest.FixtureRequest) -> Iterator[None]:
    """How the shell started this: the jobs that it starts in the background ignore interrupts."""
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler if request.param == "interactive" else signal.SIG_IGN
    )
    yield
    signal.signal(signal.SIGINT, before)


def test_a_budget_interrupts_what_takes_too_long(job: None) -> None:
    budget = TimeBudget(0.2 / 60)
    assert not budget.spent
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), budget.watch():
        time.sleep(20)
    assert time.monotonic() - began < 10
    assert budget.spent
    with TimeBudget(None).watch():
        pass


@pytest.mark.parametrize("at", [2, 5])
def test_a_run_that_is_interrupted_is_inconclusive_and_goes_on(better: Place, at: int) -> None:
    usual = better.answer
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # As in a job that a shell started in the background.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupted(system: str, user: str) -> str:
        if len(better.asked) == at:
            signal.raise_signal(signal.SIGINT)
        return usual(system, user)

    better.answer = interrupted
    done = better.ci()
    assert done.exit_code == 2, done.output
    assert better.record["outcome"] == "INCONCLUSIVE"
    assert ("the run of the base did not end: interrupted" in better.read()) == (at == 2)
    assert (
        "The right one" not in "".join(better.asked) or at == 5
    )  # after an interruption nothing more is asked
    better.answer = usual
    assert better.ci().exit_code == 0


def test_a_base_that_was_run_before_is_not_asked_again(better: Place) -> None:
    better.ci()
    assert len(better.asked) == 6
    better.write("The right one, again.")
    done = better.ci("--plan", "--json", "--github-output", "outputs")
    assert done.exit_code == 0
    plan = json.loads(done.stdout)
    assert (plan["outcome"], plan["base"]["reused"], plan["head"]["reused"]) == ("planned", True, False)
    assert "to-ask=true\n" in (better.root / "outputs").read_text()
    assert len(better.asked) == 6
    done = better.ci()
    assert done.exit_code == 0, done.output
    assert len(better.asked) == 9
    assert all("again" in system for system in better.asked[6:])
    assert "the base was not asked again: its answers are of 20" in better.read()
    assert "| base (earlier run) | 3 |" in better.read()
    # The same content under another revision is the same base; and a head that became the base is paid for.
    better.commit(better.root, "commit", "later", "later")
    better.write("The right one, for the third time.")
    assert better.ci(base="later").exit_code == 0
    assert len(better.asked) == 12
    # Another configuration is another run.
    better.ci("--epochs", "2", base="later")
    assert len(better.asked) == 24


def test_a_base_that_was_scored_otherwise_is_asked_again(
    better: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    better.ci()
    compare = importlib.import_module("redgreenbench.reports.compare")
    real, calls = compare.incomparable_conditions, []

    def first_time_unlike(base: object, head: object, harnesses: bool = False) -> tuple[str, ...]:
        calls.append(1)
        return ("routing: scorer route version 1 against 2",) if len(calls) == 1 else real(base, head)

    monkeypatch.setattr(compare, "incomparable_conditions", first_time_unlike)
    better.write("The right one, again.")
    done = better.ci()
    assert done.exit_code == 0, done.output
    assert len(better.asked) == 6 + 3 + 3
    assert not better.record["base"]["reused"]
    monkeypatch.setattr(compare, "incomparable_conditions", lambda *_: ("routing: grader a against b",))
    done = better.ci()
    assert done.exit_code == 2
    assert "base and head are not alike: routing: grader a against b" in done.stderr
    assert "(the gates alone: PASS)" in better.read()
    done = better.ci("--force")
    assert done.exit_code == 0
    assert "compared although they differ: routing: grader a against b" in better.read()


# --- bad input


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--base": "nope"}, "git knows no revision 'nope'"),
        ({"--base": "--all"}, "git knows no revision '--all'"),
        ({"--head": "nope"}, "git knows no revision 'nope'"),
        ({"--skill": "skills/other"}, "skill skills/other: no SKILL.md in it"),
        ({"--gates": "none.yaml"}, "none.yaml: cannot be read"),
        ({"--tasks": "rooting"}, "did you mean routing"),
        ({"--scenarios": "loss-goes-to-nam"}, "did you mean training-optimization/loss-goes-to-nan"),
        ({"--aa": "/nowhere"}, "no log to report on"),
        ({"--output": "gates.yaml"}, "cannot write to gates.yaml"),
        ({"--github-output": "no/such/folder"}, "cannot append to no/such/folder"),
    ],
)
def test_bad_input_is_one_line(better: Place, change: dict[str, str], words: str) -> None:
    given = {
        "--skill": f"skills/{NAME}", "--base": "old", "--gates": "gates.yaml", "--model": "mockllm/scripted",
        "--scenarios": SCENARIOS, "--output": "out",
    }  # fmt: skip
    plan = ["--plan"] if "--github-output" in change else []
    arguments = [f"{option}={value}" for option, value in (given | change).items()]
    done = CliRunner().invoke(redgreen, ["ci", *arguments, *plan])
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert done.stderr.startswith("redgreen: ")
    assert done.stderr.count("\n") == 1
    assert not better.asked


def test_a_golden_scenario_that_is_not_asked_is_said_before_anything_is_paid(better: Place) -> None:
    Path("golden.yaml").write_text(
        "gates: [{metric: routing-accuracy, golden: [training-optimization/loss-goes-to-nam]}]"
    )
    given = [
        "--skill",
        f"skills/{NAME}",
        "--base",
        "old",
        "--gates",
        "golden.yaml",
        "--model",
        "mockllm/scripted",
    ]
    done = CliRunner().invoke(redgreen, ["ci", *given, "--scenarios", SCENARIOS, "--plan"])
    assert done.exit_code == 0, done.output
    assert "not asked: training-optimization/loss-goes-to-nam" in done.stderr
    assert not better.asked


def test_a_skill_that_cannot_be_used_is_bad_input_and_not_a_deleted_one(better: Place) -> None:
    (better.skill / "SKILL.md").write_text("no frontmatter")
    done = better.ci()
    assert done.exit_code == 2
    assert "has no frontmatter" in done.stderr
    assert not (better.root / "out" / "result.json").exists()


def test_an_earlier_result_is_not_read_as_this_one(better: Place) -> None:
    assert better.ci().exit_code == 0
    assert better.ci(base="nope").exit_code == 2
    assert [path.name for path in (better.root / "out").iterdir()] == ["runs"]


# --- what is written


def test_the_comment_stays_short_and_harmless_whatever_is_in_it(better: Place) -> None:
    evil = "<img src=x onerror=alert(1)> | @everyone &#64;here #1 GH-2 www.evil.example $$x$$ \u202e\n# H"
    better.answer = lambda system, user: evil if "old" in system else GOOD
    gates = [
        {"metric": name, "margin": 0.01 + i / 100}
        for i in range(7)
        for name in ("routing-first", "restraint")
    ]
    better.gates(yaml.safe_dump({"gates": gates}))
    (better.root / "<b>@everyone &#64;here").mkdir()
    shutil.copytree(better.skill, better.root / "<b>@everyone &#64;here" / NAME)
    better.commit(better.root, "commit", "odd name", "odd")
    arguments = ["--skill", f"<b>@everyone &#64;here/{NAME}", "--gates", "gates.yaml", "--base", "old"]
    done = CliRunner().invoke(
        redgreen, ["ci", *arguments, "--model", "mockllm/a|b@everyone", "--scenarios", SCENARIOS, "-o", "out"]
    )
    assert done.exit_code == 2, done.output
    comment = better.read()
    lines = comment.splitlines()
    assert len(lines) <= LINES
    assert lines[-1].startswith("`redgreen ci --skill ")
    # In a code span nothing is a mention or a tag, so only the rest is looked at.
    rest = "\n".join(lines[1:-1])
    assert "@everyone" not in rest
    assert "<b>" not in rest.replace("\\<", "").replace("\\>", "")
    assert not re.search(r"(?<!\\)&", rest)
    assert "further gates are in the summary" in rest
    tables = [line for line in lines if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {8, 7}
    for text in ("&#64;here", "see #12", "GH-12", "www.evil.example", "$$", "\u202eabc", "~~x~~"):
        assert text not in escape(text)
    assert len(better.read("summary.md").splitlines()) > LINES / 2


def test_skills_of_one_pull_request_have_comments_of_their_own() -> None:
    assert marker_of("skills/a") != marker_of("skills/b")
    assert "-->" not in marker_of("x --> <script>")[:-4]
    assert "--" not in marker_of("a -- b--c")[4:-3]


def test_noise_is_shown_where_it_was_measured(better: Place) -> None:
    usual, seen = better.answer, set()

    def wavers(system: str, user: str) -> str:
        """Right at first and wrong afterwards, but about NaN only."""
        first = (system, user) not in seen
        seen.add((system, user))
        return GOOD if first and "NaN" in user else BAD

    better.answer = wavers
    better.ci("--epochs", "2", "--limit", "3")
    noisy = better.record["head"]["logs"]
    better.answer = usual
    better.ci()
    assert "noise, the same version against itself" not in better.read()
    better.ci("--aa", noisy)
    assert re.search(r"noise, the same version against itself: First specialist right ±\d+", better.read())
    assert f"--aa {noisy}" in better.read()
    better.ci("--epochs", "3")
    better.ci("--aa", better.record["head"]["logs"])
    assert "noise, the same version against itself: no gated metric varied in those logs" in better.read()


def test_tokens_of_graders_are_counted_apart(run_task, grader) -> None:
    from redgreenbench.tasks.routing import routing

    roles = {"grader": grader(lambda messages: "{}")}
    log = run_task(
        routing(scenarios="which-optimizer", arms="green"), lambda system, user: GOOD, model_roles=roles
    )
    spent = usage_of([log.location])
    assert (spent.answers, spent.tokens_in, spent.tokens_out) == (1, 1, 1)
    assert spent.grader_in >= 1
    assert spent.grader_in == spent.grader_out


def test_every_key_of_the_result_is_documented(better: Place) -> None:
    better.ci()
    text = (ROOT / "docs" / "command-line.md").read_text()
    record = better.record
    keys = {*record, *record["base"], *record["base"]["usage"], *record["comparison"]}
    assert not {key for key in keys if f"`{key}`" not in text}


# --- the action


def action() -> dict:
    return yaml.safe_load(ACTION.read_text())


def step(name: str) -> dict:
    (found,) = [one for one in action()["runs"]["steps"] if name in (one.get("id"), one["name"])]
    return found


def executable(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)


RECORDS = """
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
"""


@dataclass
class Runner:
    """Runs steps of the action with bash, as a runner would, with stand-ins before PATH."""

    root: Path

    @property
    def calls(self) -> list[list[str]]:
        path = self.root / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def run(self, name: str, code: int = 0, **given: str) -> tuple[dict[str, str], str]:
        script = step(name)["run"]
        assert set(given) - set(step(name).get("env", {})) <= {"OPENAI_API_KEY", "XAI_API_KEY", "CODE_OF_IT"}
        for file in ("output", "summary"):
            (self.root / file).write_text("")
        environment = {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "CALLS": str(self.root / "calls"),
            "RUNNER_TEMP": str(self.root),
            "GITHUB_OUTPUT": str(self.root / "output"),
            "GITHUB_STEP_SUMMARY": str(self.root / "summary"),
            "GITHUB_REPOSITORY": "us/skills",
            "GITHUB_ACTION_PATH": str(ACTION.parent),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.root / "repository",
            env=environment | given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        lines = (self.root / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines), done.stdout + (self.root / "summary").read_text()


@pytest.fixture
def runner(tmp_path: Path, git: Callable[..., None]) -> Runner:
    place = tmp_path / "repository"
    place.mkdir()
    (place / "README").write_text("x")
    git(place, "commit", "one", "one")
    executable(
        tmp_path / "bin",
        "redgreen",
        RECORDS + "sys.exit(int(os.environ.get('CODE_OF_IT', '0')))\n",
    )
    return Runner(tmp_path)


def test_nothing_is_pasted_into_a_script() -> None:
    for file in (ACTION, EXAMPLES / "skill-gate.yml"):
        tree = yaml.safe_load(file.read_text())
        jobs = tree.get("jobs", {"": tree.get("runs")})
        steps = [one for job in jobs.values() for one in job["steps"]]
        assert steps
        for one in steps:
            assert "${{" not in one.get("run", "")
            assert one.get("shell") == ("bash" if "run" in one else None)
            if "uses" in one:
                assert re.fullmatch(r"(actions/[a-z/-]+@v\d+|OWNER/redgreenbench/.*@v[\d.]+)", one["uses"])


def test_what_the_action_reads_exists() -> None:
    tree, text = action(), ACTION.read_text()
    assert {"outcome", "comment", "base-hash", "head-hash"} == set(tree["outputs"])
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(tree["inputs"])
    steps = {one["id"]: one for one in tree["runs"]["steps"] if "id" in one}
    written = {
        "keys": {"skip", "outcome"},
        "plan": {"outcome", "comment", "base-hash", "head-hash", "cache-key", "name", "to-ask"},
        "gate": {"outcome", "comment", "base-hash", "head-hash", "cache-key", "name", "to-ask", "code"},
    }
    assert set(steps) == set(written)
    for name, output in re.findall(r"steps\.([a-z]+)\.outputs\.([a-z-]+)", text):
        assert output in written[name], (name, output)
    for one in tree["runs"]["steps"]:
        used = set(re.findall(r"\$\{?!?([A-Z][A-Z_]+)", one.get("run", "")))
        given = set(one.get("env", {})) | {"PATH", "RUNNER_TEMP"}
        assert {name for name in used - given if not name.startswith("GITHUB_")} == set(), one["name"]


def test_the_options_that_the_action_passes_exist() -> None:
    command = redgreen.commands["ci"]
    known = {option for one in command.params if isinstance(one, click.Option) for option in one.opts}
    passed = set(re.findall(r'(--[a-z-]+)="?\$', step("plan")["run"] + step("gate")["run"]))
    passed |= {option for option in ("--plan",) if option in step("plan")["run"]}
    assert {"--skill", "--base", "--gates", "--model", "--step-summary", "--github-output"} <= passed
    # Options of other programs are none of ours.
    assert passed - {"--depth"} <= known


def test_the_outputs_of_the_command_are_those_that_the_action_reads(better: Place) -> None:
    better.ci("--plan", "--github-output", "outputs")
    names = {line.partition("=")[0] for line in (better.root / "outputs").read_text().splitlines()}
    assert names == {"outcome", "comment", "base-hash", "head-hash", "cache-key", "name", "to-ask"}
    assert "," not in (better.root / "outputs").read_text()  # no key of a cache may hold one


FORK = {
    "EVENT": "pull_request", "HEAD_REPOSITORY": "them/skills", "ACTOR": "them", "MODEL": "openai/gpt-5", "GRADER": "",
    "API_KEY_ENV": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "skipped"),
    [
        ({}, True),
        ({"OPENAI_API_KEY": "x"}, False),
        ({"HEAD_REPOSITORY": ""}, True),  # the fork is gone
        ({"HEAD_REPOSITORY": "us/skills"}, False),
        ({"HEAD_REPOSITORY": "us/skills", "ACTOR": "dependabot[bot]"}, True),
        ({"EVENT": "push", "HEAD_REPOSITORY": ""}, False),
        ({"MODEL": "embedded/qwen2.5-coder-0.5b"}, False),
        ({"MODEL": "embedded/qwen2.5-coder-0.5b", "GRADER": "grok/grok-4,openai/gpt-5"}, True),
        ({"MODEL": "grok/grok-4", "API_KEY_ENV": "XAI_API_KEY", "XAI_API_KEY": "x"}, False),
        ({"API_KEY_ENV": "none"}, False),
    ],
)
def test_a_fork_without_secrets_is_skipped(runner: Runner, change: dict[str, str], skipped: bool) -> None:
    outputs, said = runner.run("keys", **(FORK | change))
    assert outputs == ({"skip": "true", "outcome": "skipped"} if skipped else {})
    assert ("The skill was not judged" in said) == skipped


def test_names_of_keys_are_names(runner: Runner) -> None:
    _, said = runner.run("keys", code=1, **(FORK | {"API_KEY_ENV": "A[$(touch /tmp/owned)]"}))
    assert "names of variables" in said


ASKED = {
    "SKILL": "skills/a b", "BASE": "one", "GATES": "gates.yaml", "MODEL": "openai/gpt-5", "TASKS": "routing",
    "SCENARIOS": "*nan*", "PRESSURE": "", "EPOCHS": "3", "LIMIT": "", "GRADER": "mockllm/a, mockllm/b", "MAX_MINUTES": "80",
    "OUTPUT": "redgreen-ci",
}  # fmt: skip


def test_the_action_plans_and_judges_with_the_same_arguments(runner: Runner) -> None:
    runner.run("plan", **ASKED)
    runner.run("gate", CODE_OF_IT="0")
    planned, judged = runner.calls
    given = [
        "ci", "--skill=skills/a b", "--base=one", "--gates=gates.yaml", "--model=openai/gpt-5", "--output=redgreen-ci",
        "--tasks=routing", "--scenarios=*nan*", "--pressure=", "--epochs=3", "--max-minutes=80", "--grader=mockllm/a",
        "--grader=mockllm/b",
    ]  # fmt: skip
    assert planned[:-2] == judged[:-2] == given
    assert planned[-2] == "--plan"
    assert judged[-2].startswith("--step-summary=")
    assert planned[-1] == judged[-1]
    context = redgreen.commands["ci"].make_context("ci", [*judged[1:]])
    assert context.params["graders"] == ("mockllm/a", "mockllm/b")
    assert context.params["limit"] is None


def test_the_steps_work_with_the_command_itself(runner: Runner, better: Place) -> None:
    call = "from redgreenbench.cli import main\nmain()\n"
    executable(runner.root / "bin", "redgreen", call)
    shutil.rmtree(runner.root / "repository")
    shutil.copytree(better.root, runner.root / "repository")
    given = ASKED | {"SKILL": f"skills/{NAME}", "BASE": "new", "SCENARIOS": "", "GRADER": "", "LIMIT": "2"}
    outputs, _ = runner.run("plan", **given)
    assert (outputs["outcome"], outputs["to-ask"]) == ("skipped", "false")
    assert outputs["cache-key"].startswith(f"redgreen-2-openai-gpt-5-{NAME}-")
    outputs, said = runner.run("gate")
    assert (outputs["outcome"], outputs["code"]) == ("skipped", "0")
    assert "same content" in said
    assert (runner.root / "repository" / outputs["comment"]).read_text().startswith("<!--")


def test_a_base_that_is_not_there_is_fetched(
    runner: Runner, git: Callable[..., None], tmp_path: Path
) -> None:
    other = tmp_path / "origin"
    other.mkdir()
    (other / "README").write_text("y")
    git(other, "commit", "elsewhere")
    subprocess.run(["git", "branch", "-q", "release"], cwd=other, check=True)
    subprocess.run(["git", "remote", "add", "origin", str(other)], cwd=tmp_path / "repository", check=True)
    wanted = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=other, capture_output=True, text=True, check=True
    )
    for base in ("release", wanted.stdout.strip()):
        runner.run("plan", **(ASKED | {"BASE": base}))
        assert f"--base={wanted.stdout.strip()}" in runner.calls[-1]
    for base in ("", "--upload-pack=touch /tmp/owned"):
        _, said = runner.run("plan", code=1, **(ASKED | {"BASE": base}))
        assert "give base-ref" in said


@pytest.mark.parametrize("code", ["0", "1", "2"])
def test_a_failing_gate_is_kept_for_the_last_step(runner: Runner, code: str) -> None:
    runner.run("plan", **ASKED)
    outputs, _ = runner.run("gate", CODE_OF_IT=code)
    assert outputs == {"code": code}


@pytest.mark.parametrize(
    ("outcome", "strict", "code", "words"),
    [
        ("PASS", "true", 0, ""),
        ("skipped", "true", 0, ""),
        ("INCONCLUSIVE", "false", 0, "this is no PASS"),
        ("INCONCLUSIVE", "true", 1, "fail-on-inconclusive is set"),
        ("BLOCK", "false", 1, "BLOCK"),
        ("", "false", 1, "nothing was judged"),
    ],
)
def test_the_check_fails_by_the_outcome(
    runner: Runner, outcome: str, strict: str, code: int, words: str
) -> None:
    _, said = runner.run("Pass or fail", code=code, OUTCOME=outcome, CODE="2", STRICT=strict)
    assert words in said


GH = (
    RECORDS
    + """
if "--paginate" in sys.argv:
    # Two pages, each an array of its own.
    print(open(os.environ["CALLS"] + ".comments").read())
sys.exit(int(os.path.exists(os.environ["CALLS"] + ".forbidden")))
"""
)


@pytest.mark.needs("jq")
@pytest.mark.parametrize(
    ("there", "method", "place"),
    [
        ([[], []], "POST", "repos/us/skills/issues/7/comments"),
        ([[{"id": 1}], [{"id": 2, "mine": True}]], "PATCH", "repos/us/skills/issues/comments/2"),
        ([[{"id": 3, "mine": True}, {"id": 4, "mine": True}]], "PATCH", "repos/us/skills/issues/comments/3"),
        ([[{"id": 5, "mine": True, "login": "mallory"}]], "POST", "repos/us/skills/issues/7/comments"),
    ],
)
def test_one_comment_is_written_and_then_changed(
    runner: Runner, there: list[list[dict]], method: str, place: str
) -> None:
    marker = marker_of("skills/a")
    comment = runner.root / "repository" / "comment.md"
    comment.write_text(f"{marker}\n### Skill comparison\n")
    pages = [
        [
            {
                "id": one["id"],
                "user": {"login": one.get("login", "github-actions[bot]")},
                "body": f"{marker}\nearlier" if one.get("mine") else f"{marker_of('skills/b')}\nof another",
            }
            for one in page
        ]
        for page in there
    ]
    (runner.root / "calls.comments").write_text("".join(json.dumps(page) for page in pages))
    executable(runner.root / "bin", "gh", GH)
    given = {"GH_TOKEN": "x", "AUTHOR": "github-actions[bot]", "NUMBER": "7", "COMMENT": "comment.md"}
    runner.run("Write the comment", **given)
    listed, written = runner.calls
    assert listed == ["api", "--paginate", "repos/us/skills/issues/7/comments?per_page=100"]
    assert written == ["api", "--silent", "--method", method, place, "-F", "body=@comment.md"]
    (runner.root / "calls.forbidden").write_text("")
    _, said = runner.run("Write the comment", **given)
    assert "pull-requests: write" in said  # and the check does not fail by it


@pytest.mark.parametrize(
    ("given", "installed"),
    [
        ({"TASKS": "routing"}, "{root}"),
        ({"TASKS": ""}, "{root}[exec]"),
        ({"TASKS": "routing", "MODEL": "embedded/qwen2.5-coder-0.5b"}, "{root}[embedded]"),
        ({"TASKS": "routing", "INSTALL": "0.1.0", "PACKAGES": "openai anthropic"}, "redgreenbench==0.1.0"),
        (
            {"INSTALL": "git+https://example.org/x@v1", "TASKS": ""},
            "redgreenbench[exec] @ git+https://example.org/x@v1",
        ),
    ],
)
def test_the_action_installs_what_is_needed(runner: Runner, given: dict[str, str], installed: str) -> None:
    # A stand-in for python makes an environment whose pip is a stand-in, too.
    pip = f"#!{sys.executable}\n{RECORDS}"
    make = (
        "import pathlib\nassert sys.argv[1:4] == ['-I', '-m', 'venv']\n"
        "pip = pathlib.Path(sys.argv[4]) / 'bin' / 'pip'\npip.parent.mkdir(parents=True, exist_ok=True)\n"
        f"pip.write_text({pip!r})\npip.chmod(0o755)\n"
    )
    executable(runner.root / "bin", "python", f"import sys\n{make}")
    every = {"INSTALL": "", "PACKAGES": "", "MODEL": "openai/gpt-5", "GRADER": "", "TASKS": "routing"}
    runner.run("Install RedGreenBench", **(every | given))
    (call,) = runner.calls
    assert installed.format(root=ROOT) in call
    assert ("--constraint" in call) == ("INSTALL" not in given)
    assert call[call.index(installed.format(root=ROOT)) + 1 :] == given.get("PACKAGES", "").split()


# --- the examples


def test_the_example_workflow_asks_for_little_and_fits_the_action() -> None:
    workflow = yaml.safe_load((EXAMPLES / "skill-gate.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow[True]) == {
        "pull_request"
    }  # YAML reads `on` as true; forks get no secrets by this one
    gate = workflow["jobs"]["gate"]
    assert gate["permissions"] == {"contents": "read", "pull-requests": "write"}
    (use,) = [one for one in gate["steps"] if "redgreenbench" in one.get("uses", "")]
    assert use["uses"].split("@")[0].removeprefix("OWNER/redgreenbench/") == str(
        ACTION.parent.relative_to(ROOT)
    )
    assert set(use["with"]) <= set(action()["inputs"])
    needed = {name for name, about in action()["inputs"].items() if about.get("required")}
    assert needed <= set(use["with"])


def test_the_example_gates_are_gates() -> None:
    from redgreenbench.evals.catalogue import load_scenarios
    from redgreenbench.reports.rules import read_gates

    file = read_gates(EXAMPLES / "gates.yaml")
    known = {scenario.id for scenario in load_scenarios()}
    assert {golden for gate in file.gates for golden in gate.golden} <= known


@pytest.mark.needs("jq")
def test_the_example_workflow_finds_the_skills_that_changed(better: Place, tmp_path: Path) -> None:
    for name, text in (("skills/other/SKILL.md", "x"), ("skills/README.md", "x"), ("skills/a b/c/d.md", "x")):
        path = better.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    better.remove("gone")
    workflow = yaml.safe_load((EXAMPLES / "skill-gate.yml").read_text())
    (find,) = [one for one in workflow["jobs"]["changed"]["steps"] if one.get("id") == "find"]
    output = tmp_path / "output"
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", find["run"]],
        cwd=better.root,
        env={"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(output)},
        check=True,
    )
    name, _, value = output.read_text().partition("=")
    assert name == "skills"
    assert json.loads(value) == ["skills/a b", "skills/other", f"skills/{NAME}"]


def test_the_example_comment_is_what_the_command_writes() -> None:
    text = (EXAMPLES / "comment.md").read_text()
    before, marker, comment = text.partition("<!-- redgreenbench: skill comparison")
    assert marker
    assert "2026-11-30" in before
    assert f"suite version {SUITE_VERSION}" in comment
    assert "embedded/qwen2.5-coder-0.5b" in before
    assert len(comment.splitlines()) <= LINES
    for words in ("### Skill comparison of", "| gate |", "**Validity**", "| cost |", "`redgreen ci --skill"):
        assert words in text
    assert "/tmp/" not in text
