"""It answers with text where values are expected, lone surrogates in it."""

import sys

_driver = sys.modules["driver"]
_run = _driver.run_probe


def run_probe(program, probe, name, inputs, seed, threads):
    answer = _run(program, probe, name, inputs, seed, threads)
    return {k: "\ud800" for k in answer}


_driver.run_probe = run_probe
