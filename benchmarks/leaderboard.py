"""What a leaderboard costs: CPU seconds of `redgreen leaderboard` with a cold and a warm cache, and the size of its index.

    python benchmarks/leaderboard.py [--logs 27] [--samples 750] [--rounds 1] [--keep FOLDER] [--json]

Logs are those of `benchmarks/reading.py`. Each build is a process of its own: imports,
all downloads and the bundle of transcripts are included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def generate_logs(folder: Path, logs: int, samples: int) -> None:
    """Writes logs into ``folder``."""
    folder.mkdir(parents=True)
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import pathlib, reading; "
    code += f"reading.generate(pathlib.Path({str(folder)!r}), {logs}, {samples})"
    subprocess.run([sys.executable, "-c", code], check=True)


def build_cpu_seconds(logs: Path, site: Path, environment: dict[str, str]) -> float:
    """CPU seconds of one build."""
    command = [str(Path(sys.executable).with_name("redgreen")), "leaderboard", str(logs), "-o", str(site)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--logs", type=int, default=27)
    parser.add_argument("--samples", type=int, default=750)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="Generate the logs here, or use those that are here.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cold, warm, size = [], [], 0
    with tempfile.TemporaryDirectory() as scratch:
        logs = options.keep or Path(scratch) / "logs"
        if not logs.exists():
            generate_logs(logs, options.logs, options.samples)
        for number in range(options.rounds):
            environment = os.environ | {"REDGREEN_CACHE": str(Path(scratch) / f"cache{number}")}
            site = Path(scratch) / f"site{number}"
            cold.append(build_cpu_seconds(logs, site, environment))
            warm.append(build_cpu_seconds(logs, site, environment))
            size = (site / "index.html").stat().st_size
    sizes = {
        "cold_cpu_s": statistics.median(cold),
        "warm_cpu_s": statistics.median(warm),
        "index_kb": size / 1000,
    }
    if options.json:
        print(json.dumps(sizes))
        return
    print(
        f"cold {sizes['cold_cpu_s']:.1f} CPU-s, warm {sizes['warm_cpu_s']:.1f} CPU-s, index {sizes['index_kb']:.0f} KB"
    )


if __name__ == "__main__":
    main()
