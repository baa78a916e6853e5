"""One request, one process: what runs a submission inside a sandbox that is not ours (docker, k8s, …).

Usage: ``python3 runner.py request.bin answer.bin`` in the folder that holds it, `driver.py`, `probing.py` and
`wire.py`. The answer proves nothing by itself, exactly as in our own sandbox.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

if TYPE_CHECKING:
    from redgreenbench.reference_bugs.engine.inside import driver, wire
else:
    import driver
    import wire


def main(request: str, answer: str) -> None:
    """Reads a request, loads the program, runs the probe, if one is named, and writes the answer."""
    message = wire.unpack(Path(request).read_bytes())
    os.unlink(request)
    try:
        reply = {"value": _run(message)}
        frame = wire.pack({"nonce": message["nonce"], **reply})
    except driver.ProgramError as error:
        frame = wire.pack({"nonce": message["nonce"], "error": error.error})
    except BaseException as error:
        frame = wire.pack({"nonce": message["nonce"], "error": driver.describe(error)})
    Path(answer).write_bytes(frame)
    os._exit(0)


def _run(message: dict[str, Any]) -> dict[str, Any]:
    program = driver.load_module("program", message["program"], driver.PROGRAM)
    probe = driver.load_module("probe", message["probe_source"], "probe.py")
    if "probe" not in message:
        return {}
    inputs = driver.to_device(message["inputs"], message["device"])
    probed = driver.run_probe(program, probe, message["probe"], inputs, message["seed"], message["threads"])
    return dict(probed)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
