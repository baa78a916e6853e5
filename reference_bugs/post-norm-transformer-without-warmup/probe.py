"""What is done with a program: training its transformer from given weights on given batches."""

import torch
import torch.nn.functional as F
from probing import copy_state, gradients, record_steps
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {
    "fresh": {"state": "state"},
    "train": {"weights": "state"},
    "trace": {"trace": "states"},
    "gradient": {"gradient": "state"},
    "logits": {"logits": "float32"},
}


def _vit(program, state, images, depth):
    model = program.ViT(dim=32 if depth > 1 else 16, depth=depth)
    model.load_state_dict(state)
    return model.to(images.device)


def fresh(program, depth):
    """Weights as the network starts with them."""
    return {"state": copy_state(program.ViT(dim=32 if depth > 1 else 16, depth=depth))}


def _train(program, model, images, labels, batch_size):
    program.train(model, DataLoader(TensorDataset(images, labels), batch_size=batch_size))


def train(program, state, images, labels, batch_size, depth):
    """Weights after the epochs that the program trains on its own, on a loader that does not shuffle."""
    model = _vit(program, state, images, depth)
    _train(program, model, images, labels, batch_size)
    return {"weights": copy_state(model)}


def trace(program, state, images, labels, batch_size, depth):
    """The same with the weights after each optimizer step."""
    model = _vit(program, state, images, depth)
    with record_steps(model) as steps:
        _train(program, model, images, labels, batch_size)
    return {"trace": steps.weights[:100]}


def gradient(program, state, images, labels, depth):
    """The gradient of the loss of a batch."""
    model = _vit(program, state, images, depth)
    F.cross_entropy(model(images), labels).backward()
    return {"gradient": gradients(model)}


def logits(program, state, images, depth):
    """Logits of a batch."""
    model = _vit(program, state, images, depth)
    with torch.no_grad():
        return {"logits": model(images)}
