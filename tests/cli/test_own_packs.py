"""Packs of a user's own: laid out, posed with every instrument, imported from evals.json and exported to benchmark.json."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from inspect_ai import eval
from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from redgreenbench.cli import main
from redgreenbench.cli.run import default_tasks
from redgreenbench.evals.arms import prompt_template, resolve_arms
from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.evals.discovery import offered_skills
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import user_message
from redgreenbench.evals.samples import build_samples
from redgreenbench.reference_bugs.folder import HERE, bug_folder
from redgreenbench.tasks.routing import routing


@pytest.fixture(autouse=True)
def _no_private_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDGREEN_PRIVATE", raising=False)
    bug_folder.cache_clear()


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, list(arguments))
        assert result.exit_code == code, result.output
        return result.output

    return run


def change(path: Path, **fields: object) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **fields}))


def test_a_new_pack_is_posed_in_every_instrument_arm_and_pressure(call, make_skill, tmp_path: Path) -> None:
    call("new", "pack", "release-notes")
    skill = str(make_skill(name="skills/release-notes"))
    assert default_tasks(skill, ["./release-notes"]) == ["decision", "routing"]
    asked = [
        "run",
        "--model",
        "mockllm/model",
        "--scenarios",
        "./release-notes",
        "--skill",
        skill,
        "--plan",
        "--json",
    ]
    asked += ["--pressure", "none,authority,authority_right", "--arms", "red,generic,placebo,green"]
    plan = json.loads(call(*asked))
    assert {share["arm"] for share in plan["arms"]} == {"red", "generic", "placebo", "green"}
    assert {share["task"] for share in plan["arms"]} == {"decision", "routing"}
    assert {
        share["task"]
        for share in json.loads(call(*asked, "-T", "delivery=tool", "--tasks", "routing"))["arms"]
    } == {"routing"}
    assert "there is no shipped skill for the pack release-notes" in call(*asked[:5], code=2)
    change(Path("release-notes/pack.yaml"), instruments=["decide"])
    assert default_tasks(skill, ["./release-notes"]) == ["decision"]


def test_the_opening_is_the_packs_and_its_scenarios_are_no_part_of_the_suite(call, make_skill) -> None:
    before = {scenario.id for scenario in load_scenarios()}
    call("new", "pack", "my-notes")
    skill = make_skill(name="notes")
    said = call("show", "my-notes/breaking-change", "--scenarios", "./my-notes", "--skill", str(skill))
    assert "about a release of a software project" in said
    assert "PyTorch" not in said
    assert {scenario.id for scenario in load_scenarios()} == before
    assert call(
        "run", "--model", "mockllm/model", "--scenarios", "./my-notes", "--skill", str(skill), "-o", "out"
    )
    logs = [read_eval_log(info) for info in list_eval_logs("out")]
    assert {log.status for log in logs} == {"success"}
    assert {sample.metadata["scenario"] for log in logs for sample in log.samples} == {
        "my-notes/breaking-change", "my-notes/plain-which-file",
    }  # fmt: skip


def test_a_pack_says_what_is_wrong_with_it(call, tmp_path: Path) -> None:
    assert "there is a shipped pack called" in call("new", "pack", "training-optimization", code=2)
    assert "small words joined by hyphens" in call("new", "pack", "My Pack", code=2)
    call("new", "pack", "notes")
    assert "is there already" in call("new", "pack", "notes", code=2)
    path = Path("notes/pack.yaml")
    good = path.read_text()
    for fields, message in (
        ({"instruments": ["guess"]}, "instruments.0"),
        ({"neighbours": ["elsewhere"]}, "'elsewhere' is no shipped pack"),
        ({"summary": "x", "openning": "y"}, "openning: no such field"),
        ({"instruments": ["route", "fix"]}, "make two packs of it"),
    ):
        change(path, **fields)
        with pytest.raises(InputError, match=message):
            load_scenarios(Path("notes"))
        path.write_text(good)
    change(path, patterns={})
    with pytest.raises(InputError, match="is no failure pattern"):
        load_scenarios(Path("notes"))


def test_drafts_are_not_posed(call) -> None:
    call("new", "pack", "notes")
    change(Path("notes/scenarios/breaking-change.yaml"), draft=True)
    assert [scenario.slug for scenario in load_scenarios(Path("notes"))] == ["plain-which-file"]
    change(Path("notes/scenarios/plain-which-file.yaml"), draft=True)
    with pytest.raises(InputError, match="all scenarios are drafts"):
        load_scenarios(Path("notes"))


def test_specialists_of_ones_own_are_offered_and_handed_over_to(call, make_skill) -> None:
    call("new", "pack", "notes")
    change(Path("notes/pack.yaml"), specialists={"reading-logs": "Reads the log of commits."})
    for slug, act in (
        ("breaking-change", {"next": "hand over", "first": ["reading-logs"]}),
        ("plain-which-file", {"next": "answer"}),
    ):
        change(Path(f"notes/scenarios/{slug}.yaml"), act=act)
    (scenario, _) = load_scenarios(Path("notes"))
    assert scenario.file.act.first == ("reading-logs",)
    arms = resolve_arms(["red"], str(make_skill()), ["notes"], "tool")
    with pytest.raises(InputError, match="the specialist 'reading-logs' of the pack notes has no folder in"):
        offered_skills(arms, "notes", "red")
    folder = Path("notes/skills/reading-logs")
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: reading-logs\ndescription: Reads logs.\n---\nRead.")
    offered_skills.__globals__["_own_skills"].cache_clear()
    assert list(offered_skills(arms, "notes", "red")) == ["reading-logs"]


EVALS = {
    "skill_name": "my-skill",
    "evals": [
        {"id": 1, "prompt": "Count the rows of the table.", "files": ["evals/files/a.csv"], "expectations": ["It says 2", "The answer names the table's columns."]},
        {"id": 2, "prompt": "Fill in the form for me, please.", "files": ["evals/files/b.pdf"], "expected_output": "A form that is filled in."},
    ],
}  # fmt: skip


def test_evals_are_imported_and_gradings_exported(call, make_skill, tmp_path: Path) -> None:
    skill = make_skill()
    (skill / "evals" / "files").mkdir(parents=True)
    (skill / "evals" / "files" / "a.csv").write_text("x,y\n1,2\n3,4\n")
    (skill / "evals" / "files" / "b.pdf").write_bytes(b"%PDF\xff\0")
    (skill / "evals" / "evals.json").write_text(json.dumps(EVALS))
    said = call("import", str(skill / "evals" / "evals.json"))
    assert "eval 2 stays a draft: evals/files/b.pdf" in said
    (scenario,) = load_scenarios(Path("my-skill-evals"))
    assert "x,y\n1,2\n3,4" in user_message(scenario)
    statements = [criterion.statement for criterion in scenario.file.rubric]
    assert statements == ["Of the answer it holds: It says 2", "The answer names the table's columns."]

    def reply(messages: list, *_: object) -> ModelOutput:
        output = ModelOutput.from_content("mockllm/model", "There are 2 rows, under x and y.")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    task = routing(scenarios="./my-skill-evals", skill=str(skill))
    log = eval(task, model=get_model("mockllm/model", custom_outputs=reply), log_dir="logs")[0]
    assert log.status == "success"
    assert "no graded answer" in call("export", "skill-evals", "logs", "out", code=2)
    for sample in log.samples:
        sample.scores["judged"].metadata = {
            "statements": {
                "criterion:expectation-1": {"holds": True, "quote": "There are 2 rows", "reason": ""},
                "criterion:expectation-2": {
                    "holds": sample.metadata["arm"] == "green",
                    "quote": "",
                    "reason": "Says so.",
                },
            }
        }
    from inspect_ai.log import write_eval_log

    write_eval_log(log)
    call("export", "skill-evals", "logs", "out")
    benchmark = json.loads(Path("out/benchmark.json").read_text())
    assert benchmark["run_summary"]["delta"]["pass_rate"] == "+0.50"
    assert {run["configuration"] for run in benchmark["runs"]} == {"with_skill", "without_skill"}
    graded = json.loads(Path("out/eval-my-skill-evals-eval-1/with_skill/run-1/grading.json").read_text())
    assert graded["summary"] == {"passed": 2, "failed": 0, "total": 2, "pass_rate": 1.0}
    assert graded["expectations"][0]["evidence"] == "There are 2 rows"
    Path("my-skill-evals").rename("elsewhere")
    assert "eval-1 is not found; call this where" in call("export", "skill-evals", "logs", "out", code=2)


def test_files_of_evals_keep_their_paths_and_what_cannot_be_shown_is_said(call, make_skill) -> None:
    skill = make_skill()
    (skill / "evals").mkdir()
    (skill / "a.sql").write_text("SELECT 1;")
    (skill / "evals" / "a.sql").write_text("SELECT 2;")
    (skill / "evals" / "loop").symlink_to("loop")
    given = ["a.sql", "evals/../evals/a.sql", str(skill / "a.sql")]
    unfit = ["../../etc/passwd", "/etc/passwd", "gone.sql", "evals/loop", "nul\0"]
    one = {"prompt": "Why is it slow, do you think?", "expected_output": "Asks for the plan."}
    evals = [{"id": "Both files", "files": given, **one}, {"id": 2, "files": unfit, **one}]
    (skill / "evals" / "evals.json").write_text(json.dumps({"skill_name": "My_Skill", "evals": evals}))
    said = call("import", str(skill / "evals" / "evals.json"))
    for path in unfit[:2]:
        assert f"{path} lies outside of the skill's folder" in said
    assert "gone.sql is no file there, evals/loop is no file there" in said
    (scenario,) = load_scenarios(Path("my-skill-evals"))
    assert scenario.id == "my-skill-evals/eval-both-files"
    assert scenario.file.files == {"a.sql": "SELECT 1;", "evals/a.sql": "SELECT 2;"}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"skill_name": "\\ud800"}', "\xff"])
def test_evals_that_are_no_text_are_one_line(call, text: str) -> None:
    Path("evals.json").write_text(text, "latin-1")
    assert "evals.json: no JSON (" in call("import", "evals.json", code=2)


def test_files_lie_where_an_agent_works(call) -> None:
    call("new", "pack", "notes")
    place = Path("notes/scenarios/breaking-change.yaml")
    change(place, bug="missing-optimizer-step", files={"data/rows.csv": " x,y\n1,2\n"})
    (scenario,) = [s for s in load_scenarios(Path("notes")) if s.file.bug]
    arms = resolve_arms(["red"], ["v2"], ["notes"])
    (sample,) = build_samples([scenario], arms, ["none"], works=True)
    assert sample.files["data/rows.csv"] == " x,y\n1,2\n"
    assert "program.py" in sample.files
    assert "working directory: `data/rows.csv`" in sample.input[-1].text
    for path, why in [("../x", "is no path of a file"), ("program.py", "is a file of the program")]:
        change(place, files={path: "x"})
        with pytest.raises(InputError, match=why):
            load_scenarios(Path("notes"))


def test_bugs_of_ones_own_are_found_beside_their_packs(call, tmp_path: Path) -> None:
    for name in ("notes", "letters"):
        call("new", "pack", name)
        shutil.copytree(HERE / "missing-optimizer-step", Path(f"{name}/bugs/{name}-without-step"))
        change(Path(f"{name}/scenarios/breaking-change.yaml"), bug=f"{name}-without-step")
    posed = {s.file.bug for s in load_scenarios(tmp_path) if s.file.bug}
    assert posed == {"notes-without-step", "letters-without-step"}
    assert bug_folder("notes-without-step").path == tmp_path / "notes/bugs/notes-without-step"
    assert "REDGREEN_PRIVATE" not in os.environ
    shutil.copytree(HERE / "missing-optimizer-step", Path("notes/bugs/letters-without-step"))
    with pytest.raises(InputError, match="another bug called 'letters-without-step'; rename the folder"):
        load_scenarios(Path("notes"))


def test_suggested_scenarios_are_drafts_until_a_person_accepts_them(call, make_skill, monkeypatch) -> None:
    skill = str(make_skill())
    form = prompt_template("suggest")
    example = form.partition("```yaml\n")[2].partition("\n```")[0]
    steps = [
        f"Do the {word} thing first and then look at what it has changed."
        for word in ("right", "wrong", "short", "other")
    ]
    draft = yaml.safe_load(example)
    draft[0]["decision"]["right"] = steps[0]
    for option, step in zip(draft[0]["decision"]["wrong"], steps[1:], strict=True):
        option["step"] = step
    said = yaml.safe_dump([*draft, {"title": "No prompt"}])
    asked = []

    def reply(messages: list, *_: object) -> ModelOutput:
        asked.append(messages[-1].text)
        output = ModelOutput.from_content("mockllm/model", f"Here they are.\n\n```yaml\n{said}\n```")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    model = get_model("mockllm/model", custom_outputs=reply, memoize=False)
    monkeypatch.setattr("inspect_ai.model.get_model", lambda name: model)
    told = call("suggest", skill, "--model", "mockllm/model", "--count", "2")
    assert "draft 2 is no scenario and is left out" in told
    assert "Helps with tests." in asked[0]
    with pytest.raises(InputError, match="all scenarios are drafts"):
        load_scenarios(Path("my-skill-pack"))
    change(Path("my-skill-pack/scenarios/draft-1.yaml"), draft=False)
    (scenario,) = load_scenarios(Path("my-skill-pack"))
    assert scenario.file.decision.right == steps[0]
    Path("empty").mkdir()
    # More are added beside those that are there.
    call("suggest", skill, "--model", "mockllm/model", "--into", "my-skill-pack")
    assert Path("my-skill-pack/scenarios/draft-1-2.yaml").exists()
    assert len(load_scenarios(Path("my-skill-pack"))) == 1
    assert "is there already" in call("suggest", skill, "--model", "mockllm/model", "--into", "empty", code=2)
    assert len(asked) == 2, "what cannot be written is not asked for"
    said = "no list"
    assert "its reply is no list of scenarios" in call("suggest", skill, "--model", "mockllm/model", code=2)

    def fails(*_: object) -> ModelOutput:
        raise ConnectionError("no network\nat all")

    model = get_model("mockllm/model", custom_outputs=fails, memoize=False)
    assert "no reply (" in call("suggest", skill, "--model", "mockllm/model", "--into", "other", code=2)
