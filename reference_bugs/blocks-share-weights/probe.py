"""What is done with a program: its model with given weights, its gradients, and training."""

import torch
import torch.nn.functional as F
from probing import copy_state, gradients

RETURNS = {
    "sizes": {"sizes": "numbers"},
    "colours": {"colours": "float32"},
    "gradients_of": {"gradients": "state"},
    "trained": {"weights": "state", "deviation": "number"},
}


def _renamed(state, names):
    """A state whose stages have other names."""
    renamed = {}
    for name, tensor in state.items():
        parts = name.split(".")
        if parts[0] == "stages":
            parts[1] = names.get(parts[1], parts[1])
        renamed[".".join(parts)] = tensor
    return renamed


def _names(model):
    """What a model calls its stages, which need not be their numbers, by number."""
    names = [name.split(".")[1] for name in model.state_dict() if name.startswith("stages.")]
    return {str(number): name for number, name in enumerate(dict.fromkeys(names))}


def _numbered(model, state):
    """A state of the model with its stages by number."""
    return _renamed(state, {name: number for number, name in _names(model).items()})


def _model(program, stages, state, device):
    model = program.RoastModel(stages).to(device)
    model.load_state_dict(_renamed(state, _names(model)))
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
    return {"gradients": _numbered(model, gradients(model))}


def trained(program, stages, state, settings, colour, epochs):
    """Weights after training, and what train says."""
    model = _model(program, stages, state, settings.device)
    deviation = program.train(model, settings, colour, epochs=epochs, batch_size=16, lr=0.01)
    return {"weights": _numbered(model, copy_state(model)), "deviation": float(deviation)}
