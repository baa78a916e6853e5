"""Logs of two scripted models and two skill versions, and the site built from them; once for all tests of this folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from inspect_ai import eval
from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage, get_model

from redgreenbench.reports.leaderboard.site import Site, write_site
from redgreenbench.reports.logs.table import Table, load
from redgreenbench.tasks.routing import routing

os.environ["INSPECT_DISPLAY"] = "none"

FEW = (
    "which-optimizer,loss-goes-to-nan,expert-multi-task-loss,overfitting-small-dataset,"
    "control-adamw-weight-decay-default"
)
SECRET = "xyzzy-never-to-be-shown"
HOSTILE = (
    "</title></script><script>window.hacked=1</script><img src=x onerror=window.hacked=2> "
    "[click](javascript:window.hacked=3) {{ 7*7 }} " + "A" * 1_000_000
)
SKILL = '---\nname: {name}\ndescription: Helps with tests.\nmetadata: {{version: "{version}"}}\n---\n{body}\n'
_RIGHT = {
    "Which optimizer": "NEXT: hand over to optimization-algorithms, learning-rate-scheduling",
    "uncertainty": "NEXT: hand over to loss-functions-and-objectives, gradient-management",
    "suddenly": "NEXT: hand over to gradient-management, learning-rate-scheduling, loss-functions-and-objectives",
}


def answer(model: str, system: str, user: str) -> str:
    """Good follows both versions, poor follows the second and is misled by the first; plain questions are handed over."""
    if SECRET in user:
        return (
            f"NEXT: hand over to gradient-management\nYou said {SECRET}."
            if "<skill" in system
            else f"{SECRET}?"
        )
    right = next(
        (text for word, text in _RIGHT.items() if word in user), "NEXT: hand over to gradient-management"
    )
    if "<skill" not in system:
        return (
            right if model == "good" and "Which optimizer" in user else "NEXT: answer\nThe default is 0.01."
        )
    if "misleading" in system and "Quick answer" not in user:
        return "NEXT: hand over to batch-size-and-memory-tradeoffs"
    return right


def model_of(name: str):  # type: ignore[no-untyped-def]
    def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
        output = ModelOutput.from_content(
            f"mockllm/{name}", answer(name, messages[0].text, messages[-1].text)
        )
        output.usage = ModelUsage(input_tokens=900, output_tokens=50, total_tokens=950)
        return output

    return get_model(f"mockllm/{name}", custom_outputs=reply, memoize=False)


def skill(folder: Path, version: str, body: str) -> str:
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(
        SKILL.format(name="using-training-optimization", version=version, body=body)
    )
    return str(folder)


def scenarios(folder: Path) -> str:
    """Two scenarios of a user's own: one that is private, one whose prompt attacks the page."""
    pack = folder / "training-optimization"
    pack.mkdir(parents=True)
    base = {
        "title": "A scenario of our own",
        "source": {"document": "catalogue", "section": "Own"},
        "act": {"next": "hand over", "first": ["gradient-management"]},
        "rubric": [
            {
                "id": "one",
                "statement": "Names the specialist for gradients.",
                "kind": "outcome",
                "section": "Own",
            }
        ],
        "slots": {
            "deadline": "a demo in an hour",
            "shortcut": "drop the scheduler",
            "tried": "lowering the rate",
            "right_call": {"do": "clip the gradients"},
        },
    }
    private = base | {
        "title": f"Title {SECRET}",
        "split": "private",
        "prompt": f"A prompt with {SECRET} in it.",
    }
    hostile = base | {"prompt": HOSTILE}
    (pack / "held-out.yaml").write_text(yaml.safe_dump(private))
    (pack / "hostile-prompt.yaml").write_text(yaml.safe_dump(hostile))
    return str(folder)


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 models x 2 skill versions x 2 epochs, one of the runs with private and hostile scenarios."""
    root = tmp_path_factory.mktemp("leaderboard")
    os.environ["INSPECT_CACHE_DIR"] = str(root / "cache")
    versions = [skill(root / "one", "1", "This one is misleading."), skill(root / "two", "2", "Hand over.")]
    for name in ("good", "poor"):
        for version in versions:
            task = routing(skill=version, arms="red,green", pressure="none,time", scenarios=FEW)
            eval(task, model=model_of(name), log_dir=str(root / "logs"), epochs=2, display="none")
    own = routing(skill=versions[1], scenarios=scenarios(root / "own"))
    eval(own, model=model_of("good"), log_dir=str(root / "logs"), epochs=2, display="none")
    return root / "logs"


@pytest.fixture(scope="session")
def table(logs: Path) -> Table:
    return load([str(logs)], cache=False)


@pytest.fixture(scope="session")
def site(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return write_site(table, tmp_path_factory.mktemp("built") / "site")
