import copy

import torch


def forecast(model, readings):
    """Levels for some days; the model itself goes on training."""
    deployed = copy.deepcopy(model).eval()
    with torch.no_grad():
        return deployed(readings)


def validate(model, loader):
    """By how many metres the forecasts are off, on average."""
    total = days = 0
    with torch.no_grad():
        for readings, level in loader:
            total += (model(readings) - level).abs().sum().item()
            days += len(level)
    return total / days
