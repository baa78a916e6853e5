import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x))).squeeze(1)


def make_loader(batch_size):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1024, 20, generator=generator)
    targets = torch.sin(features[:, 0]) + 0.5 * features[:, 1] - 0.3 * features[:, 2]
    return DataLoader(TensorDataset(features, targets), batch_size=batch_size)


def train(model, loader, epochs=8):
    criterion = nn.MSELoss()
    # lr and momentum were tuned with batches of 128, which no longer fit; 8 batches of 16 make one of those
    accumulation_steps = 8
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(epochs):
        total = 0.0
        for i, (x, y) in enumerate(loader):
            loss = criterion(model(x), y)
            loss.backward()
            if (i + 1) % accumulation_steps == 0:
                optimizer.step()
                optimizer.zero_grad()
            total += loss.item()
        print(f"Epoch {epoch + 1}: loss {total / len(loader):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(Net(), make_loader(batch_size=16))
