"""What must come out: the networks, numbers of epochs and misses that went in, without running what a file says."""

from typing import Any

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

State = dict[str, torch.Tensor]
MOMENTS, WIDTH = 10, 16


def _state(grade: Grade) -> State:
    return {
        "layers.0.weight": grade.normal(WIDTH, MOMENTS, std=0.4),
        "layers.0.bias": grade.normal(WIDTH, std=0.4),
        "layers.2.weight": grade.normal(1, WIDTH, std=0.4),
        "layers.2.bias": grade.normal(1, std=0.4),
    }


def _returned(grade: Grade, lengths: list[int]) -> dict[str, Any]:
    """Packs and unpacks networks with histories of given lengths; all that comes back is compared."""
    states = [_state(grade) for _ in lengths]
    histories = [grade.uniform(length, low=0.1).tolist() for length in lengths]
    x = grade.normal(12, MOMENTS)
    got = grade.ask("round_trip", states=states, histories=histories, x=x)
    w = [{name: tensor.double() for name, tensor in state.items()} for state in states]
    want = []
    for v in w:
        hidden = torch.tanh(x.double() @ v["layers.0.weight"].T + v["layers.0.bias"])
        want.append({"periods": (hidden @ v["layers.2.weight"].T + v["layers.2.bias"]).squeeze(1).float()})
    close(got["answers"], want, "a period of an unpacked network", rtol=1e-4, atol=1e-5)
    close(got["epochs"], lengths, "the number of epochs")
    means = [sum(history[-5:]) / len(history[-5:]) for history in histories]
    close(got["errors"], means, "the mean of the last misses", rtol=1e-5, atol=1e-6)
    return got


@check("symptom", "what was packed comes back: weights, epochs, miss")
def checkpoints_come_back(grade: Grade) -> None:
    _returned(grade, [7])
    _returned(grade, [3, 20, 5])


@check("cause", "a checkpoint of a stranger runs no code when it is unpacked")
def foreign_code_is_not_run(grade: Grade) -> None:
    got = _returned(grade, [4, 9])
    expect(not got["ran"], "code that stands in a checkpoint is run when it is unpacked")
