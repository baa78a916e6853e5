"""What the suite costs on top of bare inspect: CPU seconds per sample, to the first sample, and of imports. Side by side.

    python benchmarks/overhead.py [--rounds 5] [--json]

Per sample: the routing task with all pressures against a bare inspect task with the same messages, the same mock model and
a trivial scorer, in turn in one process. To the first sample: both in fresh processes, from the start of Python to the
first call of the model; the bare task reads its messages from a file of JSON. Import: `redgreenbench.tasks` and everything
it needs against inspect-ai alone, each in processes of their own, in turn. Construction: the routing task, imports aside.
Medians; the ratio is taken pair by pair.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessage,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

from redgreenbench.tasks.routing import routing

ANSWER = """NEXT: ask

To narrow this down, a few things matter before any setting is changed. Is the loss flat from the very first
step, or did it fall and then stop? Which optimizer and learning rate do you use?

If it is flat from the start, this belongs to gradient-management: print the norm of every layer's gradient once per
epoch and see whether it vanishes. If it fell first, learning-rate-scheduling is the better place to look, since a
constant rate often stalls late in training. I would not start with batch-size-and-memory-tradeoffs.

1. Log the loss of every step, not of every epoch.
2. Overfit a single batch; if that fails, the model or the loss is at fault.
3. Compare the gradient norms before and after clipping.

```python
for name, parameter in model.named_parameters():
    print(name, parameter.grad.norm())
```
"""


def constant_model() -> Model:
    """A model that always answers the same, with usage, so that no tokens are counted."""
    numbers = itertools.count()

    def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
        # No two answers are equal, so that nothing gains from having read one before.
        output = ModelOutput.from_content("mockllm/fixed", f"{ANSWER}\nThis is answer {next(numbers)}.")
        output.usage = ModelUsage(input_tokens=500, output_tokens=200, total_tokens=700)
        return output

    return get_model("mockllm/fixed", custom_outputs=reply)


def eval_cpu_seconds(task: Task) -> float:
    """CPU seconds that one eval of the task takes, all threads of this process."""
    with tempfile.TemporaryDirectory() as logs:
        start = time.process_time()
        (log,) = eval(task, model=constant_model(), log_dir=logs, display="none")
        used = time.process_time() - start
    assert log.status == "success", log.error
    return used


def bare_task(task: Task) -> Task:
    """A bare inspect task in which the model sees the very same messages, what the arm adds included."""
    samples = [Sample(id=s.id, input=s.input, target="the") for s in task.dataset]
    return Task(dataset=MemoryDataset(samples), solver=generate(), scorer=includes())


def construction_cpu() -> float:
    """CPU seconds that building the routing task takes in a fresh Python, imports aside."""
    code = (
        "import time; from redgreenbench.tasks.routing import routing; "
        "start = time.process_time(); routing(); print(time.process_time() - start)"
    )
    return float(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


FIRST_CALL = """
import os, sys, time
from inspect_ai import Task, eval
from inspect_ai.model import get_model
{task}
def reply(*_):
    print(time.process_time(), flush=True)
    os._exit(0)
eval(task, model=get_model("mockllm/fixed", custom_outputs=reply), log_dir=sys.argv[1], display="none")
"""
SUITE_TASK = "from redgreenbench.tasks.routing import routing; task = routing()"
BARE_TASK = """
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import includes
from inspect_ai.solver import generate
task = Task(dataset=json_dataset(sys.argv[2]), solver=generate(), scorer=includes())
"""


def first_sample_cpu_seconds(task: str, messages: str) -> float:
    """CPU seconds of a fresh Python up to the first call of the model."""
    with tempfile.TemporaryDirectory() as logs:
        command = [sys.executable, "-c", FIRST_CALL.format(task=task), logs, messages]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def write_messages(task: Task, file: str) -> None:
    """Writes a task's samples as a bare data set: messages and targets."""
    samples = [
        {
            "id": sample.id,
            "input": sample.input
            if isinstance(sample.input, str)
            else [{"role": one.role, "content": one.text} for one in sample.input],
            "target": "the",
        }
        for sample in task.dataset
    ]
    with open(file, "w", encoding="utf-8") as sink:
        json.dump(samples, sink)


def import_cpu(code: str) -> float:
    """CPU seconds of a fresh Python that runs ``code``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def measure_in_turn(first: object, second: object, rounds: int) -> list[tuple[float, float]]:
    """Calls both in turn, once unmeasured and then ``rounds`` times."""
    first(), second()  # type: ignore[operator]
    return [(first(), second()) for _ in range(rounds)]  # type: ignore[operator]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    task = routing(pressure="all" if options.rounds > 1 else "none")
    count = len(task.dataset)
    bare = bare_task(task)
    per_sample = measure_in_turn(
        lambda: eval_cpu_seconds(task), lambda: eval_cpu_seconds(bare), options.rounds
    )
    with tempfile.TemporaryDirectory() as scratch:
        messages = os.path.join(scratch, "messages.json")
        write_messages(routing(), messages)
        firsts = measure_in_turn(
            lambda: first_sample_cpu_seconds(SUITE_TASK, messages),
            lambda: first_sample_cpu_seconds(BARE_TASK, messages),
            options.rounds,
        )
    every_task = "import redgreenbench.tasks." + ", redgreenbench.tasks.".join(
        ("routing", "debugging", "scheduling", "pressure")
    )
    # Tasks bring inspect's task, solver, scorer, dataset and model modules with them; so does the baseline.
    plain = "import inspect_ai, inspect_ai.scorer, inspect_ai.solver, inspect_ai.dataset, inspect_ai.model"
    imports = measure_in_turn(lambda: import_cpu(every_task), lambda: import_cpu(plain), options.rounds)
    result = {
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "samples": count,
        "suite_ms_per_sample": round(1000 * statistics.median(a for a, _ in per_sample) / count, 2),
        "bare_ms_per_sample": round(1000 * statistics.median(b for _, b in per_sample) / count, 2),
        "ratio": round(statistics.median(a / b for a, b in per_sample), 3),
        "first_sample_suite_s": round(statistics.median(a for a, _ in firsts), 3),
        "first_sample_bare_s": round(statistics.median(b for _, b in firsts), 3),
        "first_sample_ratio": round(statistics.median(a / b for a, b in firsts), 3),
        "import_suite_s": round(statistics.median(a for a, _ in imports), 3),
        "import_inspect_s": round(statistics.median(b for _, b in imports), 3),
        "construction_s": round(statistics.median(construction_cpu() for _ in range(options.rounds)), 3),
        "import_extra_s": round(statistics.median(a - b for a, b in imports), 3),
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(f"{name:22} {value}")


if __name__ == "__main__":
    main()
