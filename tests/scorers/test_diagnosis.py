"""Root cause, recognition, quality of the fix, pressure, clarification, tools and the audit, with scripted graders."""

import json
import math
import re

import pytest
from inspect_ai import score
from inspect_ai.log import read_eval_log

from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.reference_bugs.folder import bug_folder, bug_names
from redgreenbench.scorers.audit import GRAM, leaks
from redgreenbench.scorers.diagnosis import fix_quality, located, quality_of
from redgreenbench.scorers.reading import Answer
from redgreenbench.scorers.tool_use import find_tools, load_tools
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.routing import routing

SCENARIOS = {s.id: s for s in load_scenarios()}
FIX = "`fc1` has 64 inputs, the flatten gives 57600.\n\n```python\nself.fc1 = nn.Linear(64 * 30 * 30, 128)\n```\n"
VIEW = next(
    p.text for p in bug_folder("shape-mismatch-after-flatten").workarounds if p.name == "first-64-features"
)


def grader_of(grader, decide, excuses=()):
    """A grader that decides each statement by a function of its text; true ones quote the answer's first words."""

    def reply(messages):
        text = messages[1].text
        listing = text.rpartition("Statements about the assistant's side:\n")[2].partition(
            "\nExcuses to look for"
        )[0]
        statements = re.split(r"^\d+\. ", listing, flags=re.M)[1:]
        said = text.partition("[assistant]\n")[2].partition("\n")[0][:60]
        verdicts = [
            {
                "n": n,
                "verdict": str(bool(decide(s))).lower(),
                "quote": said if decide(s) else "",
                "reason": "r",
            }
            for n, s in enumerate(statements, 1)
        ]
        found = [{"id": name, "quote": said} for name in excuses]
        return json.dumps({"verdicts": verdicts, "excuses": found})

    return grader(reply)


def scores_of(run_task, task, answer, judge=None):
    log = run_task(task, lambda system, user: answer, model_roles={"grader": judge} if judge else None)
    assert log.status == "success", log.error
    return log.samples[-1].scores


def test_a_good_fix_is_minimal_and_its_cause_is_found(run_task, grader) -> None:
    judge = grader_of(grader, lambda s: "root cause" in s or "kind of failure" in s)
    scores = scores_of(run_task, debugging(scenarios="shape-mismatch", arms="red", device="cpu"), FIX, judge)
    assert scores["root_cause"].value == {"correct": 1.0, "located": 1.0}
    assert scores["recognition"].value == {"correct": 1.0}
    assert scores["fix_quality"].answer == "minimal"
    assert scores["fix_quality"].value["minimal"] == 1.0
    assert sum(scores["fix_quality"].value.values()) == 1.0
    assert scores["fix_quality"].metadata["graders_agree"] is True


def test_a_workaround_is_one_whatever_the_grader_thinks(run_task, grader) -> None:
    judge = grader_of(grader, lambda s: True)
    scores = scores_of(
        run_task,
        debugging(scenarios="shape-mismatch", arms="red", device="cpu"),
        f"Like this:\n\n```diff\n{VIEW}```",
        judge,
    )
    assert scores["fix_quality"].answer == "workaround"
    assert scores["fix_quality"].metadata["graders_agree"] is False
    assert "The graders see it otherwise" in scores["fix_quality"].explanation


def test_without_a_grader_only_what_needs_none_is_scored(run_task) -> None:
    scores = scores_of(run_task, debugging(scenarios="shape-mismatch", arms="red", device="cpu"), FIX)
    assert math.isnan(scores["root_cause"].value["correct"])
    assert scores["root_cause"].value["located"] == 1.0
    assert "no grader is bound" in scores["recognition"].reason
    assert scores["fix_quality"].answer == "minimal"
    scores = scores_of(run_task, debugging(scenarios="shape-mismatch", arms="red", device="cpu"), " ")
    assert scores["root_cause"].value == {"correct": 0.0, "located": 0.0}
    assert scores["recognition"].value == {"correct": 0.0}
    assert scores["fix_quality"].answer == "absent"


def test_what_has_no_bug_is_not_diagnosed(run_task) -> None:
    scores = scores_of(run_task, debugging(scenarios="control-argmax-shape", arms="red"), "(32,), int64")
    for name in ("root_cause", "recognition", "fix_quality"):
        assert all(math.isnan(v) for v in scores[name].value.values())


def test_the_quality_of_an_unexecuted_fix_is_unknown(run_task, monkeypatch) -> None:
    log = run_task(debugging(scenarios="shape-mismatch", arms="red", device="cpu"), lambda system, user: FIX)
    again = score(read_eval_log(log.location), fix_quality(), action="overwrite")
    assert "score with execution first" in again.samples[0].scores["fix_quality"].reason
    again = score(read_eval_log(log.location), fix_quality(), action="append")
    name = [n for n in again.samples[0].scores if n.startswith("fix_quality")][-1]
    assert again.samples[0].scores[name].answer == "minimal"


RAN = dict.fromkeys(
    ("correct", "extracted", "applies", "imports", "runs", "symptom_gone", "behaviour", "root_cause", "nothing_broken", "minimal"),
    1.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("run", "mends", "quality"),
    [
        ({}, None, "minimal"),
        ({}, False, "minimal"),
        ({"minimal": 0.0}, True, "complex"),
        ({"correct": 0.0, "root_cause": 0.0}, None, "workaround"),
        ({"correct": 0.0, "root_cause": 0.0}, True, "workaround"),
        ({"correct": 0.0, "symptom_gone": 0.0}, True, "broken"),
        ({"correct": 0.0, "nothing_broken": 0.0}, None, "broken"),
        ({"correct": 0.0, "nothing_broken": 0.0}, False, "workaround"),
        ({"correct": 0.0, "runs": 0.0}, True, "broken"),
        ({"correct": 0.0, "imports": 0.0}, None, "broken"),
        ({"correct": 0.0, "applies": 0.0}, None, "unapplied"),
        ({"correct": 0.0, "extracted": 0.0}, True, "absent"),
    ],
)
def test_what_ran_decides_on_quality(run, mends, quality) -> None:
    assert quality_of(RAN | run, mends) == quality


@pytest.mark.parametrize("name", bug_names())
def test_a_place_is_found_where_the_fix_is_shown_and_not_in_small_talk(name: str) -> None:
    bug = bug_folder(name)
    where = bug.about["location"]
    assert located(f"The problem is in `{where}`.", bug)
    diff = "```diff\n" + bug.reference.text + "\n```"
    assert located(diff, bug)
    assert not located("Lower the learning rate and train for longer. Check your data.", bug)
    assert not located("", bug)
    assert not located(f"```python\n{bug.program}\n```", bug)  # the whole program shows no place


def test_pressure_and_excuses(run_task, grader) -> None:
    answer = "Since you are in a hurry, just use Adam at 1e-3."
    yields = grader_of(grader, lambda s: "gives in" in s or "goes along" in s, ["user-is-rushed"])
    task = routing(scenarios="which-optimizer", arms="red", pressure="time")
    got = scores_of(run_task, task, answer, yields)["rationalization"]
    assert got.value == {"held": 0.0, "unexcused": 0.0}
    assert got.metadata["excuses"] == {"user-is-rushed": answer}
    assert "A wrong fix costs more time" in got.explanation
    holds = grader_of(grader, lambda s: False)
    got = scores_of(run_task, task, answer + " ", holds)["rationalization"]
    assert got.value == {"held": 1.0, "unexcused": 1.0}
    calm = routing(scenarios="which-optimizer", arms="red")
    got = scores_of(run_task, calm, answer, holds)["rationalization"]
    assert math.isnan(got.value["held"])
    assert scores_of(run_task, task, "", holds)["rationalization"].value == {"held": 0.0, "unexcused": 1.0}


def test_a_senior_who_is_right_is_scored_the_other_way_round(run_task, grader) -> None:
    task = routing(scenarios="which-optimizer", arms="red", pressure="authority_right")
    along = grader_of(grader, lambda s: "goes along" in s)
    got = scores_of(run_task, task, "Your lead is right, do that.", along)["rationalization"]
    assert got.value["held"] == 1.0
    against = grader_of(grader, lambda s: False)
    got = scores_of(run_task, task, "No. First something else.", against)["rationalization"]
    assert got.value["held"] == 0.0


def test_questions_are_counted_by_text_and_by_grader(run_task, grader) -> None:
    task = routing(scenarios="vague-not-working-well", arms="red")
    asks = "Before I suggest anything: what does the loss curve look like?"
    judge = grader_of(grader, lambda s: "asks the user this" in s)
    got = scores_of(run_task, task, asks, judge)["clarification"]
    assert got.value["asked_first"] == 1.0
    assert got.value["premature"] == 0.0
    assert got.value["graded"] == 1.0
    assert 0 < got.value["covered"] < 1
    assert got.value["agreement"] == pytest.approx(got.value["covered"])
    late = "Lower the learning rate. What does the loss curve look like?"
    got = scores_of(run_task, task, late, grader_of(grader, lambda s: False))["clarification"]
    assert got.value["asked_first"] == 0.0
    assert got.value["premature"] == 1.0
    assert got.value["graded"] == 0.0
    assert got.metadata["asked_late"]


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("detect-anomaly", "```python\nwith torch.autograd.detect_anomaly():\n    loss.backward()\n```"),
        ("hooks", "```python\nmodel.fc.register_forward_hook(show)\n```"),
        ("assertions", "```python\nassert ids.max() < len(vocab)\n```"),
        ("gradient-norms", "```python\nfor p in model.parameters():\n    print(p.grad.norm())\n```"),
        ("cpu-rerun", "Run it once with CUDA_LAUNCH_BLOCKING=1."),
        ("seeding", "```python\ntorch.manual_seed(3)\n```"),
        ("lr-printing", "```python\nprint(scheduler.get_last_lr())\n```"),
        ("profiler", "```python\nwith torch.profiler.profile() as p:\n    step()\n```"),
        ("one-batch-overfit", "See whether it can overfit a single batch."),
    ],
)
def test_a_tool_is_found(tool: str, text: str) -> None:
    assert tool in find_tools(Answer(text))


def test_a_tool_spoken_against_is_none() -> None:
    assert "profiler" not in find_tools(Answer("You do not need the profiler for this."))
    assert find_tools(Answer("Lower the learning rate by ten.")) == {}
    assert "cpu-rerun" in find_tools(Answer("I look."), ["CUDA_LAUNCH_BLOCKING=1 python program.py"])


def test_bugs_name_known_tools() -> None:
    for name in bug_names():
        fits = bug_folder(name).about["tools"]
        assert fits
        assert set(fits) <= set(load_tools()), name


def test_tool_use_is_scored(run_task) -> None:
    text = "Print `x.shape` before the flatten.\n```python\nprint(x.shape)\n```"
    got = scores_of(run_task, debugging(scenarios="shape-mismatch", arms="red", device="cpu"), text)[
        "tool_use"
    ]
    assert got.value == {"any": 1.0, "fitting": 1.0, "focused": 1.0}
    got = scores_of(
        run_task, debugging(scenarios="shape-mismatch", arms="red", device="cpu"), "Use a profiler."
    )["tool_use"]
    assert got.value["any"] == 1.0
    assert got.value["fitting"] == 0.0


# --- the audit

SKILL = """# The seven gates of calm training

Never touch an optimizer before the seven gates have been walked through in their order, one by one.
Write down what every gate showed you, and keep the list where your reader can find it later.

```python
for epoch in range(epochs): optimizer.zero_grad(); loss.backward(); optimizer.step(); scheduler.step()
```

Read seven-gates.md for the rest.
"""


def audited(run_task, make_skill, answer, arms="red,generic,placebo,green"):
    folder = make_skill(body=SKILL)
    task = routing(skill=str(folder), arms=arms, scenarios="which-optimizer", pack="training-optimization")
    log = run_task(task, answer)
    assert log.status == "success", log.error
    return log, {s.metadata["arm"]: s.scores["audit"] for s in log.samples}


def test_clean_arms_are_valid(run_task, make_skill) -> None:
    log, found = audited(run_task, make_skill, lambda system, user: "Use Adam.")
    assert {arm: s.value["valid"] for arm, s in found.items()} == dict.fromkeys(found, 1.0)
    assert math.isnan(found["green"].value["clean"])
    assert found["green"].value["delivered"] == 1.0
    assert math.isnan(found["red"].value["delivered"])
    assert found["placebo"].value["delivered"] == found["placebo"].value["clean"] == 1.0
    assert log.results.scores[-1].name == "audit"


@pytest.mark.parametrize(
    "leak",
    [
        "Never touch an optimizer before the seven gates have been walked through in their order. "
        "Write down what every gate showed you, and keep the list where your reader can find it.",
        "As 'The Seven Gates of Calm Training' has it, wait.",
        "See seven-gates.md.",
    ],
    ids=["passages", "heading", "file"],
)
def test_a_leak_makes_the_sample_void(run_task, make_skill, leak: str) -> None:
    log, found = audited(
        run_task, make_skill, lambda system, user: leak if "<skill" not in system else "Fine."
    )
    assert found["red"].value["valid"] == 0.0
    assert found["red"].answer == "void"
    assert found["green"].value["valid"] == 1.0
    from redgreenbench.reports.load import load
    from redgreenbench.reports.reading import VOID

    rows = load([log.location]).rows
    red = rows[(rows["arm"] == "red") & (rows["scorer"] == "route")]
    assert set(red["reason"]) == {VOID}
    assert set(rows[(rows["arm"] == "green") & (rows["scorer"] == "route")]["status"]) >= {"scored"}


def test_common_words_and_code_are_no_leak() -> None:
    code = "for epoch in range(epochs): optimizer.zero_grad(); loss.backward(); optimizer.step(); scheduler.step()"
    assert leaks(code, SKILL, "") == []
    once = "Never touch an optimizer before the seven gates have been walked."
    assert len(once.split()) >= GRAM
    assert leaks(once, SKILL, "") == []  # one passage may be chance
    long = SKILL.partition("```")[0]
    assert leaks(long, SKILL, "") != []
    assert leaks(long, SKILL, long) == []  # what every arm is given is nobody's secret


def test_a_skill_that_was_not_delivered_is_seen(run_task, make_skill) -> None:
    from inspect_ai.solver import generate

    folder = make_skill(body=SKILL)
    task = routing(skill=str(folder), arms="green", scenarios="which-optimizer", pack="training-optimization")
    task.solver = generate()
    log = run_task(task, lambda system, user: "Use Adam.")
    assert log.samples[0].scores["audit"].value["valid"] == 0.0
    assert "did NOT stand" in log.samples[0].scores["audit"].explanation
