"""What is done with a program: training its network from given weights on given batches."""

import torch
from probing import copy_state
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {"train": {"weights": "state"}, "scores": {"scores": "float32"}}


def _network(program, state, device):
    model = program.RoastClassifier().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, readings, degrees, batch_size, epochs):
    """Weights after training on a loader that does not shuffle."""
    model = _network(program, state, readings.device)
    program.train(model, DataLoader(TensorDataset(readings, degrees), batch_size=batch_size), epochs=epochs)
    return {"weights": copy_state(model)}


def scores(program, state, readings):
    """Scores of a batch."""
    with torch.no_grad():
        return {"scores": _network(program, state, readings.device)(readings)}
