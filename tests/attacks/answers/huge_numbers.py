"""It answers with numbers of 401 digits, which JSON carries and a comparison with a float does not survive."""

import sys
_driver = sys.modules["driver"]
_run = _driver.run_probe
def run_probe(program, probe, name, inputs, seed, threads):
    answer = _run(program, probe, name, inputs, seed, threads)
    def huge(value):
        if isinstance(value, list):
            return [huge(item) for item in value]
        return 10**400 if type(value) in (int, float) else value
    return {k: huge(v) for k, v in answer.items()}
_driver.run_probe = run_probe
