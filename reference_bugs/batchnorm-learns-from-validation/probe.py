"""What is done with a program: training, and looking at validation data and forecasts in turn."""

import torch
from probing import copy_state
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {
    "train": {"weights": "state", "forecast": "float32"},
    "look": {"forecasts": "float32", "errors": "numbers"},
    "levels": {"levels": "float32"},
}


def _net(program, state, device):
    model = program.model.LevelNet().to(device)
    model.load_state_dict(state)
    return model


def _trained(program, state, readings, levels, val_readings, val_levels, epochs):
    model = _net(program, state, readings.device)
    train_loader = DataLoader(TensorDataset(readings, levels), batch_size=16)
    val_loader = DataLoader(TensorDataset(val_readings, val_levels), batch_size=10)
    program.train.train(model, train_loader, val_loader, epochs=epochs)
    return model


def train(program, state, readings, levels, val_readings, val_levels, epochs, asked):
    """Weights and statistics after training with a validation after each epoch, and a forecast."""
    model = _trained(program, state, readings, levels, val_readings, val_levels, epochs)
    return {"weights": copy_state(model), "forecast": program.evaluate.forecast(model, asked)}


def look(program, state, readings, levels, val_readings, val_levels, asked, batch_sizes):
    """Forecasts of a trained network before and after validating it, with batches of several sizes."""
    model = _trained(program, state, readings, levels, val_readings, val_levels, 1)
    forecasts, errors = [program.evaluate.forecast(model, asked).clone()], []
    for size in batch_sizes:
        loader = DataLoader(TensorDataset(val_readings, val_levels), batch_size=size)
        errors.append(float(program.evaluate.validate(model, loader)))
        forecasts.append(program.evaluate.forecast(model, asked).clone())
    return {"forecasts": torch.stack(forecasts), "errors": errors}


def levels(program, state, readings, training):
    """What the network gives for readings in one of its modes."""
    model = _net(program, state, readings.device).train(training)
    with torch.no_grad():
        return {"levels": model(readings)}
