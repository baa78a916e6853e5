import torch

from config import SETTINGS


def record_songs(count=320, length=16, seed=4):
    # after each syllable a bird has one that it likes best, and sings it six times out of ten
    generator = torch.Generator().manual_seed(seed)
    habit = torch.randperm(SETTINGS.syllables, generator=generator)
    songs = torch.randint(0, SETTINGS.syllables, (count, length), generator=generator)
    usual = torch.rand(count, length, generator=generator) < 0.6
    for t in range(1, length):
        songs[:, t] = torch.where(usual[:, t], habit[songs[:, t - 1]], songs[:, t])
    return songs
