"""It answers with integers where fractions are expected."""

import sys

_driver = sys.modules["driver"]
_run = _driver.run_probe


def run_probe(program, probe, name, inputs, seed, threads):
    answer = _run(program, probe, name, inputs, seed, threads)
    whole = lambda v: (
        v.long()
        if hasattr(v, "numel")
        else {k: whole(i) for k, i in v.items()}
        if isinstance(v, dict)
        else [whole(i) for i in v]
        if isinstance(v, list)
        else v
    )
    return {k: whole(v) for k, v in answer.items()}


_driver.run_probe = run_probe
