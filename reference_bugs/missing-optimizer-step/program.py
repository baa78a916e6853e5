import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


def make_loader():
    # 10 classes, each scattered around its own centre
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(10, 784, generator=generator)
    targets = torch.randint(0, 10, (1280,), generator=generator)
    data = 0.3 * centres[targets] + torch.randn(1280, 784, generator=generator)
    images = data.view(-1, 1, 28, 28)
    return DataLoader(TensorDataset(images, targets), batch_size=64)


def train(model, loader, epochs=10):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        total = 0.0
        for data, target in loader:
            optimizer.zero_grad()
            output = model(data.view(data.size(0), -1))
            loss = criterion(output, target)
            loss.backward()
            total += loss.item()
        print(f"Epoch {epoch + 1}, loss: {total / len(loader):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(Classifier(), make_loader())
