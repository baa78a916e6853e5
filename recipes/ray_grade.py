"""Grades logs as shards on a Ray cluster, then merges.

    python recipes/ray_grade.py LOGS [SHARDS]

Every worker calls the command `redgreen`, so that Ray and RedGreenBench need not share an environment: REDGREEN says how it
is called where that is not plain `redgreen`. LOGS must mean the same on every node: a shared folder, or an address such as
s3://bucket/logs.
"""

import os
import shlex
import subprocess
import sys

import ray

REDGREEN = shlex.split(os.environ.get("REDGREEN", "redgreen"))


@ray.remote(num_cpus=1, max_retries=3)
def grade(logs: str, shard: str) -> str:
    """Grades one shard; a node that dies has it done again elsewhere."""
    command = [*REDGREEN, "grade", logs, "--shard", shard, "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    return f"{shard}: {(done.stdout or done.stderr).strip()} (exit code {done.returncode})"


def main() -> None:
    """Maps `grade` over the shards."""
    logs = sys.argv[1] if "://" in sys.argv[1] else os.path.abspath(sys.argv[1])
    shards = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    ray.init()
    for said in ray.get([grade.remote(logs, f"{k}/{shards}") for k in range(1, shards + 1)]):
        print(said)
    sys.exit(subprocess.run([*REDGREEN, "merge", logs]).returncode)


if __name__ == "__main__":
    main()
