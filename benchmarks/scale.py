"""What a run costs by its size: merging shards, the table, the report and the site; and grades by workers and by shards.

    python benchmarks/scale.py [--sizes 1000,10000] [--grades 40] [--json]

Logs are copies of one real run of a scripted model (see reading.py), with other epochs and models, so that they grow as a
real run does: not in scenarios. Every measurement is a process of its own, with its imports; the report and the site
follow the table, which fills the cache. CPU seconds are those of all threads and children.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from inspect_ai._util.zipfile import zipfile_compress_kwargs
from reading import generate

from redgreenbench.scorers.merging import copy_entry

ARMS = 3
MODELS = 3
BUG = "missing-optimizer-step"
PROBE = """
import json, sys
if sys.argv[1] == "table":
    from redgreenbench.reports.logs.table import load
    load(sys.argv[2:])
else:
    from redgreenbench.cli import main
    main(sys.argv[1:], standalone_mode=False)
# Not ru_maxrss, which a process inherits from the one that started it.
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("\\n" + json.dumps(int(peak) / 1024))
"""


def copy_log(source: Path, target: Path, epochs: int, model: str, number: int, shard: str = "") -> None:
    """Copies a log with its epochs moved up, another model, and ids of its own; as a shard if one is given."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", **zipfile_compress_kwargs) as new:
        header = json.loads(old.read("header.json"))
        was = header["eval"]["model"]
        summaries = json.loads(old.read("summaries.json"))
        for summary in summaries:
            summary["epoch"] += epochs
            summary["uuid"] = f"u{number}-{summary['uuid']}"
            summary["model_usage"] = dict(zip([model], summary["model_usage"].values(), strict=True))
        most = max(summary["epoch"] for summary in summaries)
        header["eval"] |= {"model": model, "eval_id": f"eval{number}"}
        header["eval"]["config"]["epochs"] = most
        if shard:
            header["eval"]["metadata"]["shard"] = shard
        # Samples are copied as they are compressed; what is within them still has the epoch of the first copy.
        for entry in old.infolist():
            stem, epoch_mark, epoch = entry.filename.removesuffix(".json").rpartition("_epoch_")
            if epoch_mark:
                copy_entry(old, entry, new, f"{stem}_epoch_{int(epoch) + epochs}.json")
        for name, data in (("summaries.json", summaries), ("header.json", header)):
            new.writestr(name, json.dumps(data).replace(was, model))


def generate_logs(base: Path, folder: Path, samples: int, each: int) -> None:
    """Logs of a run of so many samples: all arms of all models, epoch after epoch."""
    sources = sorted(base.glob("*.eval"))
    for number in range(-(-samples // each)):
        rounds, place = divmod(number, MODELS * len(sources))
        model, arm = divmod(place, len(sources))
        # As inspect names its logs: one of another name it opens to see what it is.
        name = f"2026-11-01T10-{number // 60:02}-{number % 60:02}-00-00_routing_{number:022}.eval"
        copy_log(sources[arm], folder / name, 1000 * rounds, f"mockllm/model-{model}", number)


def generate_shards(base: Path, folder: Path, samples: int, each: int) -> None:
    """The shards of one log of so many samples."""
    source = max(base.glob("*.eval"))
    count = -(-samples // each)
    for number in range(count):
        place = folder / "routing.shards" / str(number + 1) / f"2026-01-01_{number:04}.eval"
        copy_log(source, place, 1000 * number, "mockllm/model-0", number, f"{number + 1}/{count}")


def children_cpu_seconds() -> float:
    """CPU seconds of all processes that this one has waited for, and of those that they waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def measure_command(environment: dict[str, str], *command: str) -> dict[str, float]:
    """Seconds by the clock and of CPU, and peak MB of a `redgreen` command, or of `table` and places of logs."""
    start, before = time.perf_counter(), children_cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *command], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    memory = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": time.perf_counter() - start, "cpu_s": children_cpu_seconds() - before, "mb": memory}


def measure_by_size(
    base: Path, size: int, each: int, scratch: Path
) -> Iterator[tuple[str, dict[str, float]]]:
    """What each command takes with so many samples."""
    environment = os.environ | {"REDGREEN_CACHE": str(scratch / "cache")}
    logs, shards = scratch / "logs", scratch / "shards"
    generate_shards(base, shards, size, each)
    yield "merge", measure_command(environment, "merge", str(shards))
    shutil.rmtree(shards)
    generate_logs(base, logs, size, each)
    yield "table", measure_command(environment, "table", str(logs))
    yield "report", measure_command(environment, "report", str(logs), "-o", str(scratch / "report"))
    yield "leaderboard", measure_command(environment, "leaderboard", str(logs), "-o", str(scratch / "site"))


def write_deferred_log(folder: Path, samples: int) -> Path:
    """A log of so many programs that wait for their grade: right and wrong ones of one bug."""
    from inspect_ai import eval as run_eval
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    from redgreenbench.reference_bugs.folder import bug_folder
    from redgreenbench.tasks.debugging import debugging

    bug = bug_folder(BUG)

    def reply(*_: object) -> ModelOutput:
        program = random.choice((bug.mended, bug.program))
        output = ModelOutput.from_content("mockllm/scripted", f"```python\n{program}\n```")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    random.seed(0)
    (log,) = run_eval(
        debugging(bugs=BUG, arms="red", device="cpu", execution="later"),
        model=get_model("mockllm/scripted", custom_outputs=reply),
        epochs=samples,
        log_dir=str(folder),
        display="none",
    )
    return Path(log.location.removeprefix("file://"))


def measure_grading(count: int, scratch: Path) -> dict[str, dict[str, float]]:
    """Grades by workers and by shards; by the clock, with the start of a process and of torch."""
    figures: dict[str, dict[str, float]] = {}
    for name, workers, shards in (("1 worker", 1, 1), ("2 workers", 2, 1), ("2 shards of 1 worker", 1, 2)):
        log = write_deferred_log(scratch / name.replace(" ", "-"), count)
        commands = [
            [
                sys.executable,
                "-c",
                PROBE,
                "grade",
                str(log),
                "--shard",
                f"{k}/{shards}",
                "--workers",
                str(workers),
            ]
            for k in range(1, shards + 1)
        ]
        start, before = time.perf_counter(), children_cpu_seconds()
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
        if any(process.wait() for process in running):
            raise SystemExit("a shard failed")
        seconds = time.perf_counter() - start
        figures[name] = {
            "grades": count,
            "seconds": seconds,
            "cpu_s": children_cpu_seconds() - before,
        }
    return figures


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--grades", type=int, default=40)
    parser.add_argument("--in-a-log", type=int, default=5000, help="Samples in a log, at most.")
    parser.add_argument(
        "--base", type=Path, help="Generate the logs to be copied here, or use those that are here."
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",") if size]
    each = min([options.in_a_log, *sizes])
    sizes_found: dict[int, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        if sizes:
            base = options.base or scratch / "base"
            if not base.exists():
                base.mkdir(parents=True)
                generate(base, ARMS, each)
        for size in sizes:
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                for name, figures in measure_by_size(base, size, each, Path(folder)):
                    sizes_found.setdefault(size, {})[name] = figures
                    if not options.json:
                        print(
                            f"{size:>9,} {name:20}{figures['cpu_s']:9.1f} CPU-s"
                            f"{figures['seconds']:9.1f} s{figures['mb']:8.0f} MB",
                            flush=True,
                        )
        graded = measure_grading(options.grades, scratch) if options.grades else {}
    if options.json:
        print(json.dumps({"sizes": sizes_found, "grades": graded}))
        return
    for name, figures in graded.items():
        print(
            f"{name:22}{figures['grades']:5.0f} grades{figures['seconds']:9.1f} s{figures['cpu_s']:9.1f} CPU-s"
        )


if __name__ == "__main__":
    main()
