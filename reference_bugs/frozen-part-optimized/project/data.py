import torch

from config import SETTINGS

GRAPES = ("riesling", "merlot", "silvaner", "tempranillo")


def make_wines(count=420):
    generator = torch.Generator().manual_seed(11)
    typical = torch.randn(len(GRAPES), SETTINGS.wavelengths, generator=generator)
    grapes = torch.randint(0, len(GRAPES), (count,), generator=generator)
    return typical[grapes] + 0.8 * torch.randn(count, SETTINGS.wavelengths, generator=generator), grapes
