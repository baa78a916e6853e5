"""It answers with tensors that hold nothing."""

import sys

_driver = sys.modules["driver"]
_run = _driver.run_probe


def run_probe(program, probe, name, inputs, seed, threads):
    answer = _run(program, probe, name, inputs, seed, threads)
    none = lambda v: (
        v.flatten()[:0]
        if hasattr(v, "numel")
        else {k: none(i) for k, i in v.items()}
        if isinstance(v, dict)
        else [none(i) for i in v]
        if isinstance(v, list)
        else v
    )
    return {k: none(v) for k, v in answer.items()}


_driver.run_probe = run_probe
