"""What the sandbox `jail` costs, beside inspect's `local`, and whether twenty of them stand at once.

python benchmarks/jail.py [--rounds 40] [--jails 20] [--json]

*Create* is `sample_init` with `sample_cleanup`, *exec* one `exec` of `true`, both measured in turn in one run. The
jails at once each write a file, import torch, train, and read a file, through inspect's own limit of
subprocesses.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import time
from typing import Any

from inspect_ai.util import SandboxEnvironment
from inspect_ai.util._sandbox.local import LocalSandboxEnvironment

from redgreenbench.evals.jail import JailSandboxEnvironment
from redgreenbench.reference_bugs.engine.jail import why_not

Kind = type[SandboxEnvironment]
KINDS: dict[str, Kind] = {"jail": JailSandboxEnvironment, "local": LocalSandboxEnvironment}
TRAIN = """
import torch
model = torch.nn.Linear(8, 1)
loss = model(torch.randn(32, 8)).square().mean()
loss.backward()
print("trained", torch.isfinite(loss).item())
"""


async def compare_sandboxes(rounds: int) -> dict[str, float]:
    """Medians in milliseconds of creating and of running `true`, both sandboxes in turn."""
    times: dict[str, list[float]] = {
        f"{what} {name}": [] for name in KINDS for what in ("create", "exec", "read")
    }
    for _ in range(rounds):
        for name, kind in KINDS.items():
            begun = time.perf_counter()
            made = await kind.sample_init("benchmark", None, {})
            created = time.perf_counter() - begun
            sandbox = made["default"]
            await sandbox.write_file("program.py", "print(1)\n" * 100)
            begun = time.perf_counter()
            done = await sandbox.exec(["true"])
            times[f"exec {name}"].append(time.perf_counter() - begun)
            assert done.success
            begun = time.perf_counter()
            await sandbox.read_file("program.py")
            times[f"read {name}"].append(time.perf_counter() - begun)
            begun = time.perf_counter()
            await kind.sample_cleanup("benchmark", None, made, False)
            times[f"create {name}"].append(created + time.perf_counter() - begun)
    return {name: round(1000 * statistics.median(values), 2) for name, values in times.items()}


async def agent_problem(number: int) -> list[str]:
    """Works in a jail as an agent does; what went wrong."""
    wrong = []
    made = await JailSandboxEnvironment.sample_init("benchmark", None, {})
    jail = made["default"]
    try:
        await jail.write_file("program.py", TRAIN)
        for command, expected in (
            ("echo started > log.txt; cat log.txt", "started\n"),
            ("python3 -c 'import torch; print(torch.ones(2).sum().item())'", "2.0\n"),
            ("python3 program.py", "trained True\n"),
            (f"echo {number} > mine.txt; ls | wc -l", "3\n"),
        ):
            done = await jail.exec(["bash", "--login", "-c", command], timeout=300)
            if done.stdout != expected or not done.success:
                wrong.append(f"{command}: {done}")
        if await jail.read_file("mine.txt") != f"{number}\n":
            wrong.append("another jail's file")
    except Exception as error:
        wrong.append(repr(error))
    finally:
        await JailSandboxEnvironment.sample_cleanup("benchmark", None, made, False)
    return wrong


async def concurrent_jails(jails: int) -> dict[str, Any]:
    """Many jails at once."""
    begun = time.perf_counter()
    wrong = [line for lines in await asyncio.gather(*map(agent_problem, range(jails))) for line in lines]
    return {"jails at once": jails, "failures": wrong, "seconds": round(time.perf_counter() - begun, 1)}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--jails", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    begun = time.perf_counter()
    if why := why_not():
        sys.exit(f"no jail on this machine: {why}")
    result: dict[str, Any] = {
        "first trial of the walls, once per process, ms": round(1000 * (time.perf_counter() - begun))
    }
    result |= asyncio.run(compare_sandboxes(options.rounds))
    result |= asyncio.run(concurrent_jails(options.jails))
    result["machine"] = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    result["load"] = os.getloadavg()[0]
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name:50} {value}")
    if result["failures"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
