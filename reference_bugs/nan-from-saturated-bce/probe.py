"""What is done with a program: training its network from given weights, and scoring mails."""

import torch
from probing import copy_state

RETURNS = {"train": {"weights": "state"}, "scores": {"scores": "float32"}}


def _filter(program, state, device):
    model = program.SpamFilter().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, mails, labels, epochs, batch_size):
    """Weights after training."""
    model = _filter(program, state, mails.device)
    program.train(model, mails, labels, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}


def scores(program, state, mails):
    """Scores of mails by a network of given weights."""
    with torch.no_grad():
        return {"scores": _filter(program, state, mails.device)(mails)}
