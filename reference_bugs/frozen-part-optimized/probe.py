"""What is done with a program: training its network from given weights."""

import torch
from probing import copy_state

RETURNS = {"train": {"weights": "state"}, "scores": {"scores": "float32"}}


def _net(program, state, device):
    model = program.model.WineNet().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, spectra, grapes, epochs, batch_size):
    """Weights after training."""
    model = _net(program, state, spectra.device)
    program.train.train(model, spectra, grapes, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}


def scores(program, state, spectra):
    """Scores of spectra."""
    with torch.no_grad():
        return {"scores": _net(program, state, spectra.device)(spectra)}
