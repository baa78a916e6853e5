"""What grading every version of a 30-turn run costs, and whether twenty agents work at once.

python benchmarks/agents.py [--versions 30] [--agents 20] [--json]

A scripted agent makes a new version in every turn, none of which mends the bug but the last, so that nothing can be graded
short. The cost is the working time of the scorer `resolution`, workers warm, over that of the same run without versions.
Twenty such agents, of three turns each, then run the program, mend it and run it again, in twenty jails at once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from typing import Any

from inspect_ai import Task, eval, task_with
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, ChatMessageAssistant, Model, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import ToolCall

from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.scorers.resolution import resolution
from redgreenbench.tasks.debugging import debugging

BUG, SCENARIO = "shape-mismatch-after-flatten", "debugging-techniques/shape-mismatch"
SLOW_BUG, SLOW_SCENARIO = "nan-after-five-epochs", "debugging-techniques/nan-after-several-epochs"
Call = tuple[str, dict[str, str]]


def write_program_call(program: str) -> Call:
    """A call that writes the program anew."""
    return "bash", {"command": f"cat > program.py <<'__END__'\n{program}\n__END__"}


def scripted_model(script: list[Call]) -> Model:
    """A model that makes one call a turn."""

    def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
        turn = sum(isinstance(message, ChatMessageAssistant) for message in messages)
        name, arguments = script[min(turn, len(script) - 1)]
        output = ModelOutput.for_tool_call("mockllm/agent", name, dict(arguments))
        output.choices[0].message.tool_calls = [
            ToolCall(id=f"c{turn}", function=name, arguments=dict(arguments))
        ]
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    return get_model("mockllm/agent", custom_outputs=reply, memoize=False)


def run_agents(script: list[Call], copies: int = 1, scenario: str = SCENARIO) -> tuple[EvalLog, float]:
    """Lets scripted agents work; the log, and the seconds of the whole run."""
    task: Task = debugging(arms="red", scenarios=scenario, mode="agent", message_limit=200)
    task = task_with(task, scorer=[resolution()], epochs=copies)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        (log,) = eval(
            task, model=scripted_model(script), log_dir=folder, max_samples=copies, max_sandboxes=copies
        )
        seconds = time.perf_counter() - begun
        assert log.status == "success", log.error
        # Samples are read when they are asked for, and the folder goes.
        log.samples = list(log.samples or [])
    return log, seconds


def scoring_seconds(log: EvalLog) -> float:
    """Seconds between the first and the last event of the scorer."""
    (sample,) = log.samples or []
    assert sample.scores
    assert sample.error is None
    begun = next(e for e in sample.events if e.event == "span_begin" and e.type == "scorers")
    return float((sample.events[-1].timestamp - begun.timestamp).total_seconds())


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--versions", type=int, default=30)
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    os.environ["INSPECT_DISPLAY"] = "none"
    bug = bug_folder(BUG)
    mended = bug.mended
    submit: Call = ("submit", {"answer": "Done."})
    look: Call = ("bash", {"command": "true"})
    run_agents([write_program_call(mended), submit])  # starts the workers
    versions = [write_program_call(f"{bug.program}\nVERSION = {n}") for n in range(given.versions - 1)]
    many, _ = run_agents([*versions, write_program_call(mended), submit])
    none, _ = run_agents([look] * given.versions + [submit])
    (sample,) = many.samples or []
    assert sample.scores
    resolution = sample.scores["resolution"].value
    assert isinstance(resolution, dict)
    assert resolution["versions"] == given.versions, resolution
    assert resolution["turns"] == given.versions, resolution
    run: Call = ("bash", {"command": "python program.py"})
    slow_bug = bug_folder(SLOW_BUG)
    slow, _ = run_agents(
        [*(write_program_call(f"{slow_bug.program}\nVERSION = {n}") for n in range(given.versions)), submit],
        scenario=SLOW_SCENARIO,
    )
    crowd, seconds = run_agents([run, write_program_call(mended), run, submit], given.agents)
    resolved = sum(
        float(s.scores["resolution"].value["resolved"])  # type: ignore[index,arg-type,call-overload]
        for s in crowd.samples or []
        if s.scores and s.error is None
    )
    figures: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "versions": given.versions,
        "grading_seconds": round(scoring_seconds(many), 2),
        "grading_seconds_of_a_slow_bug": round(scoring_seconds(slow), 2),
        "grading_seconds_without_versions": round(scoring_seconds(none), 2),
        "agents": given.agents,
        "agents_resolved": int(resolved),
        "agents_failed": sum(1 for s in crowd.samples or [] if s.error is not None),
        "agents_seconds": round(seconds, 1),
    }
    if given.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name.replace('_', ' '):36} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
