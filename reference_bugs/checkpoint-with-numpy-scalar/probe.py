"""What is done with a program: networks are packed and unpacked, and a file is unpacked that would run code."""

import builtins
import io

import numpy as np
import torch

RETURNS = {"round_trip": {"answers": "states", "epochs": "numbers", "errors": "numbers", "ran": "flag"}}


class _Code:
    def __init__(self, text):
        self.text = text

    def __reduce__(self):
        return exec, (self.text,)


def _foreign(state, epochs, error):
    """Checkpoints with a code in the place of a part or beside the parts, with and without a scalar of numpy."""
    code = _Code("import builtins; builtins.ran_foreign_code = True")
    for number in (error, np.float64(error)):
        parts = {"weights": state, "epochs": epochs, "miss": number}
        for name in (*parts, "more"):
            file = io.BytesIO()
            torch.save({**parts, name: code}, file)
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
        errors.append(float(error))
    builtins.ran_foreign_code = False
    for data in _foreign(states[0], len(histories[0]), 0.5):
        try:
            program.unpack(data)
        except Exception:
            continue
    return {"answers": answers, "epochs": counts, "errors": errors, "ran": builtins.ran_foreign_code}
