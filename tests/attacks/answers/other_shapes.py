"""It answers with tensors of one more dimension, which broadcasting may swallow."""

import sys

_driver = sys.modules["driver"]
_run = _driver.run_probe


def run_probe(program, probe, name, inputs, seed, threads):
    answer = _run(program, probe, name, inputs, seed, threads)
    more = lambda v: (
        v.unsqueeze(0)
        if hasattr(v, "numel")
        else {k: more(i) for k, i in v.items()}
        if isinstance(v, dict)
        else [more(i) for i in v]
        if isinstance(v, list)
        else v
    )
    return {k: more(v) for k, v in answer.items()}


_driver.run_probe = run_probe
