import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

OFFSET, GAIN = 1.5, 2.0  # calibration of the hydrophone


class ClickSet(Dataset):
    """Clicks of dolphins and whales as calibrated sound pressure, with their species."""

    def __init__(self, clicks, species):
        self.clicks = clicks
        self.species = species

    def __len__(self):
        return len(self.clicks)

    def __getitem__(self, index):
        click = self.clicks[index]
        click -= OFFSET
        click /= GAIN
        return click, self.species[index]


class ClickNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(32, 32)
        self.fc2 = nn.Linear(32, 3)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


def load_clicks(count=600, seed=2):
    generator = torch.Generator().manual_seed(seed)
    shapes = torch.randn(3, 32, generator=generator)
    species = torch.randint(0, 3, (count,), generator=generator)
    pressure = shapes[species] + torch.randn(count, 32, generator=generator)
    return OFFSET + GAIN * pressure, species


def train(model, dataset, epochs=10, batch_size=50):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
    for epoch in range(epochs):
        total = 0.0
        for x, y in loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        print(f"epoch {epoch + 1}: loss {total / len(dataset):.3f}")


def accuracy(model, dataset):
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in DataLoader(dataset, batch_size=100))
    return hits / len(dataset)


if __name__ == "__main__":
    torch.manual_seed(0)
    clicks, species = load_clicks()
    model = ClickNet()
    train(model, ClickSet(clicks, species))
    print(f"accuracy on these clicks: {accuracy(model, ClickSet(clicks, species)):.1%}")
