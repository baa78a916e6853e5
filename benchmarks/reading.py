"""How fast logs become a table and a report: CPU seconds and memory, beside inspect's `samples_df` on the same logs.

    python benchmarks/reading.py [--logs 27] [--samples 750] [--rounds 3] [--json]

Logs are generated once: one real run of the routing task with a scripted model gives the samples' shape, and values are
drawn with a seed. Every measurement is a process of its own, in turn; imports are not counted, but for `redgreen report`,
which is measured as a user runs it. Medians.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

READ = {
    "samples_df": "from inspect_ai.analysis import samples_df as f; run = lambda p: f(p, quiet=True)",
    "load, cold": "from redgreenbench.reports.logs.table import load as f; run = lambda p: f([p], cache=False)",
    "load, filling the cache": "from redgreenbench.reports.logs.table import load as f; run = lambda p: f([p])",
    "load, warm": "from redgreenbench.reports.logs.table import load as f; run = lambda p: f([p])",
}
PROBE = """
import json, resource, sys, time
{code}
start = time.process_time()
run(sys.argv[1])
print(json.dumps([time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def generate(folder: Path, logs: int, samples: int) -> None:
    """Writes ``logs`` logs of ``samples`` samples each: 3 epochs of pressures and arms, a model and arm a log."""
    from inspect_ai import eval as run_eval
    from inspect_ai.log import read_eval_log, write_eval_log
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    from redgreenbench.tasks.routing import routing

    def reply(*_: object) -> ModelOutput:
        output = ModelOutput.from_content(
            "mockllm/scripted", "NEXT: hand over to gradient-management\n\n" + "Look at it. " * 120
        )
        output.usage = ModelUsage(input_tokens=1200, output_tokens=300, total_tokens=1500)
        return output

    with tempfile.TemporaryDirectory() as scratch:
        (made,) = run_eval(
            routing(pressure="all", arms="red,placebo,green"),
            model=get_model("mockllm/scripted", custom_outputs=reply),
            log_dir=scratch,
            display="none",
        )
        template = read_eval_log(made.location)
        known = list(template.samples or ())
    random.seed(0)
    models = max(1, logs // 3)
    for number in range(logs):
        arm = ("red", "placebo", "green")[number % 3]
        mine = [sample for sample in known if sample.metadata["arm"] == arm]
        log = template.model_copy(deep=False)
        log.eval = template.eval.model_copy(deep=True)
        log.eval.model = f"mockllm/model-{number // 3 % models}"
        log.eval.eval_id = f"eval{number:04}"
        log.samples = []
        for index in range(samples):
            sample = mine[index % len(mine)].model_copy(deep=True)
            sample.epoch = 1 + index // len(mine)
            sample.uuid = f"u{number}-{index}"
            # inspect keeps usage by model; the scripted one stands for all.
            (usage,) = sample.model_usage.values()
            sample.model_usage = {log.eval.model: usage}
            for name, score in (sample.scores or {}).items():
                if name.endswith("act") and isinstance(score.value, dict):
                    score.value = {
                        k: v if v != v else float(random.random() < 0.3 + 0.2 * (number % 3))  # type: ignore[operator]
                        for k, v in score.value.items()
                    }
            log.samples.append(sample)
        log.eval.config.epochs = max(s.epoch for s in log.samples)
        log.eval.config.limit = 1  # nothing beyond what is written was planned
        write_eval_log(log, str(folder / f"{number:02}-{arm}.eval"))


def measured(name: str, folder: Path, environment: dict[str, str]) -> list[float]:
    """CPU seconds and peak MB of one reading."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(code=READ[name]), str(folder)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [float(x) for x in json.loads(done.stdout.splitlines()[-1])]


def report(folder: Path, environment: dict[str, str], output: Path) -> list[float]:
    """CPU seconds and peak MB of `redgreen report`, imports and figures included."""
    code = (
        "import json, resource, sys, time; from redgreenbench.cli import main\n"
        "main(['report', sys.argv[1], '-o', sys.argv[2]], standalone_mode=False)\n"
        "print(json.dumps([time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(output)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [float(x) for x in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--logs", type=int, default=27)
    parser.add_argument("--samples", type=int, default=750)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="Generate the logs here, or use those that are here.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch) / "logs"
        if not folder.exists():
            folder.mkdir(parents=True)
            # The generator's memory must not count as that of the processes measured.
            code = (
                f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import pathlib, reading; "
            )
            code += f"reading.generate(pathlib.Path({str(folder)!r}), {options.logs}, {options.samples})"
            subprocess.run([sys.executable, "-c", code], check=True)
        environment = os.environ | {"REDGREEN_CACHE": str(Path(scratch) / "cache")}
        found: dict[str, list[list[float]]] = {name: [] for name in [*READ, "report, warm"]}
        for number in range(options.rounds):
            environment["REDGREEN_CACHE"] = str(Path(scratch) / f"cache{number}")
            for name in READ:
                found[name].append(measured(name, folder, environment))
            found["report, warm"].append(report(folder, environment, Path(scratch) / "report"))
    table = {n: [statistics.median(r[i] for r in rounds) for i in (0, 1)] for n, rounds in found.items()}
    pairs = zip(found["load, cold"], found["samples_df"], strict=True)
    ratio = statistics.median(ours[0] / theirs[0] for ours, theirs in pairs)
    if options.json:
        print(json.dumps({"cpu_s_and_mb": table, "cold_against_samples_df": ratio}))
        return
    for name, (cpu, memory) in table.items():
        print(f"{name:26}{cpu:8.2f} CPU-s{memory:8.0f} MB")
    print(f"cold reading against samples_df: {ratio:.2f}")


if __name__ == "__main__":
    main()
