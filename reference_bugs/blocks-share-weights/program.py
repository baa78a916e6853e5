import torch
import torch.nn as nn


class Stage(nn.Module):
    """One stage of the roast: a small correction of the state of the beans."""

    def __init__(self, width):
        super().__init__()
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, beans):
        return beans + self.down(torch.tanh(self.up(beans)))


class RoastModel(nn.Module):
    """Colour of roasted coffee from eight settings of the drum."""

    def __init__(self, stages=6, width=10):
        super().__init__()
        self.charge = nn.Linear(8, width)
        self.stages = nn.ModuleList([Stage(width)] * stages)
        self.colour = nn.Linear(width, 1)

    def forward(self, settings):
        beans = self.charge(settings)
        for stage in self.stages:
            beans = stage(beans)
        return self.colour(beans).squeeze(1)


def make_roasts(count=512):
    generator = torch.Generator().manual_seed(4)
    settings = torch.rand(count, 8, generator=generator) * 2 - 1
    heat = settings[:, 0] * settings[:, 1] + settings[:, 2].abs() - settings[:, 3] * settings[:, 4]
    return settings, torch.sin(3 * heat + settings[:, 5]) + 0.3 * settings[:, 6]


def train(model, settings, colour, epochs=25, batch_size=32, lr=0.01):
    """Gives the mean squared deviation in the last epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(settings), batch_size):
            batch = slice(start, start + batch_size)
            loss = nn.functional.mse_loss(model(settings[batch]), colour[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(colour[batch])
    return total / len(settings)


if __name__ == "__main__":
    roasts = make_roasts()
    for stages in (1, 3, 6):
        torch.manual_seed(0)
        model = RoastModel(stages)
        size = sum(p.numel() for p in model.parameters())
        print(f"{stages} stages: {size} weights, deviation {train(model, *roasts):.4f}")
