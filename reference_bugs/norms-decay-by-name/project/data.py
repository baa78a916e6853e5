import torch

from config import SETTINGS


def make_tickets(count=600, seed=4):
    generator = torch.Generator().manual_seed(seed)
    team = torch.randint(0, SETTINGS.teams, (count,), generator=generator)
    tokens = torch.randint(0, SETTINGS.words, (count, 12), generator=generator)
    tokens[:, :3] = team[:, None] * 8 + torch.randint(0, 8, (count, 3), generator=generator)
    return tokens, team
