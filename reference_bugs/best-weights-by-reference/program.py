import torch
import torch.nn as nn
import torch.nn.functional as F


class RoastNet(nn.Module):
    """Acidity of a coffee from the temperatures of its roast."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(10)
        self.fc1 = nn.Linear(10, 48)
        self.fc2 = nn.Linear(48, 1)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(self.norm(x)))).squeeze(1)


def make_roasts(count, seed):
    generator = torch.Generator().manual_seed(seed)
    degrees = 190 + 12 * torch.randn(count, 10, generator=generator)
    acidity = torch.sin((degrees[:, 3] - 190) / 8) + 0.05 * (degrees[:, 7] - 190)
    return degrees, acidity + 0.8 * torch.randn(count, generator=generator)


def validation_loss(model, val_set):
    degrees, acidity = val_set
    model.eval()
    with torch.no_grad():
        return F.mse_loss(model(degrees), acidity).item()


def fit(model, train_set, val_set, epochs=120):
    """Trains on all roasts at once and leaves the model as it was in its best epoch."""
    degrees, acidity = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    best_loss, best_epoch, best_state = float("inf"), 0, None
    for epoch in range(1, epochs + 1):
        model.train()
        loss = F.mse_loss(model(degrees), acidity)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        val_loss = validation_loss(model, val_set)
        if epoch % 20 == 0:
            print(f"epoch {epoch}: train {loss.item():.3f}, validation {val_loss:.3f}")
        if val_loss < best_loss:
            best_loss, best_epoch = val_loss, epoch
            best_state = model.state_dict()
    model.load_state_dict(best_state)
    return best_epoch, best_loss


if __name__ == "__main__":
    torch.manual_seed(0)
    model = RoastNet()
    val_set = make_roasts(300, seed=2)
    epoch, loss = fit(model, make_roasts(80, seed=1), val_set)
    print(f"best epoch {epoch}: validation {loss:.3f}")
    print(f"model to be shipped: validation {validation_loss(model, val_set):.3f}")
