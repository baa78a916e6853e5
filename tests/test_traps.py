"""Traps of the libraries below us that were met once; each test keeps us out of one."""

import ast
from pathlib import Path

import pytest
from inspect_ai.log import read_eval_log
from inspect_ai.model import ModelOutput, get_model

from redgreenbench.tasks.routing import routing

ROOT = Path(__file__).parents[1]
SOURCES = [
    p
    for room in ("evals", "tasks", "scorers", "reports", "src/redgreenbench/cli")
    for p in (ROOT / room).rglob("*.py")
]


def names_used(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    found |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    return found | {
        a.name for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names
    }


def test_a_mock_model_with_usage_needs_no_tokenizer(run_task, monkeypatch) -> None:
    """`mockllm/model` counts tokens, and downloads a tokenizer for it, where an output has no usage."""
    from inspect_ai.model._providers.mockllm import MockLLM

    async def forbidden(*_: object, **__: object) -> int:
        raise AssertionError("the mock counts tokens")

    monkeypatch.setattr(MockLLM, "count_tokens", forbidden)
    assert run_task(routing(scenarios="which-optimizer"), lambda s, u: "x").status == "success"
    bare = get_model("mockllm/model", custom_outputs=[ModelOutput.from_content("mockllm", "x")])
    from inspect_ai import eval

    (log,) = eval(routing(scenarios="which-optimizer", arms="red"), model=bare, log_dir=None)
    assert log.status == "error"


def test_a_run_with_a_single_scenario_ends_well(run_task) -> None:
    """A clustered interval among a scorer's metrics kills such a run; ours are plain means."""
    log = run_task(routing(scenarios="which-optimizer"), lambda s, u: "ROUTE: optimization-algorithms")
    assert log.status == "success"
    assert {"route", "checks", "audit"} <= {s.name for s in log.results.scores}
    # Without a grader some scorers judge nothing, and a metric over nothing has no group.
    judged = [s for s in log.results.scores if s.scored_samples]
    assert {m.group for s in judged for m in s.metrics.values()} == {"means"}


def test_dict_scores_are_not_summed_up_as_zero(run_task) -> None:
    """`score_to_float` turns a dict into 0; metrics are given per key instead."""
    log = run_task(
        routing(scenarios="which-optimizer,loss-goes-to-nan"), lambda s, u: "ROUTE: gradient-management"
    )
    (route,) = [s for s in log.results.scores if s.name == "route"]
    assert {m.name: m.value for m in route.metrics.values()}["first"] == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["bootstrap_stderr", "score_to_float"])
def test_what_is_unseeded_or_lossy_is_not_used(name: str) -> None:
    assert not [path for path in SOURCES if name in names_used(path)]


def test_logs_are_read_through_the_public_api() -> None:
    """`.eval` files are zips compressed with zstd, whose layout is private to inspect."""
    assert not [path for path in SOURCES if "zipfile" in names_used(path) and path.parent.name == "reports"]


def test_skills_are_read_by_us() -> None:
    """inspect's own skill tool drops sheets beside SKILL.md, and its wording is a treatment of its own."""
    assert not [path for path in SOURCES if "inspect_ai.tool._tools._skill" in path.read_text()]


def test_long_text_stands_once_in_the_log_and_not_in_samples(run_task) -> None:
    log = read_eval_log(run_task(routing(scenarios="which-optimizer"), lambda s, u: "x").location)
    assert max(len(str(v)) for s in log.samples for v in s.metadata.values()) < 100
    (deliver,) = [step for step in log.plan.steps if step.solver.endswith("inject_arm")]
    assert "<skill" in deliver.params["texts"]["training-optimization"]["green"]
