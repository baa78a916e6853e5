"""Traps of the libraries below us that were met once; each test keeps us out of one."""

import ast
from functools import cache
from pathlib import Path

import pytest
from inspect_ai.event import ScoreEvent
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ModelOutput, get_model

from redgreenbench.tasks.routing import routing

ROOT = Path(__file__).parents[1]
SOURCES = [
    p
    for room in ("evals", "tasks", "scorers", "reports", "src/redgreenbench/cli")
    for p in (ROOT / room).rglob("*.py")
]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def names_used(path: Path) -> set[str]:
    tree = tree_of(path)
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    found |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    return found | {
        a.name for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names
    }


def test_a_mock_model_with_usage_needs_no_tokenizer(run_task, monkeypatch, tmp_path: Path) -> None:
    """`mockllm/model` counts tokens, and downloads a tokenizer for it, where an output has no usage."""
    from inspect_ai.model._providers.mockllm import MockLLM

    async def forbidden(*_: object, **__: object) -> int:
        raise AssertionError("the mock counts tokens")

    monkeypatch.setattr(MockLLM, "count_tokens", forbidden)
    assert run_task(routing(scenarios="which-optimizer"), lambda s, u: "x").status == "success"
    bare = get_model("mockllm/model", custom_outputs=[ModelOutput.from_content("mockllm", "x")])
    from inspect_ai import eval

    (log,) = eval(routing(scenarios="which-optimizer", arms="red"), model=bare, log_dir=str(tmp_path))
    assert log.status == "error"


def test_a_run_with_a_single_scenario_ends_well(run_task) -> None:
    """A clustered interval among a scorer's metrics kills such a run; ours are plain means."""
    log = run_task(
        routing(scenarios="which-optimizer"), lambda s, u: "NEXT: hand over to optimization-algorithms"
    )
    assert log.status == "success"
    assert {"act", "judged", "audit"} <= {s.name for s in log.results.scores}
    # Without a grader some scorers judge nothing, and a metric over nothing has no group.
    judged = [s for s in log.results.scores if s.scored_samples]
    assert {m.group for s in judged for m in s.metrics.values()} == {"means"}


def test_dict_scores_are_not_summed_up_as_zero(run_task) -> None:
    """`score_to_float` turns a dict into 0; metrics are given per key instead."""
    log = run_task(
        routing(scenarios="which-optimizer,loss-goes-to-nan"),
        lambda s, u: "NEXT: hand over to gradient-management",
    )
    (act,) = [s for s in log.results.scores if s.name == "act"]
    assert {m.name: m.value for m in act.metrics.values()}["first"] == pytest.approx(0.5)


def test_a_mean_over_nothing_is_no_number(run_task) -> None:
    """A zero would say that every model fails where nobody was asked."""
    log = run_task(routing(scenarios="control-cross-entropy-logits"), lambda s, u: "NEXT: answer")
    (act,) = [s for s in log.results.scores if s.name == "act"]
    values = {m.name: m.value for m in act.metrics.values()}
    assert "correct" not in values
    assert values["restrained"] == 1.0


@pytest.mark.parametrize("name", ["bootstrap_stderr", "score_to_float"])
def test_what_is_unseeded_or_lossy_is_not_used(name: str) -> None:
    assert not [path for path in SOURCES if name in names_used(path)]


READ_INSIDE = {
    "reports/logs/reading.py": "marks of edits, which summaries do not have, in logs too large to parse whole",
}
"""What each module looks for in the entries of logs."""


def test_logs_are_read_through_the_public_api() -> None:
    """`.eval` files are zips whose entries are private to inspect; where these lie in the file is all that is asked."""
    for path in (path for path in SOURCES if path.is_relative_to(ROOT / "reports")):
        tree = tree_of(path)
        opened = [
            item
            for node in ast.walk(tree)
            if isinstance(node, ast.With)
            for item in node.items
            if ast.unparse(item.context_expr).startswith("zipfile.ZipFile(")
        ]
        archives = {ast.unparse(item.optional_vars) for item in opened}
        asked = {
            n.attr
            for n in ast.walk(tree)
            if isinstance(n, ast.Attribute) and ast.unparse(n.value) in archives
        }
        assert path.read_text().count("ZipFile(") == len(opened), (
            f"{path}: open it by `with zipfile.ZipFile(...)`"
        )
        assert asked <= {"infolist", "start_dir"} or str(path.relative_to(ROOT)) in READ_INSIDE, path


def test_skills_are_read_by_us() -> None:
    """inspect's own skill tool drops sheets beside SKILL.md, and its wording is a treatment of its own."""
    assert not [path for path in SOURCES if "inspect_ai.tool._tools._skill" in path.read_text()]


WORD = "abracadabra"


@pytest.fixture
def long_skill(make_skill) -> str:
    return str(make_skill(body=f"{WORD}. {'Say it slowly. ' * 400}"))


def written(log: EvalLog) -> EvalLog:
    return read_eval_log(log.location, resolve_attachments=True)


def test_what_the_arms_add_stands_once_in_the_log_with_the_step_that_delivers_it(
    run_task, long_skill: str
) -> None:
    task = routing(skill=long_skill, scenarios="which-optimizer", pack="training-optimization")
    log = written(run_task(task, lambda s, u: "NEXT: answer"))
    (deliver,) = [step for step in log.plan.steps if step.solver.endswith("deliver")]
    assert WORD in str(deliver.params["arms"])
    others = [step for step in log.plan.steps if step is not deliver]
    assert WORD not in "".join(step.model_dump_json() for step in others)
    for part in (log.eval, log.results, log.stats):
        assert WORD not in part.model_dump_json()


def test_no_sample_holds_the_skill_but_where_a_model_was_told_of_it(run_task, long_skill: str) -> None:
    task = routing(skill=long_skill, scenarios="which-optimizer", pack="training-optimization")
    log = written(run_task(task, lambda s, u: "NEXT: answer"))
    for sample in log.samples:
        assert max(len(str(value)) for value in sample.metadata.values()) < 100
        scores = [event for event in sample.events if isinstance(event, ScoreEvent)]
        assert {event.scorer for event in scores if event.scorer} >= {"act", "audit"}
        for event in scores:
            assert WORD not in event.model_dump_json()
            assert len(str(event.scorer_args)) < 500
        held = sample.model_dump(exclude={"input", "messages", "events", "attachments"})
        assert WORD not in str(held)
        told = WORD in "".join(m.text for m in sample.messages)
        assert told == (sample.metadata["arm"] == "green")
        if not told:
            assert WORD not in sample.model_dump_json()
