"""It answers with states whose entries have other names each time."""

import sys

_driver = sys.modules["driver"]
_run = _driver.run_probe


def run_probe(program, probe, name, inputs, seed, threads):
    answer = _run(program, probe, name, inputs, seed, threads)
    other = lambda v: (
        {f"{id(v)}.{k}": i for k, i in v.items()}
        if isinstance(v, dict)
        else [other(i) for i in v]
        if isinstance(v, list)
        else v
    )
    return {k: other(v) for k, v in answer.items()}


_driver.run_probe = run_probe
