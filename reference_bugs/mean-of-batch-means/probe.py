"""What is done with a program: evaluating given weights on given tickets, and training from given weights."""

import torch
from probing import copy_state
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {
    "evaluate": {"loss": "number", "accuracy": "number"},
    "train": {"weights": "state"},
    "scores": {"scores": "float32"},
}


def _router(program, state, device):
    model = program.TicketRouter().to(device)
    model.load_state_dict(state)
    return model


def evaluate(program, state, words, queues, batch_size):
    """What the program says about weights on tickets."""
    model = _router(program, state, words.device)
    loss, accuracy = program.evaluate(model, DataLoader(TensorDataset(words, queues), batch_size=batch_size))
    return {"loss": float(loss), "accuracy": float(accuracy)}


def train(program, state, words, queues, batch_size, epochs):
    """Weights after training on a loader that does not shuffle."""
    model = _router(program, state, words.device)
    program.train(model, DataLoader(TensorDataset(words, queues), batch_size=batch_size), epochs=epochs)
    return {"weights": copy_state(model)}


def scores(program, state, words):
    """Scores of tickets by a network of given weights."""
    with torch.no_grad():
        return {"scores": _router(program, state, words.device)(words)}
