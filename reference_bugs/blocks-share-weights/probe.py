"""What is done with a program: its model with given weights, its gradients, and training."""

import torch
import torch.nn.functional as F
from probing import as_given, copy_state, gradients, named_as

RETURNS = {
    "sizes": {"sizes": "numbers"},
    "colours": {"colours": "float32"},
    "gradients_of": {"gradients": "state"},
    "trained": {"weights": "state", "deviation": "number"},
}


def _model(program, stages, state, device):
    model = program.RoastModel(stages).to(device)
    model.load_state_dict(named_as(model, state))
    return model


def sizes(program, stages):
    """How many weights models of so many stages have."""
    return {"sizes": [sum(p.numel() for p in program.RoastModel(n).parameters()) for n in stages]}


def colours(program, stages, state, settings):
    """What a model of given weights gives."""
    with torch.no_grad():
        return {"colours": _model(program, stages, state, settings.device)(settings)}


def gradients_of(program, stages, state, settings, colour):
    """The gradient of the mean squared deviation for each parameter."""
    model = _model(program, stages, state, settings.device)
    F.mse_loss(model(settings), colour).backward()
    return {"gradients": as_given(model, state, gradients(model))}


def trained(program, stages, state, settings, colour, epochs):
    """Weights after training, and what train says."""
    model = _model(program, stages, state, settings.device)
    deviation = program.train(model, settings, colour, epochs=epochs, batch_size=16, lr=0.01)
    return {"weights": as_given(model, state, copy_state(model)), "deviation": float(deviation)}
