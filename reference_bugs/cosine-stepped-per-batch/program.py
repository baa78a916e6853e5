import torch
import torch.nn as nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 32)
        self.fc2 = nn.Linear(32, 5)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


def make_loader(count=320, batch_size=32):
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(count, 20, generator=generator)
    teacher = torch.randn(20, 5, generator=generator)
    targets = (features @ teacher).argmax(1)
    return DataLoader(TensorDataset(features, targets), batch_size=batch_size)


def train(model, loader, epochs=40, lr=0.05):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    scheduler = CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(epochs):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        lr_now = optimizer.param_groups[0]["lr"]
        print(f"Epoch {epoch + 1}: loss {total / len(loader):.4f}, lr {lr_now:.5f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(Net(), make_loader())
