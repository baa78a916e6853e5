import torch
import torch.nn as nn
import torch.nn.functional as F


class DelayModel(nn.Module):
    """Predicts the delay at a bus stop in minutes from five features of it."""

    def __init__(self, features=5, hidden=16):
        super().__init__()
        self.fc1 = nn.Linear(features, hidden)
        self.fc2 = nn.Linear(hidden, 1)

    def forward(self, stops):
        return self.fc2(torch.relu(self.fc1(stops))).squeeze(1)


def make_days(days=10, routes=6, seed=0):
    """For each day a list of routes; each is the features of its stops with the delays there."""
    generator = torch.Generator().manual_seed(seed)
    effect = torch.randn(5, generator=generator)
    result = []
    for _ in range(days):
        day = []
        for stops in torch.randint(4, 30, (routes,), generator=generator).tolist():
            features = torch.randn(stops, 5, generator=generator)
            day.append((features, 2 + (features @ effect).abs()))
        result.append(day)
    return result


def train_day(model, optimizer, routes):
    """One step on the routes of a day, which count alike, however many stops they have."""
    losses = []
    for features, delays in routes:
        loss = F.mse_loss(model(features), delays)
        losses.append(loss.item())
    day_loss = torch.tensor(losses).mean()
    optimizer.zero_grad()
    day_loss.backward()
    optimizer.step()
    return day_loss.item()


def main():
    torch.manual_seed(0)
    model = DelayModel()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for number, routes in enumerate(make_days()):
        print(f"day {number + 1}: loss {train_day(model, optimizer, routes):.3f}")


if __name__ == "__main__":
    main()
