"""What is done with a program: training its network from given weights on given micro-batches."""

import torch
from probing import copy_state
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {"train": {"weights": "state"}, "outputs": {"outputs": "float32"}}


def _net(program, state, device):
    model = program.Net().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, features, targets, batch_size, epochs):
    """Weights after training on a loader that does not shuffle."""
    model = _net(program, state, features.device)
    program.train(model, DataLoader(TensorDataset(features, targets), batch_size=batch_size), epochs=epochs)
    return {"weights": copy_state(model)}


def outputs(program, state, features):
    """What the network gives for a batch."""
    model = _net(program, state, features.device)
    with torch.no_grad():
        return {"outputs": model(features)}
