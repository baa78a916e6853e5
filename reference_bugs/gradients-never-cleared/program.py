import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class RoastClassifier(nn.Module):
    """Tells four degrees of roast apart by twelve readings of the drum's sensors."""

    def __init__(self, sensors=12, hidden=32, degrees=4):
        super().__init__()
        self.fc1 = nn.Linear(sensors, hidden)
        self.fc2 = nn.Linear(hidden, degrees)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


def make_roasts(count=800, batch_size=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    typical = torch.randn(4, 12, generator=generator)
    degree = torch.randint(0, 4, (count,), generator=generator)
    readings = typical[degree] + 1.8 * torch.randn(count, 12, generator=generator)
    return DataLoader(TensorDataset(readings, degree), batch_size=batch_size)


def train(model, roasts, epochs=15):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for epoch in range(epochs):
        total, right, count = 0.0, 0, 0
        for readings, degree in roasts:
            scores = model(readings)
            loss = criterion(scores, degree)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(degree)
            right += (scores.argmax(1) == degree).sum().item()
            count += len(degree)
        print(f"epoch {epoch + 1:2d}  loss {total / count:.3f}  accuracy {right / count:.2f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(RoastClassifier(), make_roasts())
