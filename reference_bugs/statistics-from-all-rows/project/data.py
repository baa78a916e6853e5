import torch


def load_days(count=160, seed=1):
    # one row a day; the year gets wetter towards its end
    generator = torch.Generator().manual_seed(seed)
    season = torch.linspace(0, 1, count)[:, None] ** 3
    scale = torch.tensor([8.0, 3.0, 40.0, 55.0, 25.0, 70.0, 30.0])
    features = scale * (1 + 4 * season + (0.4 + season) * torch.randn(count, 7, generator=generator))
    share = torch.tensor([2.0, 1.0, 0.4, 0.3, 0.2, 0.3, 0.1])
    levels = 50 + (features * share).sum(1) + 4 * torch.randn(count, generator=generator)
    return features, levels / 100
