import copy

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class LevelNet(nn.Module):
    """Tomorrow's level of the river in metres, from today's readings of 12 gauges."""

    def __init__(self, gauges=12, width=24):
        super().__init__()
        self.hidden = nn.Linear(gauges, width)
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, 1)

    def forward(self, readings):
        return self.out(torch.relu(self.norm(self.hidden(readings)))).squeeze(1)


def make_days(count, season, generator):
    rain = torch.randn(count, 12, generator=generator)
    upstream = torch.linspace(0.05, 0.2, 12)
    level = 2.0 + (torch.relu(rain + season) @ upstream) + 0.02 * torch.randn(count, generator=generator)
    return TensorDataset(rain + season, level)


def forecast(model, readings):
    """Levels for some days; the model itself goes on training."""
    deployed = copy.deepcopy(model).eval()
    with torch.no_grad():
        return deployed(readings)


def validate(model, loader):
    """By how many metres the forecasts are off, on average."""
    total = days = 0
    with torch.no_grad():
        for readings, level in loader:
            total += (model(readings) - level).abs().sum().item()
            days += len(level)
    return total / days


def train(model, train_loader, val_loader, epochs=12):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for epoch in range(epochs):
        for readings, level in train_loader:
            loss = nn.functional.mse_loss(model(readings), level)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1:2d}: off by {validate(model, val_loader):.3f} m on average last autumn")


def main():
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(3)
    train_set, autumn = make_days(640, 0.0, generator), make_days(200, 0.8, generator)
    model = LevelNet()
    train(model, DataLoader(train_set, 32, shuffle=True), DataLoader(autumn, 25))
    monday = train_set.tensors[0][:1]
    for _ in range(3):
        print(f"forecast for Monday: {forecast(model, monday).item():.3f} m")
        off = validate(model, DataLoader(autumn, 25, shuffle=True))
        print(f"looked once more at last autumn: off by {off:.3f} m")


if __name__ == "__main__":
    main()
