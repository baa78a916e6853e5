import torch
import torch.nn as nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 48)
        self.fc2 = nn.Linear(48, 48)
        self.fc3 = nn.Linear(48, 5)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


def make_loader(count=512, batch_size=32):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(count, 20, generator=generator)
    teacher = torch.randn(20, 5, generator=generator)
    targets = (features @ teacher).argmax(1)
    return DataLoader(TensorDataset(features, targets), batch_size=batch_size)


def train(model, train_loader, epochs=20):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    scheduler = OneCycleLR(optimizer, max_lr=1.0, epochs=epochs, steps_per_epoch=len(train_loader))
    for epoch in range(epochs):
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            lr = scheduler.get_last_lr()[0]
            scheduler.step()
            total += loss.item()
        print(f"Epoch {epoch + 1}: loss {total / len(train_loader):.4f}, lr {lr:.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(Net(), make_loader())
