import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

SPECIES = ("wren", "robin", "blackcap", "chiffchaff", "goldcrest", "dunnock")


class CallNet(nn.Module):
    """Tells birds by their calls, each given as the energy in 30 frequency bands."""

    def __init__(self, rate=0.5, bands=30, width=128):
        super().__init__()
        self.bands = nn.Linear(bands, width)
        self.drop = nn.Dropout(rate)
        self.species = nn.Linear(width, len(SPECIES))

    def forward(self, calls):
        return self.species(self.drop(torch.relu(self.bands(calls))))


def record_calls(count, seed):
    voices = torch.randn(len(SPECIES), 30, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(seed)
    birds = torch.randint(0, len(SPECIES), (count,), generator=generator)
    calls = 0.6 * voices[birds] + 1.2 * torch.randn(count, 30, generator=generator)
    return TensorDataset(calls, birds)


def validate(model, loader):
    """Mean loss and share of calls whose bird is recognised."""
    model.eval()
    loss = right = count = 0
    with torch.no_grad():
        for calls, birds in loader:
            scores = model(calls)
            loss += nn.functional.cross_entropy(scores, birds, reduction="sum").item()
            right += (scores.argmax(1) == birds).sum().item()
            count += len(birds)
    return loss / count, right / count


def fit(model, train_loader, val_loader, epochs=24, lr=0.1):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model.train()
    for epoch in range(epochs):
        total = count = 0
        for calls, birds in train_loader:
            loss = nn.functional.cross_entropy(model(calls), birds)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(birds)
            count += len(birds)
        val_loss, val_acc = validate(model, val_loader)
        if epoch in (0, 1, 3, 7, 15, epochs - 1):
            print(f"  [{epoch + 1:2d}] train {total / count:.3f}  val {val_loss:.3f}  recognised {val_acc:.1%}")


if __name__ == "__main__":
    train_set, val_set = record_calls(160, seed=2), record_calls(600, seed=3)
    for rate in (0.2, 0.5, 0.8):
        print(f"dropout {rate}")
        torch.manual_seed(0)
        fit(CallNet(rate), DataLoader(train_set, batch_size=8, shuffle=True), DataLoader(val_set, batch_size=100))
