"""What is done with a program: training its network from given weights, and asking it for scores."""

import torch
from probing import copy_state, record_steps

RETURNS = {"train": {"trace": "states", "weights": "state"}, "scores": {"scores": "float32"}}


def _net(program, state, device):
    model = program.CallNet().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, calls, species, epochs, batch_size):
    """Weights after each optimizer step, and at the end."""
    model = _net(program, state, calls.device)
    with record_steps(model) as steps:
        program.train(model, calls, species, epochs=epochs, batch_size=batch_size)
    return {"trace": steps.weights[: 2 * epochs * len(calls)], "weights": copy_state(model)}


def scores(program, state, calls):
    """Scores of calls by a network of given weights."""
    model = _net(program, state, calls.device)
    with torch.no_grad():
        return {"scores": model(calls)}
