"""What is done with a program: evaluating given weights, and training with an evaluation after each epoch."""

import torch
from probing import copy_state, record_steps
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {
    "evaluate": {"accuracies": "numbers"},
    "train": {"trace": "states", "weights": "state"},
    "logits": {"logits": "float32"},
}


def _net(program, state, device):
    model = program.Net().to(device)
    model.load_state_dict(state)
    return model


def evaluate(program, state, features, targets, batch_size, times):
    """What the program says about the same weights and data, several times."""
    model = _net(program, state, features.device)
    loader = DataLoader(TensorDataset(features, targets), batch_size=batch_size)
    return {"accuracies": [float(program.evaluate(model, loader)) for _ in range(times)]}


def train(program, state, features, targets, val_features, val_targets, epochs):
    """Weights after each optimizer step and at the end, one example per batch, not shuffled."""
    model = _net(program, state, features.device)
    train_loader = DataLoader(TensorDataset(features, targets), batch_size=1)
    val_loader = DataLoader(TensorDataset(val_features, val_targets), batch_size=8)
    with record_steps(model) as steps:
        program.train(model, train_loader, val_loader, epochs=epochs)
    return {"trace": steps.weights[: 2 * epochs * len(features)], "weights": copy_state(model)}


def logits(program, state, features):
    """Logits of a batch by the network in evaluation mode."""
    model = _net(program, state, features.device)
    model.eval()
    with torch.no_grad():
        return {"logits": model(features)}
