"""What is done with a program: training its regression from given weights on given data."""

import torch
from probing import copy_state
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {"train": {"weights": "state"}, "outputs": {"outputs": "float32"}}


def _model(program, state, device):
    model = program.Regressor().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, features, targets, val_features, val_targets, batch_size):
    """Weights after training for as long as the program does on its own, on a loader that shuffles."""
    model = _model(program, state, features.device)
    train_loader = DataLoader(TensorDataset(features, targets), batch_size=batch_size, shuffle=True)
    val_loader = DataLoader(TensorDataset(val_features, val_targets), batch_size=500)
    program.train(model, train_loader, val_loader)
    return {"weights": copy_state(model)}


def outputs(program, state, features):
    """What the regression gives for a batch."""
    model = _model(program, state, features.device)
    with torch.no_grad():
        return {"outputs": model(features)}
