"""What is done with a program: training its network from given weights on given pairs, and embedding with it."""

import torch
from probing import copy_state

RETURNS = {"train": {"weights": "state"}, "places": {"places": "float32"}}


def _network(program, state, device):
    model = program.CoinEmbedding().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, first, second, same, epochs, batch_size):
    """Weights after training."""
    model = _network(program, state, first.device)
    program.train(model, first, second, same, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}


def places(program, state, photos):
    """Where a network of given weights puts photographs."""
    with torch.no_grad():
        return {"places": _network(program, state, photos.device)(photos)}
