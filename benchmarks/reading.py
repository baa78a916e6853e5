"""How fast logs become a table and a report: CPU seconds and memory, beside inspect's `samples_df` on the same logs.

    python benchmarks/reading.py [--logs 27] [--samples 750] [--rounds 3] [--grow 1,4,40] [--json]

Logs are generated once: one real run of the routing task with a scripted model gives the samples' shape, and values are
drawn with a seed. Every measurement is a process of its own, in turn; imports are not counted, but for `redgreen report`
and `redgreen leaderboard`, which are measured as a user runs them. Medians; ratios are taken round by round. With
`--grow`, reading and report are measured with so many times the epochs as well.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample

READ = {
    "samples_df": "from inspect_ai.analysis import samples_df as f; run = lambda p: f(p, quiet=True)",
    "load, cold": "from redgreenbench.reports.logs.table import load as f; run = lambda p: f([p], cache=False)",
    "load, filling the cache": "from redgreenbench.reports.logs.table import load as f; run = lambda p: f([p])",
    "load, warm": "from redgreenbench.reports.logs.table import load as f; run = lambda p: f([p])",
}
_BEGAN, _RUN = datetime(2026, 11, 1, 10, tzinfo=UTC), timedelta(hours=1)
PROBE = """
import json, resource, sys, time
{code}
start = time.process_time()
run(sys.argv[1])
print(json.dumps([time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def generate(folder: Path, logs: int, samples: int) -> None:
    """Writes ``logs`` logs of ``samples`` samples each: epochs of pressures and arms, a model and arm a log."""
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
        log = template.model_copy()
        log.eval = template.eval.model_copy(deep=True)
        log.eval.model = f"mockllm/model-{number // 3 % models}"
        log.eval.eval_id = f"eval{number:04}"
        log.stats = template.stats.model_copy(
            update={"started_at": _BEGAN.isoformat(), "completed_at": (_BEGAN + _RUN).isoformat()}
        )
        log.samples = [
            _another(
                mine[index % len(mine)],
                log.eval.model,
                f"u{number}-{index}",
                1 + index // len(mine),
                number % 3,
            )
            for index in range(samples)
        ]
        log.eval.config.epochs = max(s.epoch for s in log.samples)
        log.eval.config.limit = 1  # nothing beyond what is written was planned
        # As inspect names its logs: one of another name it opens to see what it is.
        file = folder / f"2026-11-01T10-00-{number:02}-00-00_routing_{number:022}.eval"
        write_eval_log(log, str(file))
        spread(file)


def _another(sample: EvalSample, model: str, uuid: str, epoch: int, arm: int) -> EvalSample:
    """The same sample of another model and epoch, with values of its own."""
    scores = {}
    for name, score in (sample.scores or {}).items():
        scores[name] = score
        if name.endswith("act") and isinstance(score.value, dict):
            drawn = {
                k: v if v != v else float(random.random() < 0.3 + 0.2 * arm) for k, v in score.value.items()
            }
            scores[name] = score.model_copy(update={"value": drawn})
    # inspect keeps usage by model; the scripted one stands for all.
    (usage,) = sample.model_usage.values()
    return sample.model_copy(
        update={"epoch": epoch, "uuid": uuid, "model_usage": {model: usage}, "scores": scores}
    )


def spread(file: Path) -> None:
    """Dates a log's entries over its run, as those of a run are that nobody touched afterwards."""
    with zipfile.ZipFile(file, "a") as log:
        entries = log.infolist()
        for place, entry in enumerate(entries):
            entry.date_time = (_BEGAN + _RUN * place / len(entries)).timetuple()[:6]
        log.comment = b""  # so that the table of entries is written again


def grow(source: Path, folder: Path, times: int) -> None:
    """Writes each log of ``source`` with its samples in ``times`` as many epochs, as summaries alone: all that is read."""
    import inspect_ai.log  # noqa: F401 - teaches zipfile its compression

    folder.mkdir(parents=True)
    for file in sorted(source.glob("*.eval")):
        with zipfile.ZipFile(file) as log:
            header, known = (json.loads(log.read(name)) for name in ("header.json", "summaries.json"))
        epochs = header["eval"]["config"]["epochs"]
        header["eval"]["config"]["epochs"] = times * epochs
        with zipfile.ZipFile(folder / file.name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as log:
            log.writestr(
                "_journal/start.json",
                json.dumps({"version": 2, "eval": header["eval"], "plan": header["plan"]}),
            )
            more = [one | {"epoch": one["epoch"] + epochs * time} for time in range(times) for one in known]
            log.writestr("summaries.json", json.dumps(more))
            log.writestr("header.json", json.dumps(header))
        spread(folder / file.name)


def rewritten(file: Path) -> None:
    """Dates a log's entries as one that was written again as a whole, so that each sample is looked at for edits."""
    with zipfile.ZipFile(file, "a") as log:
        for entry in log.infolist():
            entry.date_time = _BEGAN.timetuple()[:6]
        log.comment = b""


def measured(name: str, folder: Path, environment: dict[str, str]) -> list[float]:
    """CPU seconds and peak MB of one reading."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(code=READ[name]), str(folder)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [float(x) for x in json.loads(done.stdout.splitlines()[-1])]


def command(name: str, folder: Path, environment: dict[str, str], output: Path) -> list[float]:
    """CPU seconds and peak MB of `redgreen report` or `redgreen leaderboard`, imports and figures included."""
    code = (
        "import json, resource, sys, time; from redgreenbench.cli import main\n"
        "main([sys.argv[1], sys.argv[2], '-o', sys.argv[3]], standalone_mode=False)\n"
        "print(json.dumps([time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, name, str(folder), str(output)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [float(x) for x in json.loads(done.stdout.splitlines()[-1])]


def round_of(folder: Path, again: Path, scratch: Path, number: int) -> dict[str, list[float]]:
    """One measurement of everything."""
    environment = os.environ | {"REDGREEN_CACHE": str(scratch / f"cache{number}")}
    found = {name: measured(name, folder, environment) for name in READ}
    found["load, cold, written again"] = measured("load, cold", again, environment)
    for name in ("report", "leaderboard"):
        found[f"{name}, warm"] = command(name, folder, environment, scratch / name)
    return found


def growth(source: Path, times: int, scratch: Path) -> dict[str, list[float]]:
    """Reading and report of logs with ``times`` as many epochs."""
    folder = scratch / f"logs{times}"
    grow(source, folder, times)
    environment = os.environ | {"REDGREEN_CACHE": str(scratch / f"cache-of-{times}")}
    found = {name: measured(name, folder, environment) for name in ("load, filling the cache", "load, warm")}
    found["report, warm"] = command("report", folder, environment, scratch / "report")
    return {f"{times} x: {name}": row for name, row in found.items()}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--logs", type=int, default=27)
    parser.add_argument("--samples", type=int, default=750)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--grow", default="", help="Times that the epochs are taken, such as 1,4,40.")
    parser.add_argument("--keep", type=Path, help="Generate the logs here, or use those that are here.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        folder = options.keep or scratch / "logs"
        if not folder.exists():
            folder.mkdir(parents=True)
            # The generator's memory must not count as that of the processes measured.
            code = (
                f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import pathlib, reading; "
            )
            code += f"reading.generate(pathlib.Path({str(folder)!r}), {options.logs}, {options.samples})"
            subprocess.run([sys.executable, "-c", code], check=True)
        again = shutil.copytree(folder, scratch / "again")
        for file in again.glob("*.eval"):
            rewritten(file)
        rounds = [round_of(folder, again, scratch, number) for number in range(options.rounds)]
        names = rounds[0] if rounds else ()
        table = {name: [statistics.median(r[name][i] for r in rounds) for i in (0, 1)] for name in names}
        ratios = {name: statistics.median(r[name][0] / r["samples_df"][0] for r in rounds) for name in table}
        for times in filter(None, options.grow.split(",")):
            table |= growth(folder, int(times), scratch)
    if options.json:
        print(json.dumps({"cpu_s_and_mb": table, "against_samples_df": ratios}))
        return
    for name, (cpu, memory) in table.items():
        ratio = f"{ratios[name]:8.3f} x samples_df" if name in ratios else ""
        print(f"{name:32}{cpu:8.2f} CPU-s{memory:8.0f} MB{ratio}")


if __name__ == "__main__":
    main()
