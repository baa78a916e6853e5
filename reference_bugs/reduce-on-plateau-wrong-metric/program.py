import torch
import torch.nn as nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 32)
        self.fc2 = nn.Linear(32, 5)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


def make_loaders(batch_size=32):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1600, 20, generator=generator)
    teacher = torch.randn(20, 5, generator=generator)
    targets = (features @ teacher).argmax(1)
    train_set = TensorDataset(features[:600], targets[:600])
    val_set = TensorDataset(features[600:], targets[600:])
    return DataLoader(train_set, batch_size), DataLoader(val_set, 250)


@torch.no_grad()
def validate(model, loader):
    total = right = count = 0
    for x, y in loader:
        logits = model(x)
        total += nn.functional.cross_entropy(logits, y, reduction="sum").item()
        right += (logits.argmax(1) == y).sum().item()
        count += len(y)
    return total / count, right / count


def train(model, train_loader, val_loader, epochs=30):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.1, patience=3)
    for epoch in range(epochs):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        val_loss, val_acc = validate(model, val_loader)
        scheduler.step(val_acc)
        lr = optimizer.param_groups[0]["lr"]
        print(f"Epoch {epoch + 1}: val loss {val_loss:.4f}, val accuracy {val_acc:.3f}, lr {lr:.1e}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(Net(), *make_loaders())
