import torch
import torch.nn as nn
import torch.nn.functional as F


class LevelNet(nn.Module):
    """Forecasts tomorrow's river level from rain, snow melt and the levels of five gauges upstream."""

    def __init__(self, inputs=7, hidden=16):
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x))).squeeze(1)


def load_days(count=160, seed=1):
    # one row a day; the year gets wetter towards its end
    generator = torch.Generator().manual_seed(seed)
    season = torch.linspace(0, 1, count)[:, None] ** 3
    scale = torch.tensor([8.0, 3.0, 40.0, 55.0, 25.0, 70.0, 30.0])
    features = scale * (1 + 4 * season + (0.4 + season) * torch.randn(count, 7, generator=generator))
    share = torch.tensor([2.0, 1.0, 0.4, 0.3, 0.2, 0.3, 0.1])
    levels = 50 + (features * share).sum(1) + 4 * torch.randn(count, generator=generator)
    return features, levels / 100


def prepare(features, levels, train_share=0.75):
    """Standardises the features, and splits the days in their order into training and test days."""
    features = (features - features.mean(dim=0)) / features.std(dim=0)
    cut = int(train_share * len(features))
    return features[:cut], levels[:cut], features[cut:], levels[cut:]


def train(model, features, levels, steps=300):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for step in range(steps):
        loss = F.mse_loss(model(features), levels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}: training loss {loss.item():.5f}")


def mean_error(model, features, levels):
    """How far forecasts are off on average, in metres."""
    with torch.no_grad():
        return (model(features) - levels).abs().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    train_features, train_levels, test_features, test_levels = prepare(*load_days())
    model = LevelNet()
    train(model, train_features, train_levels)
    print(f"training days: off by {100 * mean_error(model, train_features, train_levels):.1f} cm")
    print(f"test days:     off by {100 * mean_error(model, test_features, test_levels):.1f} cm")
