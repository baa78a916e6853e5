import torch

from config import SETTINGS

CLOUDS = ("cirrus", "cumulus", "stratus", "nimbus", "fog")


def make_sky(count, seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = torch.randn(len(CLOUDS), SETTINGS.brightnesses, generator=torch.Generator().manual_seed(7))
    kinds = torch.randint(0, len(CLOUDS), (count,), generator=generator)
    light = torch.rand(count, 1, generator=generator)
    return 0.8 * shapes[kinds] + torch.randn(count, SETTINGS.brightnesses, generator=generator) + light, kinds
