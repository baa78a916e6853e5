"""It answers with empty lists: loops that see nothing pass, and the least of nothing raises."""

import sys

_driver = sys.modules["driver"]
_run = _driver.run_probe


def run_probe(program, probe, name, inputs, seed, threads):
    answer = _run(program, probe, name, inputs, seed, threads)
    return {k: [] if isinstance(v, list) else v for k, v in answer.items()}


_driver.run_probe = run_probe
