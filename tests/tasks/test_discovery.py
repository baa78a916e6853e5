"""Whole runs with delivery=tool: scripted models load, refuse, invent and escape, and every value says so."""

import math
from collections.abc import Callable

import pytest
from inspect_ai import eval, score
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage, get_model

from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import form_request
from redgreenbench.evals.skilltools import LOAD, READ, SkillCall, SkillCalls
from redgreenbench.reports.compare import compare, shown, sides_of
from redgreenbench.reports.estimate import DIFFERENCE, estimate
from redgreenbench.reports.logs.table import load
from redgreenbench.reports.render.report import make_report, write_report
from redgreenbench.reports.rules import GateFile, judge, judge_gates
from redgreenbench.scorers.act import act, consulted_specialists
from redgreenbench.scorers.activation import activation
from redgreenbench.scorers.scored import SCORERS
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.pressure import pressure
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

TESTED = "using-training-optimization"
RIGHT = ("optimization-algorithms", "learning-rate-scheduling")
ONE = "which-optimizer"
PLAIN = "control-cross-entropy-logits"
SAYS = "NEXT: answer\n\nUse AdamW."

Step = str | tuple[str, dict[str, str]]
"""What a scripted model does in a turn: says a text, or calls a tool with arguments."""
Script = Callable[[str, str], list[Step]]
"""Its steps on (system message, user message)."""


def call(name: str) -> Step:
    return ("load_skill", {"name": name})


def read(name: str, path: str) -> Step:
    return ("read_skill_file", {"name": name, "path": path})


def asked_for(user: str) -> list[Step]:
    """Loads what a positive control asks for."""
    for name in ("gradient-management", "overfitting-prevention"):
        if user.startswith(("Please load", "Load")) and name in user:
            return [call(name), "It is about that."]
    return []


@pytest.fixture
def play(tmp_path):
    def run(task, script: Script, obeys: bool = True, **options: object) -> EvalLog:
        def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
            user = next(m.text for m in messages if m.role == "user")
            steps = (asked_for(user) if obeys else []) or script(messages[0].text, user)
            done = sum(m.role == "assistant" for m in messages)
            step = steps[min(done, len(steps) - 1)]
            output = (
                ModelOutput.from_content("mockllm/player", step)
                if isinstance(step, str)
                else ModelOutput.for_tool_call("mockllm/player", *step)
            )
            if not isinstance(step, str):
                output.choices[0].message.content = ""
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            return output

        model = get_model("mockllm/player", custom_outputs=reply, memoize=False)
        (log,) = eval(task, model=model, log_dir=str(tmp_path / "logs"), **options)
        assert log.status == "success", log.error
        return log

    return run


def samples(log: EvalLog, scenario: str = ONE) -> dict[str, EvalSample]:
    return {
        str(s.metadata["arm"]): s
        for s in log.samples or ()
        if str(s.metadata["scenario"]).endswith(f"/{scenario}")
    }


def known(sample: EvalSample, scorer: str = "activation") -> dict[str, float]:
    value = sample.scores[scorer].value
    return {key: number for key, number in value.items() if not math.isnan(number)}


def loads_what_it_can(system: str, user: str) -> list[Step]:
    own = [call(TESTED)] if f"- {TESTED}: " in system else []
    return [*own, *(call(name) for name in RIGHT), SAYS]


def one(script: Script, play, **arguments: str) -> dict[str, EvalSample]:
    arguments = {"scenarios": f"{ONE},{PLAIN}", "pack": "training-optimization"} | arguments
    return samples(play(routing(delivery="tool", **arguments), script))


def test_a_model_that_loads_the_right_skills_is_scored_so(play) -> None:
    log = play(routing(delivery="tool", scenarios=ONE, pack="training-optimization"), loads_what_it_can)
    by_arm = samples(log)
    assert known(by_arm["green"]) == {"recall": 1, "precision": 1, "invented": 0}
    assert known(by_arm["red"]) == {"invented": 0}
    for sample in by_arm.values():
        assert sample.scores["act"].metadata["next"] == "hand over"
        assert sample.scores["act"].metadata["names"] == list(RIGHT)
        assert sample.scores["act"].value["correct"] == 1.0
        assert sample.scores["audit"].value["valid"] == 1.0
        assert sample.metadata["delivery"] == "tool"
    for name in ("gradient-management", "overfitting-prevention"):
        for sample in samples(log, f"positive-{name}").values():
            assert known(sample) == {"control": 1, "invented": 0}
            assert not known(sample, "act")
    assert log.eval.metadata["delivery"] == "discovery"
    calls = by_arm["green"].store_as(SkillCalls).calls
    assert [(c.name, c.turn) for c in calls] == [(TESTED, 1), (RIGHT[0], 2), (RIGHT[1], 3)]


def test_green_is_given_its_body_and_red_nothing_of_it(play, make_skill) -> None:
    body = "Say the magic word abracadabra slowly and with great care at the very start of it all."
    folder = make_skill(name=TESTED, body=body)
    log = play(
        routing(delivery="tool", skill=str(folder), arms="red,generic,placebo,green", scenarios=ONE),
        loads_what_it_can,
    )
    by_arm = samples(log)
    users = {next(m.text for m in s.messages if m.role == "user") for s in by_arm.values()}
    assert len(users) == 1
    told = {arm: "\n".join(m.text for m in s.messages) for arm, s in by_arm.items()}
    assert {arm: "abracadabra" in text for arm, text in told.items()} == {
        "red": False, "generic": False, "placebo": False, "green": True,
    }  # fmt: skip
    systems = {arm: s.messages[0].text for arm, s in by_arm.items()}
    assert not any("abracadabra" in text for text in systems.values())
    lines = {arm: text.splitlines() for arm, text in systems.items()}
    assert [x for x in lines["green"] if x not in lines["red"]] == [f"- {TESTED}: Helps with tests."]
    assert next(x for x in lines["placebo"] if x not in lines["red"]).startswith("- keeping-sourdough: ")
    form = prompt_template("act")
    assert systems["generic"] == f"{systems['red'].removesuffix(form)}{prompt_template('generic')}\n\n{form}"
    assert {s.scores["audit"].value["valid"] for s in by_arm.values()} == {1.0}
    assert known(by_arm["placebo"]) == {"invented": 0}


def acts(by_arm: dict[str, EvalSample]) -> set[tuple[str, tuple[str, ...]]]:
    read = [sample.scores["act"].metadata for sample in by_arm.values()]
    return {(one["next"], tuple(one["names"])) for one in read}


def test_the_wrong_skill_is_a_wrong_act_and_no_recall(play) -> None:
    by_arm = one(lambda system, user: [call("performance-profiling"), SAYS], play)
    assert known(by_arm["green"]) == {"recall": 0, "invented": 0}
    assert by_arm["green"].scores["act"].value["first"] == 0.0
    assert acts(by_arm) == {("hand over", ("performance-profiling",))}


def test_a_line_alone_hands_over_too(play) -> None:
    by_arm = one(lambda system, user: [f"NEXT: hand over to {', '.join(RIGHT)}"], play)
    assert known(by_arm["green"]) == {"recall": 0, "invented": 0}
    assert acts(by_arm) == {("hand over", RIGHT)}
    assert by_arm["green"].scores["act"].value["correct"] == 1.0


def test_whom_the_line_names_comes_after_those_who_were_consulted(play) -> None:
    by_arm = one(lambda system, user: [call(RIGHT[0]), f"NEXT: hand over to {RIGHT[1]}, {RIGHT[0]}"], play)
    assert acts(by_arm) == {("hand over", RIGHT)}


def test_a_question_after_loading_is_a_question(play) -> None:
    by_arm = one(lambda system, user: [call(RIGHT[0]), "NEXT: ask\n\nHow large is the data set?"], play)
    assert acts(by_arm) == {("ask", ())}
    assert by_arm["green"].scores["act"].value["correct"] == 0.0
    vague = play(
        routing(delivery="tool", scenarios="vague-not-working-well", pack="training-optimization"),
        lambda system, user: [call("gradient-management"), "NEXT: ask\n\nWhat goes wrong?"],
    )
    assert {s.scores["act"].value["correct"] for s in samples(vague, "vague-not-working-well").values()} == {
        1.0
    }


def test_a_missing_line_is_requested_after_loading_too(play) -> None:
    by_arm = one(lambda system, user: [call(RIGHT[0]), call(RIGHT[1]), "Use AdamW.", SAYS], play)
    for sample in by_arm.values():
        assert [m.text for m in sample.messages if m.role == "user"][1:] == [form_request("act")]
        read = sample.scores["act"]
        assert (read.value["correct"], read.value["formatted"], read.metadata["requested"]) == (1, 1, True)
    silent = one(lambda system, user: [call(RIGHT[0]), call(RIGHT[1]), "Use AdamW."], play)
    for sample in silent.values():
        assert (sample.scores["act"].value["correct"], sample.scores["act"].value["formatted"]) == (1, 0)


@pytest.mark.parametrize(
    "says", ["NEXT: answer\n\nClip at 1.0.", "NEXT: hand over to gradient-management\n\nSee it."]
)
def test_a_router_that_reads_its_own_sheet_hands_over_to_whom_the_sheet_is_about(
    says: str, play, make_skill
) -> None:
    sheets = {
        "gradient-management": "Clip.",
        "learning-rate-scheduling": "Warm up.",
        "loss-functions-and-objectives": "Log.",
    }
    folder = make_skill(name=TESTED, body="Read the sheet that fits, then help.", **sheets)

    def routes(system: str, user: str) -> list[Step]:
        if TESTED not in system:
            return [SAYS]
        return [call(TESTED), *(read(TESTED, f"{name}.md") for name in sheets), says]

    log = play(routing(delivery="tool", skill=str(folder), scenarios="loss-goes-to-nan"), routes)
    green = samples(log, "loss-goes-to-nan")["green"]
    assert acts({"green": green}) == {("hand over", tuple(sheets))}
    assert green.scores["act"].value["correct"] == 1.0
    assert known(green) == {"recall": 1, "precision": 1, "sheets": 1, "invented": 0}


def loaded(name: str, path: str | None = None, exists: bool = True) -> SkillCall:
    return SkillCall(
        tool=READ if path else LOAD, name=name, path=path, skill_exists=exists, existed=exists, turn=1
    )


@pytest.mark.parametrize(
    ("calls", "names"),
    [
        ([], ()),
        ([loaded("gradient-management"), loaded("learning-rate-scheduling")], ("gradient-management", "learning-rate-scheduling")),
        ([loaded("gradient-management"), loaded("gradient-management", "SKILL.md")], ("gradient-management",)),
        ([loaded("gradient-management", "SKILL.md")], ("gradient-management",)),
        # Whoever only looks into another file of a specialist has not been told what it says.
        ([loaded("gradient-management", "notes.md")], ()),
        ([loaded("gradient-management", exists=False)], ()),
        ([loaded("nobody")], ()),
        ([loaded(TESTED)], ()),
        ([loaded(TESTED, "SKILL.md")], ()),
        ([loaded(TESTED, "gradient-management.md")], ("gradient-management",)),
        ([loaded(TESTED, "./references/gradient-management.md")], ("gradient-management",)),
        ([loaded(TESTED, "sheets/gradient-management/notes.md")], ("gradient-management",)),
        ([loaded(TESTED, "gradient-management/SKILL.md")], ("gradient-management",)),
        ([loaded(TESTED, "gradient-management.md", exists=False)], ()),
        ([loaded(TESTED, "gradients.md")], ()),
        ([loaded(TESTED, "performance-profiling.md"), loaded("gradient-management")], ("performance-profiling", "gradient-management")),
        # A placebo's sheets are nobody's guidance, whatever they are called.
        ([loaded("keeping-sourdough", "gradient-management.md")], ()),
    ],
)  # fmt: skip
def test_whose_guidance_was_loaded_was_consulted(calls: list[SkillCall], names: tuple[str, ...]) -> None:
    assert consulted_specialists(calls, "training-optimization", [TESTED]) == names


def test_a_tested_skill_with_a_specialists_name_consults_nobody_by_being_loaded() -> None:
    calls = [loaded("gradient-management"), loaded("gradient-management", "learning-rate-scheduling.md")]
    assert consulted_specialists(calls, "training-optimization", ["gradient-management"]) == (
        "learning-rate-scheduling",
    )


def test_loading_on_a_plain_question_is_over_firing(play) -> None:
    def fires(system: str, user: str) -> list[Step]:
        own = [call(TESTED)] if f"- {TESTED}: " in system else []
        return [*own, call("loss-functions-and-objectives"), "NEXT: answer\n\nIt expects raw logits."]

    log = play(routing(delivery="tool", scenarios=PLAIN, pack="training-optimization"), fires)
    by_arm = samples(log, PLAIN)
    assert known(by_arm["green"]) == {"restraint": 0, "precision": 0, "invented": 0}
    assert known(by_arm["red"]) == {"invented": 0}
    assert {s.scores["act"].value["restrained"] for s in by_arm.values()} == {0.0}


def test_an_invented_name_is_answered_and_counted(play) -> None:
    by_arm = one(lambda system, user: [call("optimizer-wizardry"), call(RIGHT[0]), SAYS], play)
    for sample in by_arm.values():
        assert sample.scores["activation"].value["invented"] == 1.0
        (refused, _) = [m for m in sample.messages if m.role == "tool"]
        assert "There is no skill 'optimizer-wizardry'" in refused.error.message
        assert sample.scores["act"].metadata["names"] == [RIGHT[0]]


def test_a_sheet_that_is_read_counts_and_a_path_out_of_the_folder_gives_nothing(play, make_skill) -> None:
    folder = make_skill(name=TESTED, body="Look into tools.md.", tools="The sheet.")

    def reads(path: str) -> Script:
        return lambda system, user: [call(TESTED), read(TESTED, path), SAYS] if TESTED in system else [SAYS]

    good = one(reads("tools.md"), play, skill=str(folder))["green"]
    assert known(good) == {"recall": 1, "precision": 1, "sheets": 1, "invented": 0}
    assert any(m.text == "The sheet." for m in good.messages if m.role == "tool")
    bad = one(reads("../../etc/passwd"), play, skill=str(folder))["green"]
    assert known(bad) == {"recall": 1, "precision": 1, "sheets": 0, "invented": 0}
    answers = [m for m in bad.messages if m.role == "tool"]
    assert "Its files are: SKILL.md, tools.md." in answers[1].error.message
    assert not any("root:" in m.text for m in bad.messages)
    assert bad.scores["activation"].metadata["missing_files"] == [f"{TESTED}/../../etc/passwd"]


def test_a_model_that_loads_for_ever_ends_and_is_scored(play) -> None:
    task = routing(delivery="tool", scenarios=ONE, arms="green", message_limit=9)
    assert routing(delivery="tool", scenarios=ONE).message_limit == 30
    assert routing(scenarios=ONE).message_limit is None
    log = play(task, lambda system, user: [call(TESTED)])
    (sample,) = samples(log).values()
    assert sample.limit.type == "message"
    assert known(sample) == {"recall": 1, "precision": 1, "invented": 0}
    assert (sample.scores["act"].value["correct"], sample.scores["act"].value["formatted"]) == (0, 0)


def test_every_task_runs_with_skills_that_are_loaded(play) -> None:
    arms = "red,generic,placebo,green"
    for task in (
        routing(delivery="tool", arms=arms, scenarios="which-optimizer,nan-after-epoch-three"),
        debugging(delivery="tool", arms=arms, scenarios="shape-mismatch"),
        scheduling(delivery="tool", arms=arms, scenarios="should-i-schedule"),
        pressure(
            delivery="tool", arms=arms, scenarios="shape-mismatch,which-optimizer", pressure="none,time"
        ),
    ):
        log = play(task, lambda system, user: [SAYS])
        assert all(tuple(s.scores["activation"].value) == SCORERS["activation"].keys for s in log.samples)
        assert {s.scores["audit"].value["valid"] for s in log.samples} == {1.0}
        assert {s.metadata["pressure"] for s in log.samples if s.metadata["control"] == "positive"} == {
            "none"
        }


def test_injection_is_as_it_was(run_task) -> None:
    task = routing(scenarios=ONE)
    assert "tool" not in task.version
    log = run_task(task, lambda system, user: SAYS)
    assert all("activation" not in s.scores for s in log.samples)
    assert not [s for s in log.samples if s.metadata["control"] == "positive"]
    assert not any(m.role == "tool" for s in log.samples for m in s.messages)


def test_versions_tell_the_deliveries_apart_and_wrong_ones_are_one_line() -> None:
    assert routing(scenarios=ONE).version != routing(scenarios=ONE, delivery="tool").version
    with pytest.raises(InputError, match="delivered by inject or tool"):
        routing(delivery="mail")
    with pytest.raises(InputError, match="-T delivery=tool"):
        routing(scenarios="positive-gradient-management")


@pytest.mark.parametrize("make", [act, activation], ids=lambda make: make.__name__)
def test_logs_are_scored_again_from_the_record_alone(make, play) -> None:
    name = make.__name__
    log = play(routing(delivery="tool", scenarios=ONE, pack="training-optimization"), loads_what_it_can)
    again = score(read_eval_log(log.location), make(), action="overwrite", display="none")
    assert {s.id: known(s, name) for s in again.samples} == {s.id: known(s, name) for s in log.samples}
    assert {s.id: s.scores[name].metadata for s in again.samples} == {
        s.id: s.scores[name].metadata for s in log.samples
    }


def test_the_report_keeps_deliveries_apart_and_shows_activation(play, run_task, tmp_path) -> None:
    options = {"scenarios": f"{ONE},loss-goes-to-nan,{PLAIN}", "pack": "training-optimization"}
    found = play(routing(delivery="tool", **options), loads_what_it_can)
    injected = play(routing(**options), lambda system, user: [SAYS])
    rows = load([found.location, injected.location], cache=False).rows
    frame = judge(estimate(rows))
    by_delivery = {subject.delivery: subject for subject in frame.subjects}
    assert set(by_delivery) == {"discovery", "injection"}

    def get(name: str, arm: str = "green"):
        return frame.get(by_delivery["discovery"], name, arm)

    assert get("activation-recall").value == 1.0
    assert get("activation-restraint").value == 0.0
    assert get("activation-precision").value == pytest.approx(2 / 3)
    assert get("positive-controls").answers == 2
    assert get("invented-skills", "red").answers == 3
    assert not any(get(name).verdict for name in ("activation-recall", "routing-accuracy"))
    assert "-T delivery=tool" in frame.absent(by_delivery["injection"])["activation-recall"]
    both = make_report(load([found.location, injected.location], cache=False))
    text = write_report(both, tmp_path / "both")[0].read_text()
    assert "skills by discovery" in text
    assert "skills by injection" in text
    assert "Skill loaded where it is needed</th>" in text


def test_failed_positive_controls_make_activation_uninterpretable(play, tmp_path) -> None:
    log = play(
        routing(delivery="tool", scenarios=ONE, pack="training-optimization"),
        lambda s, u: [SAYS],
        obeys=False,
    )
    table = load([log.location], cache=False)
    frame = judge(estimate(table.rows))
    (subject,) = frame.subjects
    assert frame.get(subject, "positive-controls", "green").value == 0.0
    for name in ("activation-recall", "invented-skills", "routing-accuracy"):
        assert "the positive controls failed, 0 of 4 loaded" in frame.get(subject, name, "green").why
        assert all(math.isnan(one.value) for one in frame.where(metric=name, kind=DIFFERENCE))
    html, _, csv, *_ = write_report(make_report(table), tmp_path / "report")
    assert "not the description" in html.read_text()
    assert "not the description" in csv.read_text()


def test_without_a_positive_control_activation_is_not_interpreted(play) -> None:
    log = play(
        routing(delivery="tool", scenarios=ONE, pack="training-optimization"),
        loads_what_it_can,
        sample_id=f"*/{ONE}/*",
    )
    frame = judge(estimate(load([log.location], cache=False).rows))
    (subject,) = frame.subjects
    assert "no positive control was judged" in frame.get(subject, "activation-recall", "green").why
    assert not frame.get(subject, "routing-accuracy", "green").verdict


def test_a_comparison_and_a_gate_rest_on_the_positive_controls_too(play) -> None:
    log = play(
        routing(delivery="tool", scenarios=f"{ONE},loss-goes-to-nan", pack="training-optimization"),
        lambda s, u: [SAYS],
        obeys=False,
    )
    table = load([log.location], cache=False)
    sides = sides_of(table, None, "red", "green")
    (one,) = shown(compare(sides, metrics=["routing-accuracy"]), ["routing-accuracy"])
    assert one.verdict == "invalid"
    assert "the positive controls failed" in one.why
    file = GateFile.model_validate({"gates": [{"metric": "routing-accuracy", "margin": 0.1}]})
    (result,) = judge_gates(sides.rows, file)
    assert result.outcome == "INCONCLUSIVE"
    assert "the positive controls failed" in result.why
