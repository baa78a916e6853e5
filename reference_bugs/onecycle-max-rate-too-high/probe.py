"""What is done with a program: training its network from given weights on given batches."""

import torch
from probing import copy_state, record_steps
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {
    "train": {"seen": "states", "weights": "state", "rates": "numbers"},
    "logits": {"logits": "float32"},
}


def _net(program, state, device):
    model = program.Net().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, features, targets, batch_size, epochs, after):
    """Weights after some numbers of optimizer steps and at the end, and the rate of each; the loader does not shuffle."""
    model = _net(program, state, features.device)
    loader = DataLoader(TensorDataset(features, targets), batch_size=batch_size)
    with record_steps(model) as steps:
        program.train(model, loader, epochs=epochs)
    trace = [state, *steps.weights]
    return {
        "seen": [trace[step] for step in after if step < len(trace)],
        "weights": copy_state(model),
        "rates": steps.rates[:1000],
    }


def logits(program, state, features):
    """Logits of a batch."""
    model = _net(program, state, features.device)
    with torch.no_grad():
        return {"logits": model(features)}
