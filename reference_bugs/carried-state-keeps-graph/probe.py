"""What is done with a program: training from given weights, and forecasts that carry their memory on."""

import torch
from probing import copy_state, record_steps

RETURNS = {
    "train": {"weights": "state", "steps": "number"},
    "forecast": {"whole": "float32", "parts": "float32"},
}


def _model(program, state, device):
    model = program.RiderForecast().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, counts, window, epochs):
    """Weights after training, and the number of steps."""
    model = _model(program, state, counts.device)
    with record_steps() as steps:
        program.train(model, counts, window=window, epochs=epochs)
    return {"weights": copy_state(model), "steps": steps.count}


def forecast(program, state, counts, cut):
    """Forecasts of all hours at once, and of two parts with the memory handed on."""
    model = _model(program, state, counts.device)
    first, memory = model(counts[:, :cut])
    second, _ = model(counts[:, cut:], memory)
    return {"whole": model(counts)[0].detach(), "parts": torch.cat([first, second], 1).detach()}
