"""What is done with a program: estimates, passes and steps of training from given weights."""

import torch
from probing import as_given, copy_state, named_as

RETURNS = {
    "estimate": {"prices": "float32"},
    "passes": {"prices": "float32"},
    "train": {"states": "states"},
}


def _model(program, state, device):
    model = program.WinePrice().to(device)
    model.load_state_dict(named_as(model, state))
    return model


def estimate(program, state, measures, times):
    """Estimates of the same bottles, again and again."""
    model = _model(program, state, measures.device)
    return {"prices": torch.stack([program.estimate(model, measures).detach().clone() for _ in range(times)])}


def passes(program, state, measures, training, times):
    """What the network itself gives in a mode, with gradients on."""
    model = _model(program, state, measures.device).train(training)
    return {"prices": torch.stack([model(measures).detach().clone() for _ in range(times)])}


def train(program, state, measures, prices, epochs, batch_size):
    """Weights after training on each list of bottles by itself, always from the same weights."""
    states = []
    for x, y in zip(measures, prices, strict=True):
        model = _model(program, state, x.device)
        program.train(model, x, y, epochs=epochs, batch_size=batch_size)
        states.append(as_given(model, state, copy_state(model)))
    return {"states": states}
