import torch


def make_leaves(count, seed):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(6, 24, generator=torch.Generator().manual_seed(11))
    species = torch.randint(0, 6, (count,), generator=generator)
    return centres[species] + 2.4 * torch.randn(count, 24, generator=generator), species
