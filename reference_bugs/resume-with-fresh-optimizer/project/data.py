import torch

from config import SETTINGS


def make_tides(count=640, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hours = 700 * torch.rand(count, 1, generator=generator) + torch.arange(SETTINGS.hours + 1)
    heights = torch.sin(6.283 * hours / 12.42) + 0.4 * torch.sin(6.283 * hours / 12.0)
    return heights[:, :-1], heights[:, -1]
