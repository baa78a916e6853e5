import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 64)
        self.dropout = nn.Dropout(0.5)
        self.fc2 = nn.Linear(64, 5)

    def forward(self, x):
        return self.fc2(self.dropout(torch.relu(self.fc1(x))))


def make_loaders(batch_size=32):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1200, 20, generator=generator)
    teacher = torch.randn(20, 5, generator=generator)
    targets = (features @ teacher).argmax(1)
    train_set = TensorDataset(features[:800], targets[:800])
    val_set = TensorDataset(features[800:], targets[800:])
    return DataLoader(train_set, batch_size, shuffle=True), DataLoader(val_set, batch_size)


def evaluate(model, loader):
    """Fraction of examples classified right."""
    right = count = 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(1) == y).sum().item()
            count += len(y)
    return right / count


def train(model, train_loader, val_loader, epochs=10):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        print(f"Epoch {epoch + 1}: val accuracy {evaluate(model, val_loader):.3f}")


def main():
    torch.manual_seed(0)
    model = Net()
    train_loader, val_loader = make_loaders()
    train(model, train_loader, val_loader)
    # the same weights on the same data, again and again
    for _ in range(5):
        print(f"val accuracy of the trained model: {evaluate(model, val_loader):.3f}")


if __name__ == "__main__":
    main()
