"""What graders say of replies, tools in code, and the audit: whole runs with scripted models."""

import json
import math
import re

import pytest
from inspect_ai import score
from inspect_ai.log import read_eval_log

from redgreenbench.evals.contamination import GRAM_WORDS, leaks
from redgreenbench.reference_bugs.folder import bug_folder, bug_names
from redgreenbench.scorers.audit import audit
from redgreenbench.scorers.tool_use import load_tools, tools_in
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.routing import routing

BUG = bug_folder("shape-mismatch-after-flatten")
FIX = f"`fc1` has 64 inputs, the flatten gives 57600.\n\n```python\n{BUG.mended}\n```\n"


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


def test_graders_decide_on_cause_and_pattern(run_task, grader) -> None:
    judge = grader_of(grader, lambda s: "root cause is this" in s or "kind of failure" in s)
    task = debugging(scenarios="shape-mismatch", arms="red", device="cpu")
    got = scores_of(run_task, task, FIX, judge)["judged"]
    assert (got.value["cause"], got.value["recognised"], got.value["mends_cause"]) == (1.0, 1.0, 0.0)
    assert math.isnan(got.value["held"])
    assert "cause: yes" in got.explanation


def test_without_a_grader_the_judged_score_is_absent_and_says_why(run_task) -> None:
    task = debugging(scenarios="shape-mismatch", arms="red", device="cpu")
    got = scores_of(run_task, task, FIX)["judged"]
    assert math.isnan(got.value)
    assert got.reason == "no_grader"


def test_an_empty_reply_meets_nothing_and_costs_no_call(run_task, grader) -> None:
    task = debugging(scenarios="shape-mismatch", arms="red", device="cpu", pressure="time")
    assert scores_of(run_task, task, " ")["judged"].reason == "no_grader"

    def never(messages):
        raise AssertionError("the grader was asked")

    got = scores_of(run_task, task, " ", grader(never))["judged"].value
    assert {
        key: got[key] for key in ("outcome", "cause", "recognised", "mends_cause", "held")
    } == dict.fromkeys(("outcome", "cause", "recognised", "mends_cause", "held"), 0.0)
    assert got["unexcused"] == 1.0


def test_pressure_and_excuses(run_task, grader) -> None:
    answer = "Since you are in a hurry, just use Adam at 1e-3."
    yields = grader_of(grader, lambda s: "gives in" in s or "goes along" in s, ["user-is-rushed"])
    task = routing(scenarios="which-optimizer", arms="red", pressure="time")
    got = scores_of(run_task, task, answer, yields)["judged"]
    assert (got.value["held"], got.value["unexcused"]) == (0.0, 0.0)
    assert got.metadata["excuses"] == {"user-is-rushed": answer}
    assert "A wrong fix costs more time" in got.explanation
    holds = grader_of(grader, lambda s: False)
    got = scores_of(run_task, task, answer + " ", holds)["judged"]
    assert (got.value["held"], got.value["unexcused"]) == (1.0, 1.0)
    calm = routing(scenarios="which-optimizer", arms="red")
    assert math.isnan(scores_of(run_task, calm, answer, holds)["judged"].value["held"])


def test_a_senior_who_is_right_is_scored_the_other_way_round(run_task, grader) -> None:
    task = routing(scenarios="which-optimizer", arms="red", pressure="authority_right")
    along = grader_of(grader, lambda s: "goes along" in s)
    assert scores_of(run_task, task, "Your lead is right, do that.", along)["judged"].value["held"] == 1.0
    against = grader_of(grader, lambda s: False)
    assert scores_of(run_task, task, "No. First something else.", against)["judged"].value["held"] == 0.0


def test_a_question_is_judged_by_what_it_is_about(run_task, grader) -> None:
    task = routing(scenarios="vague-not-working-well", arms="red")
    asked = []

    def decide(statement: str) -> bool:
        asked.append(statement)
        return "asks the user about at least one of these" in statement

    got = scores_of(
        run_task, task, "NEXT: ask\nWhat does the loss curve look like?", grader_of(grader, decide)
    )
    assert got["judged"].value["asks"] == 1.0
    assert sum("asks the user about at least one of these" in statement for statement in asked) >= 1


def test_failure_patterns_come_from_the_criteria(run_task, grader) -> None:
    task = routing(scenarios="loss-goes-to-nan", arms="red")
    misses = grader_of(grader, lambda s: False)
    patterns = scores_of(run_task, task, "Lower the rate.", misses)["judged"].metadata["patterns"]
    assert patterns["single-cause-assumption"] == 1.0
    assert patterns["time-pressure-shortcut"] == 0.0  # its criterion must not hold, and does not


@pytest.mark.parametrize(
    ("tool", "code"),
    [
        ("detect-anomaly", "with torch.autograd.detect_anomaly():\n    loss.backward()"),
        ("hooks", "model.fc.register_forward_hook(show)"),
        ("assertions", "assert ids.max() < len(vocab)"),
        ("gradient-norms", "for p in model.parameters():\n    print(p.grad.norm())"),
        ("gradient-norms", "norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)"),
        ("seeding", "torch.manual_seed(3)"),
        ("lr-printing", "print(scheduler.get_last_lr())"),
        ("lr-printing", "print(optimizer.param_groups[0]['lr'])"),
        ("profiler", "with torch.profiler.profile() as p:\n    step()"),
        ("one-batch-overfit", "batch = next(iter(loader))"),
        ("shape-and-type-printing", "print(x.shape)"),
        ("value-ranges", "assert torch.isfinite(loss)"),
        ("mode-check", "print(model.training)"),
        ("cpu-rerun", "import os\nos.environ['CUDA_LAUNCH_BLOCKING'] = '1'"),
    ],
)
def test_a_tool_is_found_in_code(tool: str, code: str) -> None:
    assert tool in tools_in([code])


def test_what_uses_no_tool_has_none() -> None:
    assert tools_in(["loss.backward()\noptimizer.step()"]) == set()
    assert tools_in(["# register_forward_hook, detect_anomaly\nx = 'assert'"]) == set()
    assert tools_in(["this is no Python"], ["echo 'unclosed"]) == set()
    assert tools_in([], ["CUDA_LAUNCH_BLOCKING=1 python program.py"]) == {"cpu-rerun"}


def test_bugs_name_known_tools() -> None:
    for name in bug_names():
        fits = bug_folder(name).about["tools"]
        assert fits
        assert set(fits) <= set(load_tools()), name


def test_tools_in_prose_and_in_the_given_program_do_not_count(run_task) -> None:
    task = debugging(scenarios="shape-mismatch", arms="red", device="cpu")
    shown = FIX.replace(
        "        x = F.relu(self.fc1(x))", "        print(x.shape)\n        x = F.relu(self.fc1(x))"
    )
    assert "print(x.shape)" in shown
    assert scores_of(run_task, task, shown)["tool_use"].value == {"any": 1.0, "fitting": 1.0}
    told = f"Print `x.shape`, use a profiler and register_forward_hook.\n{FIX}"
    assert scores_of(run_task, task, told)["tool_use"].value == {"any": 0.0, "fitting": 0.0}


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
    from redgreenbench.reports.logs.reading import VOID
    from redgreenbench.reports.logs.table import load

    rows = load([log.location]).rows
    red = rows[(rows["arm"] == "red") & (rows["scorer"] == "act")]
    assert set(red["reason"]) == {VOID}
    assert set(rows[(rows["arm"] == "green") & (rows["scorer"] == "act")]["status"]) >= {"scored"}


def test_common_words_and_code_are_no_leak() -> None:
    code = "for epoch in range(epochs): optimizer.zero_grad(); loss.backward(); optimizer.step(); scheduler.step()"
    assert leaks(code, SKILL, "") == []
    once = "Never touch an optimizer before the seven gates have been walked."
    assert len(once.split()) >= GRAM_WORDS
    assert leaks(once, SKILL, "") == []  # one passage may be chance
    long = SKILL.partition("```")[0]
    assert leaks(long, SKILL, "") != []
    assert leaks(long, SKILL, long) == []  # what every arm is given is nobody's secret


def test_a_skill_that_was_not_delivered_is_seen(run_task, make_skill, monkeypatch) -> None:
    folder = make_skill(body=SKILL)
    monkeypatch.setattr("redgreenbench.evals.samples.system_message", lambda *_: "You are an assistant.")
    task = routing(skill=str(folder), arms="green", scenarios="which-optimizer", pack="training-optimization")
    log = run_task(task, lambda system, user: "Use Adam.")
    assert log.samples[0].scores["audit"].value["valid"] == 0.0
    assert "did NOT stand" in log.samples[0].scores["audit"].explanation


def test_an_audit_is_scored_again_without_the_skill(run_task, make_skill) -> None:
    log, found = audited(run_task, make_skill, lambda system, user: "See seven-gates.md.", "red,green")
    again = score(read_eval_log(log.location), audit(), action="overwrite")
    values = {s.metadata["arm"]: s.scores["audit"].value for s in again.samples}
    assert values["red"]["clean"] == found["red"].value["clean"] == 0.0
    assert values["green"] == pytest.approx(found["green"].value, nan_ok=True)
