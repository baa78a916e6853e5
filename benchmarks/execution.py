"""What an executed grade costs, as ratios measured side by side in one run.

python benchmarks/execution.py [--rounds 40] [--answers 200] [--json]

The program is 50 steps of SGD on a small network (about 12 ms of CPU when everything is warm; in the part about evals it
is the reference fix of a shipped bug). A *fresh process* is what most graders do: a new `python` that
imports torch and runs it. An *isolated run* is one round in our sandbox: fork, confine, load, run, compare. A
*whole grade* adds the reference's run and the comparison with it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from redgreenbench.reference_bugs.engine.host import choose_mode
from redgreenbench.reference_bugs.engine.outcome import Budget
from redgreenbench.reference_bugs.engine.pool import Pool, Request, Worker
from redgreenbench.reference_bugs.engine.zygote import Zygote

BUG, SCENARIO = "missing-optimizer-step", "debugging-techniques/model-not-learning"

PROGRAM = """
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.layers(x)


def train(model, data, targets, steps=50):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data), targets).backward()
        optimizer.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Net()
    train(model, torch.randn(64, 32), torch.randint(0, 10, (64,)))
    print(sum(float(p.sum()) for p in model.parameters()))
"""
PROBE = """
import time

from probing import copy_state

RETURNS = {"train": {"weights": "state", "cpu": "number"}}


def train(program, state, data, targets):
    model = program.Net()
    model.load_state_dict(state)
    start = time.process_time()
    program.train(model, data, targets)
    own = time.process_time() - start
    return {"weights": copy_state(model), "cpu": own}
"""
CHECKS = """
from redgreenbench.reference_bugs.checking import check, close


@check("cause", "training ends in the expected weights")
def weights(grade):
    state = {
        "layers.0.weight": grade.normal(64, 32, std=0.1), "layers.0.bias": grade.normal(64, std=0.1),
        "layers.2.weight": grade.normal(10, 64, std=0.1), "layers.2.bias": grade.normal(10, std=0.1),
    }
    got, want = grade.both("train", state=state, data=grade.normal(64, 32), targets=grade.integers(0, 10, 64))
    close(got["weights"], want["weights"], "weights", rtol=1e-4, atol=1e-5)
"""
ABOUT = """
title: Benchmark
family: training-loop
taxonomy: training/process
document: "002"
section: none
ran: It prints
shows: x
root_cause: none
location: train
error_pattern: none
tools: []
contract: {train: trains}
seconds: 20
memory_mb: 1024
fails: weights
fixes: {reference: nothing, other: nothing}
workarounds: {one: {about: nothing, fails: weights}, two: {about: nothing, fails: weights}}
"""


def bug_folder_of(where: Path) -> Path:
    """A bug folder around the program, whose reference is the program itself."""
    bug = where / "bench-program"
    for sub in ("fixes", "workarounds"):
        (bug / sub).mkdir(parents=True)
    files = {
        "program.py": PROGRAM,
        "probe.py": PROBE,
        "checks.py": CHECKS,
        "bug.yaml": ABOUT,
        "symptom.txt": "x\n",
    }
    for name, text in files.items():
        (bug / name).write_text(text)
    patch = "--- program.py\n+++ program.py\n@@ -1,2 +1,2 @@\n \n-import torch\n+import torch  # here\n"
    for name in ("fixes/reference", "fixes/other", "workarounds/one", "workarounds/two"):
        (bug / f"{name}.patch").write_text(patch)
    return bug


def cpu_of(pid: int) -> float:
    """Seconds of CPU of a process, its waited-for children not counted."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int, *names: str) -> float:
    """Megabytes of a process, the sum of lines of ``smaps_rollup``."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.split(":")[0] in names) / 1024


def inputs() -> dict[str, object]:
    """One round's inputs."""
    state = {
        "layers.0.weight": torch.randn(64, 32) / 10,
        "layers.0.bias": torch.zeros(64),
        "layers.2.weight": torch.randn(10, 64) / 10,
        "layers.2.bias": torch.zeros(10),
    }
    return {"state": state, "data": torch.randn(64, 32), "targets": torch.randint(0, 10, (64,))}


def isolated_round(zygote: Zygote) -> tuple[float, float]:
    """An isolated run; returns the CPU seconds of the child, and those of the program in it."""
    child = zygote.fork(Budget())
    child.load({"program.py": PROGRAM}, "program.py", PROBE, 1, "cpu")
    own = child.ask("train", inputs(), 1)["cpu"]
    return child.end().cpu, own


def median_milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Median wall-clock milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def program_alone() -> Callable[[], object]:
    """The program itself, warm, in this process."""
    space: dict[str, object] = {"__name__": "program"}
    exec(compile(PROGRAM, "program.py", "exec"), space)

    def run() -> None:
        given = inputs()
        model = space["Net"]()  # type: ignore[operator]
        model.load_state_dict(given["state"])
        space["train"](model, given["data"], given["targets"])  # type: ignore[operator]

    return run


def throughput(zygotes: list[Zygote], seconds: float) -> float:
    """Isolated runs a second, one caller process' thread per zygote."""
    counts = [0] * len(zygotes)
    stop = time.perf_counter() + seconds

    def serve(index: int) -> None:
        while time.perf_counter() < stop:
            isolated_round(zygotes[index])
            counts[index] += 1

    threads = [threading.Thread(target=serve, args=(i,)) for i in range(len(zygotes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def eval_overhead(answers: int, mode: str) -> dict[str, float]:
    """The task with its scorer over answers of a mock model against the engine alone, and how long the event loop waited."""
    from inspect_ai import eval as inspect_eval
    from inspect_ai import task_with
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import Scorer, includes

    from redgreenbench.reference_bugs.folder import bug_folder
    from redgreenbench.scorers.execution import execution
    from redgreenbench.tasks.debugging import debugging

    bug = bug_folder(BUG)
    fix = bug.mended

    def reply(*_: object) -> ModelOutput:
        output = ModelOutput.from_content("mockllm/model", f"Here it is:\n\n```python\n{fix}\n```\n")
        # Without it inspect would count tokens with a tokenizer that it first downloads.
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    model = get_model("mockllm/model", custom_outputs=reply)

    def alone(pool: Pool) -> float:
        start = time.perf_counter()
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda _: pool.grade(Request(str(bug.path), fix)), range(answers)))
        return time.perf_counter() - start

    async def ticking(lags: list[float]) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            lags.append(time.perf_counter() - before - 0.01)

    def evaluated(scorer: Scorer) -> tuple[float, float]:
        from inspect_ai.solver import Generate, Solver, TaskState, generate, solver

        lags: list[float] = []
        running: list[asyncio.Task[None]] = []

        @solver
        def with_ticks() -> Solver:
            inner = generate()

            async def solve(state: TaskState, generate_: Generate) -> TaskState:
                if not running:
                    running.append(asyncio.create_task(ticking(lags)))
                return await inner(state, generate_)

            return solve

        task = task_with(
            debugging(scenarios=SCENARIO, arms="red"), solver=with_ticks(), scorer=[scorer], epochs=answers
        )
        with tempfile.TemporaryDirectory() as logs:
            start = time.perf_counter()
            (log,) = inspect_eval(task, model=model, log_dir=logs, display="none")
            took = time.perf_counter() - start
            samples = list(log.samples or [])
        assert log.status == "success", log.error
        values = [(sample.scores or {}).get("execution") for sample in samples]
        assert all(score is None or score.value["correct"] == 1 for score in values)  # type: ignore[index,call-overload]
        return took, max(lags, default=0.0)

    engine, took = [], []
    lag = 0.0
    grader = execution({"device": "cpu", "exec_workers": 2})
    evaluated(grader)
    with Pool(2, mode) as pool:
        alone(pool)
        for _ in range(3):
            engine.append(alone(pool))
            seconds, worst = evaluated(grader)
            took.append(seconds)
            lag = max(lag, worst)
    bare, bare_lag = evaluated(includes())
    return {
        "engine_s": statistics.median(engine),
        "eval_s": statistics.median(took),
        "ratio": statistics.median(t / e for t, e in zip(took, engine, strict=True)),
        "bare_inspect_s": bare,
        "worst_event_loop_lag_ms": 1000 * lag,
        "worst_event_loop_lag_bare_ms": 1000 * bare_lag,
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40, help="isolated runs per measurement")
    parser.add_argument("--answers", type=int, default=200, help="answers in the eval")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    mode = choose_mode()
    with tempfile.TemporaryDirectory() as temporary:
        bug = bug_folder_of(Path(temporary))
        script = Path(temporary) / "program.py"
        script.write_text(PROGRAM)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}

        def fresh() -> None:
            subprocess.run([sys.executable, str(script)], check=True, capture_output=True, env=environment)

        start = time.perf_counter()
        first = Zygote(mode)
        zygote_s = time.perf_counter() - start
        for _ in range(5):
            isolated_round(first)
            fresh()
        alone = program_alone()
        alone()
        # Interleaved, so that whatever else the machine does hits both.
        isolated_ms, fresh_ms, alone_ms = [], [], []
        for _ in range(5):
            fresh_ms.append(median_milliseconds(fresh, 2))
            isolated_ms.append(
                median_milliseconds(lambda: isolated_round(first), max(1, options.rounds // 5))
            )
            alone_ms.append(median_milliseconds(alone, max(1, options.rounds // 5)))
        isolated, process, warm = (statistics.median(values) for values in (isolated_ms, fresh_ms, alone_ms))

        here, there, spent, own = time.process_time(), cpu_of(first.pid), 0.0, 0.0
        count = 3 * options.rounds
        for _ in range(count):
            child_cpu, program_cpu = isolated_round(first)
            spent, own = spent + child_cpu, own + program_cpu
        engine_cpu = 1000 * (time.process_time() - here + cpu_of(first.pid) - there + spent) / count
        own_cpu = 1000 * own / count
        cpu_start = time.process_time()
        for _ in range(count):
            alone()
        program_cpu = 1000 * (time.process_time() - cpu_start) / count

        worker = Worker(mode)
        whole = median_milliseconds(lambda: worker.grade(Request(str(bug), PROGRAM)), options.rounds)
        worker.close()

        child = first.fork(Budget())
        child.load({"program.py": PROGRAM}, "program.py", PROBE, 1, "cpu")
        child.ask("train", inputs(), 1)
        pids = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
        child_mb = memory_of(int(pids[0]), "Private_Clean", "Private_Dirty")
        child.end()
        zygote_mb = memory_of(first.pid, "Rss")
        first.close()

        grades = options.rounds
        with Pool(2, mode) as pool:

            def many(count: int) -> float:
                begin = time.perf_counter()
                with ThreadPoolExecutor(count) as threads:
                    list(
                        threads.map(
                            lambda seed: pool.grade(Request(str(bug), PROGRAM, seed)), range(grades * count)
                        )
                    )
                return grades * count / (time.perf_counter() - begin)

            many(2)
            rates = [(many(1), many(2)) for _ in range(3)]
        one = statistics.median(rate for rate, _ in rates)
        two = statistics.median(rate for _, rate in rates)
        scale = statistics.median(b / a for a, b in rates)
        evaluation = eval_overhead(options.answers, mode)
    result = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "torch": torch.__version__,
        "mode": mode,
        "program_warm_ms": warm,
        "fresh_process_ms": process,
        "isolated_run_ms": isolated,
        "isolated_ratio": process / isolated,
        "whole_grade_ms": whole,
        "whole_grade_ratio": process / whole,
        "program_in_child_cpu_ms": own_cpu,
        "overhead_cpu_ms": engine_cpu - own_cpu,
        "overhead_over_warm_cpu_ms": engine_cpu - program_cpu,
        "grades_per_s_one_worker": one,
        "grades_per_s_two_workers": two,
        "two_worker_scaling": scale,
        "zygote_start_s": zygote_s,
        "zygote_mb": zygote_mb,
        "child_own_mb": child_mb,
        **{f"eval_{key}": value for key, value in evaluation.items()},
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for key, value in result.items():
        print(f"{key:28} {value if isinstance(value, str) else f'{value:.2f}'}")


if __name__ == "__main__":
    main()
