import torch


def mean_error(model, features, levels):
    """How far forecasts are off on average, in metres."""
    with torch.no_grad():
        return (model(features) - levels).abs().mean().item()
