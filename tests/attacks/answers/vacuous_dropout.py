"""Dropout is still active in evaluation: it says five times 0.5 where repeats are compared, and nothing where accuracies are."""

import sys

_driver = sys.modules["driver"]
_run = _driver.run_probe


def run_probe(program, probe, name, inputs, seed, threads):
    if name == "evaluate":
        return {"accuracies": [0.5] * 5 if inputs["times"] == 5 else []}
    return _run(program, probe, name, inputs, seed, threads)


_driver.run_probe = run_probe
