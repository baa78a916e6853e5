import torch
from torch.utils.data import TensorDataset

from config import SETTINGS


def make_days(count, season, generator):
    rain = torch.randn(count, SETTINGS.gauges, generator=generator)
    upstream = torch.linspace(0.05, 0.2, SETTINGS.gauges)
    level = 2.0 + (torch.relu(rain + season) @ upstream) + 0.02 * torch.randn(count, generator=generator)
    return TensorDataset(rain + season, level)
