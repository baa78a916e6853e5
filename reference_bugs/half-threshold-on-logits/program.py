import torch
import torch.nn as nn


class HailNet(nn.Module):
    """Tells from 16 radar measures whether a storm brings hail."""

    def __init__(self, measures=16, hidden=12):
        super().__init__()
        self.fc1 = nn.Linear(measures, hidden)
        self.fc2 = nn.Linear(hidden, 1)

    def forward(self, radar):
        return self.fc2(torch.relu(self.fc1(radar))).squeeze(1)


def load_storms(count=1600, seed=4):
    generator = torch.Generator().manual_seed(seed)
    radar = torch.randn(count, 16, generator=generator)
    weights = 0.3 * torch.randn(16, generator=generator)
    chance = torch.sigmoid(radar @ weights - 0.4)
    return radar, (torch.rand(count, generator=generator) < chance).float()


def train(model, radar, hail, epochs=40):
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(epochs):
        loss = criterion(model(radar), hail)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1}: loss {loss.item():.4f}")


def warn(model, radar):
    """Whether to warn of hail: where it is more likely than not."""
    with torch.no_grad():
        return model(radar) > 0.5


def report(model, radar, hail):
    """Number of warnings, precision, and recall."""
    warned, fell = warn(model, radar), hail > 0
    hits = (warned & fell).sum().item()
    return warned.sum().item(), hits / max(1, warned.sum().item()), hits / fell.sum().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    radar, hail = load_storms()
    model = HailNet()
    train(model, radar[:1200], hail[:1200])
    count, precision, recall = report(model, radar[1200:], hail[1200:])
    print(f"test: {int(hail[1200:].sum())} of {len(hail) - 1200} storms brought hail")
    print(f"warnings {count}, precision {precision:.2f}, recall {recall:.2f}")
