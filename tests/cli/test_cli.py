"""The command line as a person or a script uses it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from inspect_ai.log import list_eval_logs, read_eval_log

from redgreenbench.cli import main
from redgreenbench.cli.run import build_tasks, default_tasks, run_folder, run_tasks
from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.pressures import applies, load_pressures
from redgreenbench.reference_bugs.folder import bug_names


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize(
    ("kind", "least", "keys"),
    [
        ("scenarios", 52, {"id", "title", "task", "document", "section", "control", "split", "tags"}),
        ("pressures", 7, {"name", "describes", "text", "of", "control"}),
        ("arms", 5, {"name", "describes"}),
        ("skills", 8, {"name", "version", "hash", "tokens", "description"}),
        ("bugs", 5, {"name", "title", "document", "location", "error_pattern"}),
    ],
)
def test_listings_for_people_and_for_scripts(kind: str, least: int, keys: set) -> None:
    records = json.loads(call("list", kind, "--json"))
    assert len(records) >= least
    assert all(keys <= set(record) for record in records)
    text = call("list", kind)
    assert f"{len(records)} {kind}" in text
    assert (records[0].get("id") or records[0]["name"]) in text


@pytest.mark.parametrize("arm", ["red", "generic", "placebo", "green"])
def test_show_prints_every_scenario(arm: str) -> None:
    """Each under one pressure; how a scenario and a pressure are put together is tested without the command."""
    for number, scenario in enumerate(load_scenarios()):
        pressures = [pressure for pressure in load_pressures() if applies(pressure, scenario.file)]
        pressure = pressures[number % len(pressures)]
        record = json.loads(call("show", scenario.id, "--pressure", pressure, "--arm", arm, "--json"))
        assert record["id"] == f"{scenario.id}/{pressure}/{arm}"
        assert scenario.file.prompt in record["messages"][1]["content"]
        assert ("<skill" in record["messages"][0]["content"]) == (arm in ("green", "placebo"))


def test_show_is_what_the_model_sees(run_task) -> None:
    from redgreenbench.tasks.debugging import debugging

    seen = {}
    run_task(
        debugging(scenarios="shape-mismatch", arms="green"),
        lambda s, u: seen.setdefault("both", (s, u))[0] or "x",
    )
    record = json.loads(call("show", "shape-mismatch", "--arm", "green", "--json"))
    assert seen["both"] == tuple(m["content"] for m in record["messages"])
    text = call("show", "shape-mismatch")
    assert "mat1 and mat2 shapes cannot be multiplied (4x57600 and 64x128)" in text
    assert "what is right" in text


def test_doctor_says_what_works_and_what_to_do() -> None:
    findings = json.loads(call("doctor", "--json"))
    assert {"python", "inspect-ai", "torch", "gpu", "isolation, inner wall", "browser", "git"} <= {
        f["part"] for f in findings
    }
    assert all(f["remedy"] for f in findings if f["status"] == "missing")


@pytest.mark.usefixtures("quick_doctor")
def test_doctor_points_at_what_to_do() -> None:
    assert "→" in call("doctor")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "loss-goes-to-nam"], "did you mean training-optimization/loss-goes-to-nan"),
        (["show", "which-optimizer", "--pressure", "tim"], "did you mean time"),
        (["show", "which-optimizer", "--arm", "gren"], "did you mean green"),
        (["show", "*nan*"], "give one id"),
        (["report", "nowhere"], "there is no .eval log here"),
        (["run", "--model", "embedded/nope"], "unknown embedded model 'nope'"),
        (["run", "--model", "gpt-5"], "give it as provider/name, such as openai/gpt-5"),
        (["run", "--model", "mockllm/model", "--grader", "nobody/gpt-5"], "no provider 'nobody'"),
        (["run", "--model", "mockllm/model", "--tasks", "rooting"], "did you mean routing"),
        (["run", "--model", "mockllm/model", "--skill", "./nowhere"], "no such folder"),
        (["dataset", "export", "/proc/nope"], "cannot write the data set"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    output = call(*arguments, code=2)
    assert message in output
    assert output.startswith("redgreen: ")
    assert output.count("\n") == 1


def test_a_model_without_a_key_is_one_line(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    output = call(
        "run", "--model", "openai/gpt-5", "--limit", "1", "--tasks", "routing", "-o", str(tmp_path), code=2
    )
    assert "OPENAI_API_KEY" in output
    assert "Traceback" not in output


def test_a_folder_that_cannot_be_written_is_one_line(scripted, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    tasks = build_tasks(["routing"], "v2", ["red"], [], [], 1)
    with pytest.raises(InputError, match="cannot write logs to"):
        run_tasks(tasks, scripted(lambda s, u: "x"), tmp_path / "file" / "logs", 1)


def test_a_full_disk_stops_the_run_with_one_line(scripted, tmp_path: Path, monkeypatch) -> None:
    import inspect_ai

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inspect_ai, "eval_set", full)
    tasks = build_tasks(["routing"], "v2", ["red"], [], [], 1)
    with pytest.raises(InputError, match="No space left on device; finished samples are in"):
        run_tasks(tasks, scripted(lambda s, u: "x"), tmp_path / "logs", 1)


def test_what_is_printed_in_a_run_without_display_goes_where_errors_go(
    scripted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def prints(system: str, user: str) -> str:
        print("a notice")
        return "NEXT: ask"

    tasks = build_tasks(["routing"], "v2", ["red"], [], [], 1)
    assert run_tasks(tasks, scripted(prints), tmp_path / "logs", 1, display="none") == 0
    found = capsys.readouterr()
    assert ("a notice" in found.out, "a notice" in found.err) == (False, True)


def test_an_interrupted_run_resumes_where_it_stopped(scripted, tmp_path: Path) -> None:
    asked: list[str] = []

    def cut(system: str, user: str) -> str:
        asked.append(user)
        if len(asked) == 4:
            raise RuntimeError("the wire was cut")
        return "NEXT: hand over to gradient-management"

    options = {"max_samples": 1, "display": "none"}
    tasks = build_tasks(["routing"], "v2", ["red", "green"], [], [], 3)
    assert run_tasks(tasks, scripted(cut), tmp_path / "logs", 1, **options) == 1
    before = len(asked)
    tasks = build_tasks(["routing"], "v2", ["red", "green"], [], [], 3)
    assert (
        run_tasks(
            tasks, scripted(lambda s, u: asked.append(u) or "NEXT: ask"), tmp_path / "logs", 1, **options
        )
        == 0
    )
    assert len(asked) - before == 6 - 3
    report = json.loads(call("report", str(tmp_path / "logs"), "-o", str(tmp_path / "report"), "--json"))
    formed = [r for r in report["results"] if r["metric"] == "act-formatted" and r["kind"] == "mean"]
    assert sum(r["answers"] for r in formed) == 6
    assert Path(report["figure"]).stat().st_size > 10_000


def test_equal_configurations_share_a_folder_and_others_do_not(tmp_path: Path, make_skill) -> None:
    def folder(**changes) -> Path:
        arguments = {
            "tasks": ["routing"],
            "skill": "v2",
            "arms": ["red", "green"],
            "pressure": [],
            "scenarios": [],
            "limit": 2,
        }
        return run_folder(tmp_path, "openai/gpt-5", build_tasks(**(arguments | changes)), 1)

    assert folder() == folder()
    others = [
        folder(skill="v1"),
        folder(limit=3),
        folder(arms=["red"]),
        folder(pressure=["time"]),
        folder(tasks=["debugging"]),
    ]
    assert len({folder(), *others}) == 6


def test_a_short_run_takes_so_many_scenarios_of_each_task() -> None:
    routing, debugging = build_tasks(["routing", "debugging"], "v2", ["red", "green"], [], [], 2)
    assert len(routing.dataset) == len(debugging.dataset) == 4
    (pressure,) = build_tasks(["pressure"], "v2", ["red"], ["none", "time"], [], 1)
    assert len(pressure.dataset) == 2


def test_a_skill_runs_on_the_tasks_it_is_made_for(make_skill) -> None:
    assert default_tasks("v2") == ["decision", "routing", "debugging", "scheduling"]
    assert default_tasks(str(make_skill(name="anything"))) == default_tasks("v2")
    assert default_tasks(str(make_skill(name="learning-rate-scheduling"))) == ["decision", "scheduling"]
    assert default_tasks("using-pytorch-engineering/v1") == ["decision", "routing"]


def test_the_data_set_is_exported(tmp_path: Path) -> None:
    written = json.loads(call("dataset", "export", str(tmp_path / "out"), "--json"))
    assert written["scenarios"] == len(load_scenarios())
    assert Path(written["card"]).is_file()


@pytest.mark.usefixtures("quick_doctor")
def test_every_key_of_the_json_is_documented(tmp_path: Path, run_task) -> None:
    from redgreenbench.tasks.routing import routing

    text = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    log = run_task(routing(scenarios="which-optimizer"), lambda s, u: "x")
    report = json.loads(call("report", log.location, "-o", str(tmp_path / "r"), "--json"))
    outputs = [report, report["results"][0], json.loads(call("show", "which-optimizer", "--json"))]
    outputs += [
        json.loads(call("list", kind, "--json"))[0]
        for kind in ("scenarios", "pressures", "arms", "skills", "bugs")
    ]
    outputs += [
        json.loads(call("doctor", "--json"))[0],
        json.loads(call("dataset", "export", str(tmp_path / "d"), "--json")),
    ]
    assert not {key for output in outputs for key in output if f"`{key}`" not in text}


def test_help_names_examples_and_exit_codes() -> None:
    assert "Exit codes" in call("--help")
    for command in ("run", "list", "show", "report", "dataset export"):
        assert "Example" in call(*command.split(), "--help")


def test_named_bugs_are_posed_by_the_tasks_that_have_them() -> None:
    every = ["routing", "debugging", "scheduling"]

    def posed(bugs: list[str], limit: int | None = None) -> dict[str, set[str]]:
        built = build_tasks(every, "v2", ["red"], [], [], limit, bugs)
        return {task.name.rpartition("/")[2]: {s.metadata["bug"] for s in task.dataset} for task in built}

    assert posed(["softmax-before-cross-entropy"]) == {"debugging": {"softmax-before-cross-entropy"}}
    both = posed(["cosine-stepped-per-batch", "missing-optimizer-step"])
    assert both == {"debugging": {"missing-optimizer-step"}, "scheduling": {"cosine-stepped-per-batch"}}
    found = posed(["all"])
    assert len(found["scheduling"]) == 6
    assert found["debugging"].isdisjoint(found["scheduling"])
    assert found["debugging"] | found["scheduling"] == set(bug_names(private=False))
    assert len(posed(["all"], limit=2)["debugging"]) == 2
    with pytest.raises(InputError, match="unknown bug 'softmax'"):
        posed(["softmax"])


def test_a_limit_poses_so_many_of_what_is_named_and_never_more(tmp_path: Path) -> None:
    def posed(scenarios: str, limit: int) -> list[str]:
        (task,) = build_tasks(["decision"], "v2", ["red"], [], [scenarios], limit)
        return [sample.metadata["scenario"] for sample in task.dataset]

    control = "training-optimization/control-adamw-weight-decay-default"
    assert posed(control, 1) == [control]
    assert len(posed("training-optimization", 15)) == 15
    assert not [name for name in posed("training-optimization", 8) if "/control-" in name]
    call("new", "pack", "mine", "--into", str(tmp_path))
    assert posed(str(tmp_path / "mine"), 1) == ["mine/breaking-change"]


def test_parameters_of_tasks_reach_those_that_have_them() -> None:
    routing, debugging = build_tasks(
        ["routing", "debugging"],
        "v2",
        ["red"],
        [],
        [],
        1,
        parameters=["delivery=tool", "mode=agent", "message_limit=12"],
    )
    assert (routing.metadata or {})["delivery"] == "discovery"
    assert (debugging.metadata or {})["delivery"] == "discovery, agent react"
    assert routing.message_limit == debugging.message_limit == 12


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("mode", "give it as name=value"),
        ("mode=agent", "routing pose no programs"),
        ("arms=red", "use --arms"),
    ],
)
def test_parameters_that_cannot_be_given_are_refused(parameter: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_tasks(["routing"], "v2", ["red"], [], [], 1, parameters=[parameter])


def test_another_budget_is_another_configuration(tmp_path: Path) -> None:
    def folder(limit: int) -> Path:
        tasks = build_tasks(
            ["debugging"], "v2", ["red"], [], [], 1, parameters=["mode=agent", f"message_limit={limit}"]
        )
        return run_folder(tmp_path, "mockllm/model", tasks, 1)

    assert folder(10) != folder(12)
    assert folder(10) == folder(10)


@pytest.mark.parametrize("pack", ["training-optimization", "learning-rate-scheduling"])
def test_a_new_scenario_is_valid_as_it_is_laid_out(pack: str, tmp_path: Path, monkeypatch) -> None:
    from redgreenbench.evals.catalogue import load_packs
    from redgreenbench.tasks.decision import decision

    monkeypatch.chdir(tmp_path)
    said = call("new", "scenario", f"{pack}/flat-loss")
    assert "-T scenarios=./scenarios" in said
    (scenario,) = load_scenarios(tmp_path / "scenarios")
    assert scenario.id == f"{pack}/flat-loss"
    assert bool(scenario.file.act) == bool(load_packs()[pack].specialists)
    assert all(applies(name, scenario.file) for name in load_pressures())
    assert len(decision(scenarios="./scenarios", arms="red").dataset) == 1
    assert "Reply with one letter." in call(
        "show", f"{pack}/flat-loss", "--decision", "--scenarios", "./scenarios"
    )
    assert "is there already" in call("new", "scenario", f"{pack}/flat-loss", code=2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flat-loss", "unknown pack"),
        ("nowhere/flat-loss", "unknown pack"),
        ("debugging-techniques/Flat Loss", "no name"),
    ],
)
def test_a_scenario_of_a_bad_name_is_one_line(name: str, message: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in call("new", "scenario", name, code=2)
    assert not list(tmp_path.iterdir())


def test_the_guide_shows_the_very_scenario_that_is_laid_out(tmp_path: Path) -> None:
    call("new", "scenario", "training-optimization/flat-loss", "--into", str(tmp_path))
    written = (tmp_path / "training-optimization" / "flat-loss.yaml").read_text()
    guide = (Path(__file__).parents[2] / "docs" / "adding-a-scenario.md").read_text()
    assert f"```yaml\n{written}```" in guide
    assert 35 <= len(written.splitlines()) <= 45


def test_a_decision_is_shown_as_it_is_posed() -> None:
    said = call("show", "loss-goes-to-nan", "--decision", "--pressure", "authority")
    assert "\nD) " in said
    assert "Reply with one letter." in said
    assert "wrong (shortcut, no-systematic-diagnosis)" in said
    assert "NEXT:" not in said
    assert "has no decision; drop --decision" in call(
        "show", "positive-gradient-management", "--decision", code=2
    )


def test_what_a_quick_start_found_is_said_in_a_sentence_a_pressure(run_task) -> None:
    from redgreenbench.cli.quickstart import findings
    from redgreenbench.reports.estimate import estimate
    from redgreenbench.reports.logs.table import load
    from redgreenbench.reports.rules import judge
    from redgreenbench.tasks.decision import decision

    task = decision(scenarios="memory-error,which-optimizer,loss-goes-to-nan", pressure="none,authority")
    log = run_task(task, lambda system, user: "A" if "<skill" in system else "B")
    whole, pressed, plain = findings(judge(estimate(load([log.location]).rows)))
    assert whole.startswith("Decisions: the right next step in ")
    assert pressed.startswith("Decisions under the pressure authority: ")
    assert plain.startswith("Decisions without pressure: ")
    assert "over 3 scenarios: " in plain
    one = decision(scenarios="memory-error", pressure="none")
    (alone,) = findings(judge(estimate(load([run_task(one, lambda system, user: "A").location]).rows)))
    assert "in points 0 [no interval] over 1 scenario: invalid." in alone


PRICE = "{input: 2.0, output: 8.0, input_cache_write: 0, input_cache_read: 0}"


def test_a_plan_says_what_a_run_then_uses(tmp_path: Path, make_skill) -> None:
    folder = make_skill(sheet="See [more](gone.md).")
    (folder / "LICENSE").write_text("Words.")
    asked = (
        "run",
        "--model",
        "mockllm/model",
        "--skill",
        str(folder),
        "--tasks",
        "decision,routing",
        "--limit",
        "2",
    )
    asked += ("--epochs", "2", "--reply-tokens", "70", "-o", str(tmp_path / "out"))
    plan = json.loads(call(*asked, "--plan", "--json"))
    assert [(share["task"], share["arm"], share["answers"]) for share in plan["arms"]] == [
        ("decision", "red", 4), ("decision", "green", 4), ("routing", "red", 4), ("routing", "green", 4),
    ]  # fmt: skip
    said = call(*asked, "--plan")
    assert "my-skill: left out: LICENSE" in said
    assert "my-skill: links to files that are not there: sheet.md: gone.md" in said
    assert not (tmp_path / "out").exists()
    assert f"about {plan['tokens']:,} tokens, $0.00" in call(*asked)
    used = sum(
        usage.total_tokens
        for info in list_eval_logs(str(tmp_path / "out"))
        for usage in read_eval_log(info, header_only=True).stats.model_usage.values()
    )
    assert plan["tokens"] == pytest.approx(used, rel=0.1)


def test_a_plan_knows_the_cost_where_prices_are_given(tmp_path: Path) -> None:
    asked = ("run", "--model", "openai/gpt-4o", "--tasks", "decision", "--limit", "1", "--plan", "--json")
    assert json.loads(call(*asked))["cost"] is None
    prices = tmp_path / "prices.yaml"
    prices.write_text(f"openai/gpt-4o: {PRICE}")
    plan = json.loads(call(*asked, "--model-cost-config", str(prices)))
    given, said = (sum(share[key] for share in plan["arms"]) for key in ("input", "output"))
    assert plan["cost"] == pytest.approx((2 * given + 8 * said) / 1e6)
    prices.write_text("openai/gpt-4o: 3")
    assert "no prices" in call(*asked, "--model-cost-config", str(prices), code=2)


def test_a_run_that_may_cost_something_asks_first_at_a_terminal(tmp_path: Path, monkeypatch) -> None:
    asked = (
        "run",
        "--model",
        "openai/gpt-4o",
        "--tasks",
        "decision",
        "--limit",
        "1",
        "-o",
        str(tmp_path / "out"),
    )
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    result = CliRunner().invoke(main, list(asked), input="n\n")
    assert "go on?" in result.output
    assert result.exit_code == 1
    assert not (tmp_path / "out").exists()


def test_a_cost_cannot_be_held_to_a_limit_without_a_price(tmp_path: Path) -> None:
    asked = ("run", "--model", "openai/gpt-4.1", "--tasks", "decision", "--limit", "1", "-o", str(tmp_path))
    assert "the price of openai/gpt-4.1 is not known" in call(*asked, "--max-cost", "1", code=2)


def test_a_run_stops_when_it_has_used_what_it_may_and_goes_on_later(tmp_path: Path) -> None:
    asked = [
        "run",
        "--model",
        "mockllm/model",
        "--tasks",
        "decision",
        "--skill",
        "v2",
        "--limit",
        "8",
        "-o",
        str(tmp_path),
    ]
    result = CliRunner().invoke(main, [*asked, "--max-tokens", "5000"])
    assert result.exit_code == 130
    assert "stopped after" in result.output
    done = sum(len(read_eval_log(info).samples or ()) for info in list_eval_logs(str(tmp_path)))
    assert 0 < done < 16
    call(*asked)


@pytest.mark.parametrize("command", ["gate", "ci"])
def test_a_fault_of_ours_never_reads_as_block(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("not foreseen")

    monkeypatch.setattr(main.commands[command], "callback", fails)
    gates = ["--gates", "g.yaml"]
    given = {
        "gate": ["logs", *gates],
        "ci": ["--skill", str(tmp_path), "--base", "b", "--model", "mockllm/model", *gates],
    }[command]
    done = CliRunner().invoke(main, [command, *given])
    assert done.exit_code == 3
    assert "RuntimeError: not foreseen" in done.stderr
    assert "fault of redgreen's" in done.stderr
