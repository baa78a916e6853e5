import torch
import torch.nn as nn
import torch.nn.functional as F


class DigitClassifier(nn.Module):
    """Classifies 8 x 8 digits, given as 64 numbers."""

    def __init__(self, pixels=64, hidden=64, classes=10):
        super().__init__()
        self.fc1 = nn.Linear(pixels, hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        return F.softmax(self.fc2(x), dim=1)


def make_digits(count=1000, seed=0):
    # every class is scattered around a picture of its own
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randn(10, 64, generator=generator)
    targets = torch.randint(0, 10, (count,), generator=generator)
    return pictures[targets] + 0.5 * torch.randn(count, 64, generator=generator), targets


def predict(model, data):
    """The class of each digit."""
    with torch.no_grad():
        return model(data).argmax(dim=1)


def train(model, data, targets, epochs=20, batch_size=50):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(data), batch_size):
            x, y = data[start : start + batch_size], targets[start : start + batch_size]
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        accuracy = (predict(model, data) == targets).float().mean().item()
        print(f"Epoch {epoch + 1}: loss {total / len(data):.4f}, accuracy {accuracy:.1%}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(DigitClassifier(), *make_digits())
