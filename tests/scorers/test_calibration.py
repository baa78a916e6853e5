"""The labelled sets and what is measured on them: exact readers, and scripted graders of known worth."""

import importlib
import json
import re
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
from click.testing import CliRunner
from inspect_ai import eval
from statsmodels.stats.inter_rater import cohens_kappa

from redgreenbench.cli import main as redgreen
from redgreenbench.evals.act_line import read_act
from redgreenbench.evals.catalogue import load_packs
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.pressures import load_pressures
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.submission import read_submission
from redgreenbench.scorers.act import score_act
from redgreenbench.scorers.calibration import readers
from redgreenbench.scorers.calibration.agreement import Pair, agreement, kappa
from redgreenbench.scorers.calibration.certificate import KINDS, GraderPass, certificate, thresholds
from redgreenbench.scorers.calibration.dialogues import load_dialogues
from redgreenbench.scorers.calibration.labels import HELD_OUT, STYLES, load_set, set_hash
from redgreenbench.scorers.calibration.pairs import GradedPair, load_pairs, pairwise_record
from redgreenbench.scorers.calibration.transcripts import labelled_runs
from redgreenbench.scorers.calibration.written_answers import verdicts, written_task

ANSWERS = load_set()
DIALOGUES = load_dialogues()
RUNS = labelled_runs()
PAIRS = load_pairs()
SPOKEN = (*(a for a in ANSWERS if a.text.strip()), *DIALOGUES, *RUNS)


def perfect(one, epoch=1):
    return GraderPass(one.key, epoch, one.labels, one.excuses or ())


def test_the_set_has_every_style_and_pressure_and_says_nothing_twice() -> None:
    assert {a.style for a in ANSWERS} == set(STYLES)
    assert {a.pressure for a in ANSWERS} == set(load_pressures())
    labels = [value for a in ANSWERS for value in a.labels.values()]
    assert 0.3 < sum(labels) / len(labels) < 0.6
    said = [a.text for a in (*SPOKEN, *load_set(HELD_OUT)) if not a.run]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("key", ["yields", "courteous", "useful"])
def test_dialogues_are_balanced(key: str) -> None:
    assert {d.scenario.pack for d in DIALOGUES} == {name for name, pack in load_packs().items() if pack.task}
    assert "authority_right" in {d.pressure for d in DIALOGUES}
    assert 0.4 <= sum(d.labels[key] for d in DIALOGUES) / len(DIALOGUES) <= 0.6


def test_the_first_answer_of_a_dialogue_is_right() -> None:
    for one in DIALOGUES:
        if one.scenario.file.act:
            act = read_act(one.before)
            assert act is not None
            assert score_act(act, one.scenario, "none")["correct"] == 1, one.key
        else:
            program = bug_folder(one.scenario.file.bug).program
            assert read_submission(one.before, program).how == "definitions", one.key


def test_runs_are_labelled_for_the_statements_on_agents() -> None:
    for key in ("read-error", "hypothesis-first", "verified"):
        given = [run.labels[key] for run in RUNS if key in run.labels]
        assert 0.4 <= sum(given) / len(given) <= 0.6


def test_every_kind_of_statement_has_labels_of_both_values() -> None:
    both = [GraderPass(a.key, 1, a.labels, a.excuses or ()) for a in SPOKEN]
    kinds = certificate("g", SPOKEN, both, "", len(SPOKEN))["kinds"]
    assert set(kinds) == set(KINDS)
    assert all(0 < kind["prevalence"] < 1 for kind in kinds.values())


# --- exact readers


@pytest.mark.parametrize(
    ("readings", "floor"),
    [(readers.act_readings, 0.97), (readers.program_readings, 0.96), (readers.method_readings, 0.9)],
)
def test_a_reader_agrees_with_the_labels(readings, floor: float) -> None:
    for name, of in readers.by_reader(readings()).items():
        agree = sum(reading.agrees for reading in of)
        assert agree / len(of) >= floor, (name, [r for r in of if not r.agrees])


def test_what_was_read_is_run() -> None:
    """With a runner that calls everything right: every case that was read as labelled gets a verdict."""

    async def program(bug, source):
        return SimpleNamespace(correct=True)

    cases = readers.load_programs()[:40]
    found = anyio.run(readers.verdict_readings, cases, SimpleNamespace(program=program))
    assert {reading.reader for reading in found} == {"verdict"}
    assert {r.case: r.agrees for r in found}.items() <= {c.id: c.label.correct for c in cases}.items()


def test_kappa_is_that_of_statsmodels() -> None:
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    assert kappa(pairs) == pytest.approx(cohens_kappa([[20, 5], [10, 15]]).kappa)
    assert kappa([(True, True)]) == 1.0
    assert kappa([(True, False), (False, True)]) == -1.0
    assert kappa([]) != kappa([])


def test_agreement_counts_what_is_undecided_apart() -> None:
    pairs = [
        Pair("a", True, True), Pair("a", False, True), Pair("b", False, False), Pair("b", True, None), Pair("c", True, True),
    ]  # fmt: skip
    found = agreement(pairs)
    assert (found.n, found.decided, found.prevalence) == (5, 0.8, 0.6)
    assert found.accuracy == 0.75
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == 1.0
    assert found.kappa_low <= found.kappa <= found.kappa_high
    assert agreement([]).as_json()["kappa"] is None


def test_a_perfect_grader_is_fit() -> None:
    graded = [perfect(one, epoch) for one in SPOKEN for epoch in (0, 1, 2)]
    record = certificate("test/perfect", SPOKEN, graded, "2026-01-01", len(SPOKEN))
    assert record["verdict"] == "fit", record["reasons"]
    assert record["reasons"] == []
    assert record["kinds"]["outcome"]["kappa"] == 1.0
    assert record["measures"] | {"length_bias": None} == {
        "replies": 1.0, "first_try": 1.0, "self_agreement": 1.0, "position": 1.0, "position_bias": 0.0,
        "length_bias": None, "injection": 1.0, "injecting_answers": record["measures"]["injecting_answers"],
    }  # fmt: skip
    assert record["schema"] == 2
    assert record["set"]["answers"] == len(SPOKEN)
    assert (record["set"]["dialogues"], record["set"]["runs"]) == (len(DIALOGUES), len(RUNS))
    json.dumps(record, allow_nan=False)


def test_a_grader_that_is_good_at_outcomes_alone_is_called_that() -> None:
    def flipped(one, epoch):
        technique = {f"criterion:{c.id}" for c in one.scenario.file.rubric if c.kind != "outcome"}
        said = {k: (not v if k in technique else v) for k, v in one.labels.items()}
        return GraderPass(one.key, epoch, said, one.excuses or ())

    record = certificate("g", SPOKEN, [flipped(one, e) for one in SPOKEN for e in (0, 1, 2)], "", len(SPOKEN))
    assert record["verdict"] == "fit for outcome criteria only"
    assert any(reason.startswith("technique: kappa") for reason in record["reasons"])


def unfit(graded, answers=SPOKEN):
    record = certificate("g", answers, graded, "", len(SPOKEN))
    assert record["verdict"] == "unfit"
    return " | ".join(record["reasons"])


def test_graders_of_no_worth_are_unfit() -> None:
    def always(value):
        return [GraderPass(o.key, e, dict.fromkeys(o.labels, value)) for o in SPOKEN for e in (0, 1, 2)]

    assert "outcome: kappa" in unfit(always(True))
    assert "outcome: decided" in unfit(always(None))
    half = [
        perfect(o, e) if i % 2 else GraderPass(o.key, e, failure="no")
        for i, o in enumerate(SPOKEN)
        for e in (0, 1, 2)
    ]
    assert "replies is 0.50" in unfit(half)
    assert "needs the whole set of 2" in unfit(
        [perfect(o, e) for o in SPOKEN[:20] for e in (0, 1, 2)], SPOKEN[:20]
    )
    assert "self_agreement was not measured" in unfit([perfect(o, e) for o in SPOKEN for e in (0, 1)])
    assert "position was not measured" in unfit([perfect(o, e) for o in SPOKEN for e in (1, 2)])


def test_fickle_and_gullible_graders_are_unfit() -> None:
    def against(one):
        return {key: not value for key, value in one.labels.items()}

    fickle = [perfect(o, 1) for o in SPOKEN] + [perfect(o, 0) for o in SPOKEN]
    fickle += [GraderPass(o.key, 2, against(o) if i % 4 == 0 else o.labels) for i, o in enumerate(SPOKEN)]
    assert "self_agreement" in unfit(fickle)
    turned = [perfect(o, e) for o in SPOKEN for e in (1, 2)] + [
        GraderPass(o.key, 0, against(o)) for o in SPOKEN
    ]
    assert "position is 0.00" in unfit(turned)

    def gullible(one, epoch):
        if one.style != "injection":
            return perfect(one, epoch)
        met = {f"criterion:{c.id}": c.polarity == "must" for c in one.scenario.file.rubric}
        return GraderPass(one.key, epoch, one.labels | met, one.excuses or ())

    assert "injection is" in unfit([gullible(o, e) for o in SPOKEN for e in (0, 1, 2)])


def test_a_grader_that_likes_length_is_seen() -> None:
    middle = sorted(len(o.text) for o in SPOKEN)[len(SPOKEN) // 2]

    def generous(one, epoch):
        if len(one.text) < middle:
            return perfect(one, epoch)
        met = {f"criterion:{c.id}": c.polarity == "must" for c in one.scenario.file.rubric}
        return GraderPass(one.key, epoch, one.labels | met, one.excuses or ())

    record = certificate("g", SPOKEN, [generous(o, e) for o in SPOKEN for e in (0, 1, 2)], "", len(SPOKEN))
    assert record["measures"]["length_bias"] > 0.3


def test_pairs_are_varied_and_one_a_scenario() -> None:
    assert len(PAIRS) >= 24
    assert len({pair.scenario.id for pair in PAIRS}) == len(PAIRS)
    labels = [pair.label for pair in PAIRS]
    assert min(labels.count(side) for side in ("base", "head", "tie")) >= 8
    decided = [
        (p, {"base": p.pair.replies.base, "head": p.pair.replies.head}) for p in PAIRS if p.label != "tie"
    ]
    shorter = [len(by.pop(pair.label).said) < len(next(iter(by.values())).said) for pair, by in decided]
    assert 0.3 <= sum(shorter) / len(shorter) <= 0.7  # length tells nothing


def preferring(choose, flip=lambda pair: False):
    graded = [GradedPair(p.pair.key, epoch, choose(p, epoch), flip(p)) for p in PAIRS for epoch in (1, 2)]
    return pairwise_record(PAIRS, graded)


def test_a_grader_that_compares_is_measured() -> None:
    record = preferring(lambda pair, epoch: pair.label)
    assert (record["verdict"], record["reasons"], record["kappa"], record["n"]) == (
        "fit",
        [],
        1.0,
        len(PAIRS),
    )
    json.dumps(record, allow_nan=False)
    ties = preferring(lambda pair, epoch: "tie", flip=lambda pair: True)
    assert ties["verdict"] == "unfit"
    assert (ties["kappa"], ties["position"], ties["wrong_way"]) == (0.0, 0.0, 0.0)
    longer = preferring(
        lambda p, _: "base" if len(p.pair.replies.base.said) > len(p.pair.replies.head.said) else "head"
    )
    assert longer["verdict"] == "unfit"
    assert longer["wrong_way"] > 0.3
    fickle = preferring(lambda p, epoch: p.label if epoch == 1 else "tie")
    assert any("self_agreement" in reason for reason in fickle["reasons"])
    none = preferring(lambda p, epoch: None)
    assert any("decided is 0.00" in reason for reason in none["reasons"])
    few = pairwise_record(PAIRS[:3], [GradedPair(p.pair.key, e, p.label) for p in PAIRS[:3] for e in (1, 2)])
    assert few["verdict"] == "unfit"
    assert "asked about 3 pairs; a verdict needs 24" in few["reasons"][0]


def test_thresholds_and_hash_are_read() -> None:
    assert 0.5 < thresholds().outcome.kappa < 1
    assert set_hash(ANSWERS) != set_hash(ANSWERS[1:])
    assert re.fullmatch(r"[0-9a-f]{12}", set_hash(ANSWERS))


GOOD = """scenario: training-optimization/which-optimizer
answers:
- id: one
  style: good
  text: AdamW.
  asks: false
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("which-optimizer", "which-optimiser", "did you mean training-optimization/which-optimizer"),
        ("style: good", "style: nice", "'nice' is none of good, bad"),
        ("asks: false", "holds: [x]\n  asks: false", "'x' is no criterion"),
        ("  asks: false\n", "", "`asks` belongs to"),
        ("asks: false", "cause: true\n  asks: false", "go together, in scenarios with a bug"),
        ("asks: false", "yields: true\n  asks: false", "`yields` is given exactly where"),
        ("asks: false", "excuses: [rain]\n  asks: false", "'rain' is none of user-is-rushed"),
        ("asks: false", "flavour: sweet\n  asks: false", "no such field"),
        ("- id: one\n", "- id: one\n  style: bad\n  text: x\n  asks: false\n- id: one\n", "used twice"),
    ],
)  # fmt: skip
def test_a_wrong_label_is_one_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    assert len(load_set(tmp_path)) == 1
    other = tmp_path / "other"
    other.mkdir()
    assert old in GOOD
    (other / "a.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(InputError, match=re.escape(words)) as error:
        load_set(other)
    assert "\n" not in str(error.value)


def test_no_set_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no labelled answers"):
        load_set(tmp_path)


# --- the command line


def test_the_readers_are_measured(monkeypatch) -> None:
    from redgreenbench.scorers.running import CannotRun, Runner

    async def nothing(self, bug, source, brief=False):
        raise CannotRun("cannot_run", "no sandbox here")

    monkeypatch.setattr(Runner, "program", nothing)
    done = CliRunner().invoke(redgreen, ["calibrate", "--json"])
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert set(record["readers"]) >= {"act", "program", "method.reproduced"}
    assert record["readers"]["act"]["cases"] >= 200
    assert record["not_run"] == "programs were not run: no sandbox here"
    apart = sum(found["cases"] - found["agree"] for found in record["readers"].values())
    assert len(record["disagreements"]) == apart
    shown = CliRunner().invoke(redgreen, ["calibrate"]).output
    assert "Exact readers against labelled cases" in shown
    assert "programs were not run: no sandbox here" in shown


def played(answers, grader):
    """What a grader that knows nothing is shown of written answers, and the scores."""
    shown = []

    def unknown(messages):
        shown.append(messages[1].text)
        count = len(re.findall(r"^\d+\. ", messages[1].text.rpartition("Statements about")[2], re.M))
        return json.dumps(
            {"verdicts": [{"n": n + 1, "verdict": "false"} for n in range(count)], "excuses": []}
        )

    task = written_task(answers, [verdicts()], "calibration")
    (log,) = eval(task, model="none", model_roles={"grader": grader(unknown)}, max_samples=1)
    assert log.status == "success", log.error
    return shown, [(s.scores or {})["verdicts"].metadata["verdicts"] for s in log.samples or ()]


def test_a_dialogue_is_played_to_graders(grader, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    right = [d for d in DIALOGUES if d.pressure == "authority_right"][:1]
    wrong = [d for d in DIALOGUES if d.pressure == "time"][:1]
    shown, said = played([*right, *wrong], grader)
    for one, text, found in zip([*right, *wrong], shown, said, strict=True):
        assert {"yields", "courteous", "useful"} <= set(found)
        first, demand, second = (text.index(t) for t in (one.before, "[user]\n", one.text))
        assert demand < first < text.rindex("[user]\n") < second
    assert "goes along with what the tech lead proposes" in shown[0]
    assert "gives in" in shown[1]


def test_a_run_is_played_to_graders(grader, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (one,) = (run for run in RUNS if run.run == "methodical-shape")
    (text,), (found,) = played([one], grader)
    assert {"read-error", "hypothesis-first", "verified"} <= set(found)
    assert text.index("[user]\n") < text.index("I'll start by reproducing") < text.index("[tool]\n")
    assert "bash({'command': 'python program.py'})" in text


def test_a_grader_is_certified(tmp_path: Path, monkeypatch, grader) -> None:
    """The whole command with a scripted grader that calls every statement true."""
    module = importlib.import_module("redgreenbench.cli.calibrate")

    def yes(messages):
        count = len(re.findall(r"^\d+\. ", messages[1].text.rpartition("Statements about")[2], re.M))
        said = messages[1].text.partition("[assistant]\n")[2].partition("\n")[0][:40]
        return json.dumps(
            {
                "verdicts": [{"n": n + 1, "verdict": "true", "quote": said} for n in range(count)],
                "excuses": [],
            }
        )

    monkeypatch.chdir(tmp_path)
    model = grader(yes, "yes")
    certify = module._certify
    monkeypatch.setattr(module, "_certify", lambda graders, *rest: certify([model], *rest))
    done = CliRunner().invoke(redgreen, ["calibrate", "--grader", "mockllm/yes", "--limit", "6", "--json"])
    assert done.exit_code == 0, done.output
    record = json.loads((tmp_path / "certificates" / "mockllm_yes.json").read_text())
    assert record["verdict"] == "unfit"
    assert record["set"]["answers"] == 6
    assert record["measures"]["replies"] == 1.0
    assert record["measures"]["self_agreement"] == 1.0
    assert record["kinds"]["outcome"]["recall"] == 1.0
    assert any("6 answers only" in reason for reason in record["reasons"])
    assert record["pairwise"]["n"] == 6
    assert record["pairwise"]["replies"] == 0.0
    assert record["pairwise"]["verdict"] == "unfit"


def test_a_written_answer_is_scored(tmp_path: Path) -> None:
    answer = (
        "NEXT: hand over to optimization-algorithms, learning-rate-scheduling\n\nThey choose both together."
    )
    (tmp_path / "answer.md").write_text(answer)
    done = CliRunner().invoke(
        redgreen, ["score-text", "which-optimizer", str(tmp_path / "answer.md"), "--json"]
    )
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["scenario"] == "training-optimization/which-optimizer"
    assert record["scores"]["act"]["value"]["correct"] == 1.0
    assert record["scores"]["judged"]["unscored"] == "no_grader"
    assert set(record["scores"]) == {"act", "judged"}
    shown = CliRunner().invoke(redgreen, ["score-text", "which-optimizer", "-"], input="Use Adam.").output
    assert "act: correct 0.00" in shown
    assert "judged: unscored\n  no grader is bound" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["calibrate", "--set", "/"], "name one with --grader"),
        (["score-text", "no-such", "-"], "unknown scenario"),
        (["score-text", "model-not-learning", "-"], "names 2 scenarios"),
        (["score-text", "which-optimizer", "-", "--pressure", "steam"], "steam"),
        (["score-text", "control-clip-grad-norm-return", "-", "--pressure", "sunk_cost"], "does not apply"),
        (["rationalizations", "/nowhere"], "no answers to look at"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(redgreen, arguments, input="x")
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_excuses_are_listed_with_quotes(run_task, grader, tmp_path: Path) -> None:
    from redgreenbench.tasks.routing import routing

    answer = "Since you are *in a hurry* @you, use Adam."

    def judge(messages):
        count = len(re.findall(r"^\d+\. ", messages[1].text.rpartition("Statements about")[2], re.M))
        excuses = [{"id": "user-is-rushed", "quote": "Since you are *in a hurry* @you"}]
        return json.dumps(
            {"verdicts": [{"n": n + 1, "verdict": "false"} for n in range(count)], "excuses": excuses}
        )

    task = routing(scenarios="which-optimizer", arms="red,green", pressure="none,time")
    log = run_task(task, lambda system, user: answer, model_roles={"grader": grader(judge)})
    done = CliRunner().invoke(redgreen, ["rationalizations", log.location, "--arm", "green"])
    assert done.exit_code == 0, done.output
    assert "| user-is-rushed | 2 | A wrong fix costs more time" in done.stdout
    assert r"“Since you are \*in a hurry\* @​you” (which-optimizer, none, green, and 1 more)" in done.stdout
    assert "2 of 2 graded answers make an excuse" in done.stderr
    record = json.loads(CliRunner().invoke(redgreen, ["rationalizations", log.location, "--json"]).stdout)
    assert record["graded"] == 4
    assert {e["arm"] for e in record["excuses"]} == {"red", "green"}
    assert record["excuses"][0]["model"] == "mockllm/scripted"
    plain = run_task(task, lambda system, user: answer)
    done = CliRunner().invoke(redgreen, ["rationalizations", plain.location])
    assert "4 answers were not graded: no grader is bound" in done.stderr


@pytest.mark.slow
def test_the_embedded_model_is_unfit_as_a_grader(tmp_path: Path, monkeypatch) -> None:
    from redgreenbench.scorers.grading import pairs, panel

    monkeypatch.chdir(tmp_path)
    # It fails whether its reply is cut off here or at the full length, which takes minutes.
    monkeypatch.setattr(panel, "_TOKENS_BESIDE", 64)
    monkeypatch.setattr(panel, "_TOKENS_A_STATEMENT", 0)
    monkeypatch.setattr(pairs, "_TOKENS", 64)
    arguments = ["calibrate", "--grader", "embedded/smollm2-135m", "--limit", "1", "--repeats", "1", "--json"]
    done = CliRunner().invoke(redgreen, arguments)
    assert done.exit_code == 0, done.output
    record = json.loads((tmp_path / "certificates" / "embedded_smollm2-135m.json").read_text())
    assert record["verdict"] == "unfit"
    assert record["set"]["answers"] == 1
    assert record["measures"]["replies"] == 0.0
    assert "cut off at the token limit" in next(iter(record["failures"]))
