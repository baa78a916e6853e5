"""What is done with a program: training its network from given weights with validation after each epoch."""

import torch
from probing import copy_state

RETURNS = {"train": {"history": "numbers", "weights": "state"}, "logits": {"logits": "float32"}}


def _net(program, state, device):
    model = program.Net().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, x, y, val_x, val_y, epochs, batch_size):
    """The history that training returns, and the weights after it."""
    model = _net(program, state, x.device)
    history = program.train(model, (x, y), (val_x, val_y), epochs=epochs, batch_size=batch_size)
    return {"history": [float(loss) for loss in history], "weights": copy_state(model)}


def logits(program, state, x):
    """Logits of a batch."""
    with torch.no_grad():
        return {"logits": _net(program, state, x.device)(x)}
