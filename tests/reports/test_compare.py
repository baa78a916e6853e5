"""Comparison, gate, A/A and their outputs, on logs of scripted models."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from inspect_ai import eval as run_eval
from inspect_ai.log import read_eval_log
from inspect_ai.model import ChatMessage, Model, ModelOutput, ModelUsage, get_model

from redgreenbench.cli import main as redgreen
from redgreenbench.evals.errors import InputError
from redgreenbench.reports.compare import (
    Sides,
    compare,
    incomparable_conditions,
    shown,
    sides_of,
    transcripts_of,
)
from redgreenbench.reports.estimate import Estimate
from redgreenbench.reports.logs.table import COLUMNS, load
from redgreenbench.reports.metrics import load_metrics
from redgreenbench.reports.noise import measure_noise
from redgreenbench.reports.render.comment import LINES, MARKER, as_markdown, escape
from redgreenbench.reports.rules import (
    BLOCK,
    INCONCLUSIVE,
    PASS,
    Gate,
    GateFile,
    judge_gates,
    outcome_of,
    read_gates,
)
from redgreenbench.tasks.routing import routing

GOOD, BAD = "NEXT: hand over to gradient-management\nIt clips them.", "NEXT: answer\nUse Adam."


def frame(
    values: dict[str, dict[str, list[float | None]]], scorer: str = "act", key: str = "correct"
) -> Sides:
    """Sides from {side: {scenario: [value of epoch 1, …]}}; None is unscored."""
    rows = [
        dict.fromkeys(COLUMNS)
        | {
            "task": "routing", "model": "m", "delivery": "injection", "scenario": scenario, "pressure": "none", "arm": side, "epoch": epoch,
            "scorer": scorer, "key": key if value is not None else None,
            "value": math.nan if value is None else value,
            "status": "unscored" if value is None else "scored", "reason": "no" if value is None else "",
        }
        for side, scenarios in values.items()
        for scenario, epochs in scenarios.items()
        for epoch, value in enumerate(epochs, 1)
    ]  # fmt: skip
    return Sides(pd.DataFrame(rows, columns=list(COLUMNS)), "old", "new", ())


def two(base: list[float], head: list[float], **more: str) -> Sides:
    return frame(
        {
            "base": {f"s{i:02}": [v] for i, v in enumerate(base)},
            "head": {f"s{i:02}": [v] for i, v in enumerate(head)},
        },
        **more,
    )


def only(sides: Sides, **options: object) -> Estimate:
    (found,) = shown(compare(sides, **options))
    return found


def test_verdicts() -> None:
    up, down = [0.0] * 12 + [1.0] * 3, [1.0] * 11 + [0.0] + [1.0] * 3
    found = only(two(up, down))
    assert found.verdict == "improved"
    assert found.value == pytest.approx(11 / 15)
    assert len(found.moved(True)) == 11
    assert not found.moved(False)
    found = only(two(down, up))
    assert found.verdict == "regressed"
    assert found.moved(False)[0][1] == -1.0
    same = [0.0, 1.0] * 30
    assert only(two(same, [*same[:-1], 0.0])).verdict == "no detectable change"
    assert only(two([0, 0, 1, 1], [1, 0, 1, 0])).verdict == "underpowered"
    assert only(two([0, 0, 0], [0, 0, 0])).verdict == "underpowered"
    assert only(two([0.0], [1.0])).verdict == "invalid"


def test_less_is_better_where_the_metric_says_so() -> None:
    found = only(two([1.0] * 9 + [0.0], [0.0] * 9 + [0.0], scorer="execution", key="workaround"))
    assert found.metric == "fix-workaround"
    assert found.value < 0
    assert found.verdict == "improved"
    assert found.moved(True)
    assert not found.moved(False)


def test_too_much_missing_is_invalid_and_a_broken_judge_raises_nothing() -> None:
    scenarios = {f"s{i}": [1.0, 0.0] for i in range(8)}
    half = {name: [None, 0.0] for name in scenarios}
    compared = compare(frame({"base": scenarios, "head": half}))
    (found,) = shown(compared)
    assert found.verdict == "invalid"
    assert "8 of 16 (50 %) of the answers of head are missing" in found.why
    assert math.isnan(found.value)
    assert compared.means(found)[1].value == 0.0  # what failed is not counted as right


def test_noise_is_called_noise() -> None:
    sides = two([0.0] * 12 + [1.0] * 3, [1.0] * 8 + [0.0] * 4 + [1.0] * 3)
    assert only(sides).verdict == "improved"
    assert only(sides, noise={("m", "routing-accuracy"): 0.6}).verdict == "noise"


def test_holm_covers_the_headlines_and_the_false_discovery_rate_the_rest() -> None:
    base, head = [0.0] * 9 + [1.0, 1.0], [1.0] * 3 + [0.0] * 6 + [1.0, 1.0]
    one = two(base, head)
    keys = [("act", k) for k in ("correct", "first", "covered", "ordered", "boundary", "asked")]
    keys += [("execution", "correct")]
    many = [one.rows.assign(scorer=scorer, key=key) for scorer, key in keys]
    found = shown(compare(Sides(pd.concat(many), "old", "new", ())))
    by_family = {
        f: [c for c in found if load_metrics()[c.metric].family == f] for f in ("headline", "detail")
    }
    assert [len(mine) for mine in by_family.values()] == [3, 4]
    assert all(c.p_adjusted == pytest.approx(min(1.0, 3 * c.p)) for c in by_family["headline"])
    assert all(c.p_adjusted == pytest.approx(c.p) for c in by_family["detail"])  # all alike


def test_amounts_are_judged_against_their_own_size() -> None:
    base = [100.0 + i for i in range(20)]
    found = only(two(base, [v + 20 + i % 2 for i, v in enumerate(base)], scorer="usage", key="output_tokens"))
    assert found.metric == "output-tokens"
    assert found.verdict == "regressed"
    found = only(two(base, [v + 1 + i % 2 for i, v in enumerate(base)], scorer="usage", key="output_tokens"))
    assert found.verdict == "no detectable change"  # certain, and less than a tenth of 109.5
    near = [v + (0.5 if i % 2 else -0.5) for i, v in enumerate(base)]
    found = only(two(base, near, scorer="usage", key="output_tokens"))
    assert found.verdict == "no detectable change"


# --- the gate


def gates(*given: Gate, **more: object) -> GateFile:
    return GateFile(gates=given, **more)


def judged(sides: Sides, *given: Gate, **more: object) -> tuple[str, str]:
    results = judge_gates(sides.rows, gates(*given, **more))
    return outcome_of(results), results[0].why


MARGIN = Gate(metric="routing-accuracy", margin=0.1)
SAME = [1.0, 0.0, 1.0, 1.0] * 10


def test_a_gate_passes_on_evidence_alone() -> None:
    assert judged(two(SAME, [*SAME[:-1], 0.0]), MARGIN)[0] == PASS
    outcome, why = judged(two(SAME, [0.0] * 40), MARGIN)
    assert outcome == BLOCK
    assert "worse" in why
    outcome, why = judged(two([1, 0, 1, 1, 0], [0, 0, 1, 1, 1]), MARGIN)
    assert outcome == INCONCLUSIVE
    assert "scenarios that vary like these would decide" in why
    # p > 0.05 of a difference is no pass: nothing shows that it is not worse.
    assert judged(two([1, 1, 0], [1, 0, 0]), MARGIN)[0] == INCONCLUSIVE


def test_a_gate_that_measured_nothing_is_inconclusive() -> None:
    assert outcome_of(()) == INCONCLUSIVE
    assert judged(two([1.0], [1.0]), MARGIN)[0] == INCONCLUSIVE
    assert judged(two(SAME[:8], SAME[:8]), MARGIN)[0] == INCONCLUSIVE  # as with one answer lost of eight
    assert judged(two(SAME, SAME), Gate(metric="fixes-correct", margin=0.1))[0] == INCONCLUSIVE
    missing = frame({"base": {"a": [1.0, 1.0], "b": [1.0]}, "head": {"a": [None, 1.0], "b": [1.0]}})
    assert "missing" in judged(missing, MARGIN)[1]


def test_minimum_golden_and_changed_scenarios() -> None:
    least = Gate(metric="routing-accuracy", minimum=0.9)
    assert judged(two(SAME, [1.0] * 40), least)[0] == PASS
    assert judged(two(SAME, [0.0] * 39 + [1.0]), least)[0] == BLOCK
    assert judged(two(SAME, [1.0] * 33 + [0.0] * 7), least)[0] in (INCONCLUSIVE, BLOCK)
    assert (
        judged(two([1, 1, 0, 1], [1, 1, 1, 0]), Gate(metric="routing-accuracy", minimum=0.8))[0]
        == INCONCLUSIVE
    )
    golden = Gate(metric="routing-accuracy", golden=("s00",))
    five = {"a": [1.0] * 5, "b": [0.0] * 5}
    fell, fewer = {"a": [0.0] * 5, "b": [0.0] * 5}, {"a": [1.0, 1.0, 1.0, 0.0, 0.0], "b": [0.0] * 5}
    golden = Gate(metric="routing-accuracy", golden=("a",))
    outcome, why = judged(frame({"base": five, "head": fell}), golden)
    assert outcome == BLOCK
    assert why.startswith("golden scenario dropped: a by 100 points (p 0.00")
    outcome, why = judged(frame({"base": five, "head": fewer}), golden)
    assert outcome == INCONCLUSIVE
    assert why.startswith("lower, but no more than chance may do: a by 40 points (p 0.")
    assert judged(frame({"base": fewer, "head": five}), golden)[0] == PASS
    absent = Gate(metric="routing-accuracy", golden=("elsewhere",))
    assert judged(two([1, 0, 1], [1, 1, 1]), absent)[0] == INCONCLUSIVE
    ragged = frame({"base": {"a": [1], "b": [0], "c": [1]}, "head": {"a": [1], "b": [1]}})
    assert judged(ragged, golden, changed_scenarios="inconclusive")[1] == "scenarios on one side only: c"


def test_a_part_passes_nothing_and_blocks_what_it_proves() -> None:
    def cut(sides: Sides) -> Sides:
        """The same with a third of the head's answers never run."""
        rows = sides.rows.copy()
        never = rows["arm"].eq("head") & rows["scenario"].str[-1].isin(["0", "3", "6", "9"])
        rows.loc[never, ["scorer", "key", "value", "status", "reason"]] = [
            None,
            None,
            math.nan,
            "missing",
            "never",
        ]
        return replace(sides, rows=rows)

    assert judged(cut(two(SAME, [0.0] * 40)), MARGIN)[0] == BLOCK
    outcome, why = judged(cut(two([1.0] * 40, [1.0] * 40)), MARGIN)
    assert outcome == INCONCLUSIVE
    assert "never ran" in why
    # What could not be judged need not be like the rest, and blocks nothing.
    broken = cut(two(SAME, [0.0] * 40))
    broken.rows.loc[broken.rows["status"].eq("missing"), ["scorer", "status"]] = ["act", "unscored"]
    assert judged(broken, MARGIN)[0] == INCONCLUSIVE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gates: []", "gates: tuple should have at least 1 item"),
        ("gates: [{metric: routing-acuracy, margin: 0.1}]", "did you mean routing-accuracy"),
        ("gates: [{metric: routing-accuracy}]", "demands nothing"),
        ("gates: [{metric: routing-accuracy, margin: 0}]", "gates.0.margin"),
        ("gates: [{metric: routing-accuracy, margin: 0.1, colour: red}]", "gates.0.colour"),
        ("gates: [", "not valid YAML"),
    ],
)  # fmt: skip
def test_a_bad_gate_file_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r".") as error:
        read_gates(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_gates(tmp_path / "none.yaml")


# --- what is written


def test_text_of_a_model_does_nothing_in_markdown() -> None:
    evil = "<script>alert(1)</script> | @everyone [x](https://evil.example)\n## Heading `code`"
    shown = escape(evil)
    assert "\n" not in shown
    assert "<script" not in shown.replace("\\<", "")
    assert "@everyone" not in shown
    assert "https://" not in shown
    sides = two(SAME, [0.0] * 40)
    sides = Sides(sides.rows.assign(model=evil), evil, evil, (evil,))
    text = as_markdown(
        sides, compare(sides), judge_gates(sides.rows, gates(MARGIN)), [evil] * 50, "redgreen gate a b"
    )
    lines = text.splitlines()
    assert lines[0] == MARKER
    assert len(lines) <= LINES
    assert "**BLOCK**" in lines[1]
    assert not any(line.startswith("## ") for line in lines)
    assert "@everyone" not in text
    widths = {line.replace("\\|", "").count("|") for line in lines if line.startswith("| ")}
    assert widths == {7, 8}  # gates and metrics
    assert "Got worse (single scenarios in points, not tested): s" in text


def test_metrics_are_described() -> None:
    for name, metric in load_metrics().items():
        assert metric.formula
        assert metric.missing
        assert metric.document in ("001", "002", "003", "004", "suite"), name


# --- from real logs


def answering(answer: Callable[[str], str]) -> Model:
    def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
        output = ModelOutput.from_content("mockllm/scripted", answer(messages[0].text))
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    return get_model("mockllm/scripted", custom_outputs=reply, memoize=False)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Folders with logs of a skill at two versions, of which the new one routes rightly."""
    places = []
    for version, answer in (("old", BAD), ("new", GOOD)):
        place = tmp_path_factory.mktemp(version)
        folder = place / "using-training-optimization"
        folder.mkdir()
        text = f"---\nname: {folder.name}\ndescription: Helps.\nmetadata: {{version: '7'}}\n---\nThe {version} one.\n"
        (folder / "SKILL.md").write_text(text)
        task = routing(
            skill=str(folder),
            arms="red,green",
            scenarios="loss-goes-to-nan,model-not-learning,which-optimizer",
        )
        model = answering(lambda system, a=answer: a if "<skill" in system else BAD)
        (log,) = run_eval(task, model=model, epochs=4, log_dir=str(place / "logs"), display="none")
        assert log.status == "success", log.error
        places.append(str(place / "logs"))
    return places[0], places[1]


def cli(*arguments: str) -> Result:
    return CliRunner().invoke(redgreen, list(arguments))


def test_two_versions_are_compared(versions: tuple[str, str], tmp_path: Path) -> None:
    comment = tmp_path / "comment.md"
    done = cli("compare", *versions, "--json", "--markdown", str(comment))
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert "using-training-optimization 7" in record["base"]
    assert record["base"] != record["head"]
    assert record["differs"] == []
    by_metric = {m["metric"]: m for m in record["metrics"]}
    assert by_metric["routing-first"]["head"]["value"] > by_metric["routing-first"]["base"]["value"]
    assert by_metric["contamination-void"]["base"]["value"] == 0.0
    assert comment.read_text().startswith(MARKER)
    assert "redgreen compare" in comment.read_text()
    again = tmp_path / "again.md"
    cli("compare", *versions, "--markdown", str(again))
    assert again.read_bytes() == comment.read_bytes()
    arms = cli("compare", versions[1], "--arms", "red,green", "--metric", "routing-first", "--json")
    assert [m["metric"] for m in json.loads(arms.stdout)["metrics"]] == ["routing-first"]


def test_a_gate_has_three_exit_codes(versions: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "gates.yaml"
    file.write_text("gates: [{metric: routing-first, golden: [training-optimization/loss-goes-to-nan]}]")
    junit, comment = tmp_path / "junit.xml", tmp_path / "comment.md"
    done = cli("gate", *versions, "--gates", str(file), "--junit", str(junit), "--markdown", str(comment))
    assert done.exit_code == 0, done.output
    assert done.stdout.strip().endswith("PASS")
    assert "**PASS**" in comment.read_text()
    done = cli("gate", versions[1], versions[0], "--gates", str(file), "--junit", str(junit))
    assert done.exit_code == 1
    suite = ElementTree.fromstring(junit.read_text())
    assert suite.get("failures") == "1"
    assert "golden scenario dropped" in suite.find("testcase/failure").get("message")
    file.write_text("gates: [{metric: routing-first, minimum: 0.9}]")
    done = cli("gate", *versions, "--gates", str(file), "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["outcome"] == "INCONCLUSIVE"


def test_a_file_that_cannot_be_written_is_bad_input_and_no_block(
    versions: tuple[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "gates.yaml"
    file.write_text("gates: [{metric: routing-first, minimum: 0.9}]")
    for option in ("--junit", "--markdown"):
        done = cli("gate", *versions, "--gates", str(file), option, str(tmp_path / "no" / "such"))
        assert done.exit_code == 2
        assert (
            done.stderr
            == f"redgreen: {tmp_path}/no/such: No such file or directory; check the path and its rights\n"
        )


def test_logs_without_a_task_in_common_are_not_alike(versions: tuple[str, str]) -> None:
    infos = load([versions[0]]).provenance
    others = [replace(info, task="decision") for info in infos]
    assert incomparable_conditions(infos, others) == ("tasks routing against decision, none in common",)


def test_unlike_logs_are_refused_unless_forced(versions: tuple[str, str], tmp_path: Path) -> None:
    task = routing(scenarios="which-optimizer,training-too-slow", arms="green")
    (other,) = run_eval(task, model=answering(lambda system: GOOD), log_dir=str(tmp_path), display="none")
    done = cli("compare", versions[0], other.location)
    assert done.exit_code == 2
    assert "base and head are not alike: routing: scenario set" in done.stderr
    done = cli("compare", versions[0], other.location, "--force", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["differs"]
    mine, other = load([versions[0]]).provenance, load([versions[1]]).provenance
    assert incomparable_conditions(mine, other) == ()
    for change, words in (
        ({"delivery": "tool"}, "delivery of the skill injection against tool"),
        ({"graders": ("a", "b")}, "grader none against a+b"),
        ({"scorer_versions": {"act": 99}}, "scorer act version"),
    ):
        assert words in " ".join(incomparable_conditions(mine, [replace(i, **change) for i in other]))


def test_transcripts_are_named(versions: tuple[str, str]) -> None:
    base, head = load([versions[0]]), load([versions[1]])
    sides = sides_of(base, head, "green", "green")
    found = transcripts_of(
        sides, ["training-optimization/loss-goes-to-nan"], "mockllm/scripted", "routing-accuracy"
    )
    sample_id = "training-optimization/loss-goes-to-nan/none/green"
    assert {(t.side, t.sample) for t in found} == {("base", sample_id), ("head", sample_id)}
    assert len(found) == len(set(found))
    assert found[0].log == Path(base.logs[0]).name
    read = {(sample.id, sample.epoch) for sample in read_eval_log(base.logs[0]).samples}
    assert {(t.sample, t.epoch) for t in found if t.side == "base"} <= read


def test_an_arm_against_itself(versions: tuple[str, str]) -> None:
    done = cli("aa", versions[0], "--arm", "red", "--json")
    assert done.exit_code == 0, done.output
    by_metric = {n["metric"]: n for n in json.loads(done.stdout)}
    assert by_metric["routing-first"]["flips"] == 0.0
    assert by_metric["routing-first"]["difference"] == 0.0
    assert by_metric["routing-first"]["band"] is None  # nothing varied
    assert cli("aa", *versions, "--arm", "red").exit_code == 0
    assert "no arm 'blue'" in cli("aa", versions[0], "--arm", "blue").stderr


def test_flips_are_noise(tmp_path: Path) -> None:
    turn = iter([GOOD, BAD, BAD, GOOD, GOOD, GOOD] * 10)
    chosen = "loss-goes-to-nan,nan-after-epoch-three"
    task = routing(scenarios=chosen, arms="red")
    model = answering(lambda system: next(turn))
    (log,) = run_eval(task, model=model, epochs=2, log_dir=str(tmp_path), max_samples=1, display="none")
    found = {n.metric: n for n in measure_noise(load([log.location]), None, "red")}
    assert found["routing-first"].scenarios == 2
    assert any(n.flips > 0 for n in found.values())


def test_a_band_is_of_as_many_epochs_as_what_it_is_held_against(versions: tuple[str, str]) -> None:
    done = cli("compare", *versions, "--aa", versions[0])
    assert done.exit_code == 2
    assert "4 epochs do not give two halves of 4" in done.stderr
    table = load([versions[0]])
    assert {n.epochs for n in measure_noise(table, None, "green")} == {2}
    assert {n.epochs for n in measure_noise(table, None, "green", 1)} == {1}


def test_two_models_and_two_harnesses_are_compared_on_scenarios(versions: tuple[str, str]) -> None:
    old, new = (load([place]) for place in versions)
    other = replace(new, rows=new.rows.assign(model="mockllm/other"))
    sides = sides_of(old, other, "green", "green")
    assert set(sides.rows["model"]) == {"mockllm/scripted → mockllm/other"}
    assert "two models are compared" in sides.notes[0]
    assert any(one.verdict for one in shown(compare(sides)))
    mixed = replace(new, rows=pd.concat([other.rows, new.rows.assign(model="mockllm/third")]))
    with pytest.raises(InputError, match="no model is on both sides"):
        sides_of(old, mixed, "green", "green")
    tool = replace(new, rows=new.rows.assign(delivery="discovery"), provenance=[replace(i, delivery="discovery") for i in new.provenance])  # fmt: skip
    assert "delivery of the skill" in sides_of(old, tool, "green", "green").differs[0]
    sides = sides_of(old, tool, "green", "green", harnesses=True)
    assert not sides.differs
    assert sides.notes == ("two harnesses are compared: injection → discovery",)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "/nowhere"], "no log to report on"),
        (["compare", "{old}", "--arms", "red,blue"], "no arm 'blue' in the head's logs"),
        (["compare", "{old}", "--arms", "red"], "use --arms red,green"),
        (["compare", "{old}", "{new}", "--arms", "a,b,c"], "--arms takes one arm or two"),
        (["compare", "{old}", "{new}", "--metric", "routing"], "unknown metric 'routing'"),
        (["gate", "{old}", "{new}", "--gates", "/nowhere.yaml"], "cannot be read"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(versions: tuple[str, str], arguments: list[str], words: str) -> None:
    done = cli(*(a.format(old=versions[0], new=versions[1]) for a in arguments))
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_sides_keep_what_they_are_called(versions: tuple[str, str]) -> None:
    table = load([versions[1]])
    sides = sides_of(table, None, "red", "green")
    assert sides.base == "red"
    assert sides.head.startswith("green: using-training-optimization 7 (")
    assert set(sides.rows["arm"]) == {"base", "head"}
