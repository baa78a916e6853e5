import torch

from config import SETTINGS


def load_rows(count=240, length=20, seed=6):
    # a row repeats a motif of four stitches, and one stitch in twenty is dropped for another
    generator = torch.Generator().manual_seed(seed)
    motif = torch.randint(0, SETTINGS.stitches, (count, 4), generator=generator)
    rows = motif.repeat(1, length // 4)
    slip = torch.rand(count, length, generator=generator) < 0.05
    return torch.where(slip, torch.randint(0, SETTINGS.stitches, (count, length), generator=generator), rows)
