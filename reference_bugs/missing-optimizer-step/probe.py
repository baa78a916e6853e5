"""What is done with a program: training its classifier from given weights on given batches."""

import torch
from probing import copy_state
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {"train": {"weights": "state", "mode": "flag"}, "logits": {"logits": "float32"}}


def _classifier(program, state, device):
    model = program.Classifier().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, images, targets, batch_size, epochs):
    """Weights after training on a loader that does not shuffle."""
    model = _classifier(program, state, images.device)
    loader = DataLoader(TensorDataset(images, targets), batch_size=batch_size)
    program.train(model, loader, epochs=epochs)
    return {"weights": copy_state(model), "mode": model.training}


def logits(program, state, images):
    """Logits of a batch."""
    model = _classifier(program, state, images.device)
    with torch.no_grad():
        return {"logits": model(images)}
