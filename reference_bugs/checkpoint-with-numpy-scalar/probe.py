"""What is done with a program: networks are packed and unpacked, and a file is unpacked that would run code."""

import builtins
import io
from itertools import product

import numpy as np
import torch

RETURNS = {"round_trip": {"answers": "states", "epochs": "numbers", "errors": "numbers", "ran": "flag"}}


class _Code:
    """Runs a text when it is unpickled, by a function of Python or by one of numpy."""

    def __init__(self, run, *arguments):
        self.run, self.arguments = run, arguments

    def __reduce__(self):
        return self.run, self.arguments


TEXT = "import builtins; builtins.ran_foreign_code = True"


def _foreign(state, epochs, error):
    """Checkpoints with a code in the place of a part or beside the parts, with and without a scalar of numpy."""
    codes = _Code(exec, TEXT), _Code(np.testing.runstring, TEXT, {})
    for number in (error, np.float64(error)):
        parts = {"weights": state, "epochs": epochs, "miss": number}
        # Protocol 2 writes the names of Python's functions as those of Python 2.
        for name, code, protocol in product((*parts, "more"), codes, (2, 4)):
            file = io.BytesIO()
            torch.save({**parts, name: code}, file, pickle_protocol=protocol)
            yield file.getvalue()


def round_trip(program, states, histories, x):
    """Packs networks and then unpacks each: outputs, epochs, errors; and whether foreign code was run meanwhile."""
    packed = []
    for state, history in zip(states, histories, strict=True):
        net = program.StarNet()
        net.load_state_dict(state)
        packed.append(program.pack(net, history))
        with torch.no_grad():
            for p in net.parameters():
                p.zero_()
    answers, counts, errors = [], [], []
    for data in packed:
        net, count, error = program.unpack(data)
        with torch.no_grad():
            answers.append({"periods": net(x)})
        counts.append(int(count))
        errors.append(float(error + 0.0))  # a text is no number
    builtins.ran_foreign_code = False
    for data in _foreign(states[0], len(histories[0]), 0.5):
        try:
            program.unpack(data)
        except Exception:
            continue
    return {"answers": answers, "epochs": counts, "errors": errors, "ran": builtins.ran_foreign_code}
