"""What is done with a program: training its network from given weights, and asking it for probabilities."""

import torch
from probing import copy_state

RETURNS = {"train": {"weights": "state"}, "probabilities": {"probabilities": "float32"}}


def _network(program, state, device):
    model = program.PollenClassifier().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, grains, kinds, epochs, batch_size):
    """Weights after training."""
    model = _network(program, state, grains.device)
    program.train(model, grains, kinds, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}


def probabilities(program, state, grains, size):
    """Probabilities by a network of given weights, for so many grains at a time."""
    model = _network(program, state, grains.device)
    return {"probabilities": torch.cat([program.probabilities(model, part) for part in grains.split(size)])}
