import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

CLOUDS = ("cirrus", "cumulus", "stratus", "nimbus", "fog")


class SkyNet(nn.Module):
    """Describes a strip of sky, 48 brightness values, by a body and a head."""

    def __init__(self, outputs):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 32), nn.Tanh())
        self.head = nn.Linear(32, outputs)

    def forward(self, strips):
        return self.head(self.body(strips))


def make_sky(count, seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = torch.randn(len(CLOUDS), 48, generator=torch.Generator().manual_seed(7))
    kinds = torch.randint(0, len(CLOUDS), (count,), generator=generator)
    light = torch.rand(count, 1, generator=generator)
    return 0.8 * shapes[kinds] + torch.randn(count, 48, generator=generator) + light, kinds


def pretrain(model, strips, steps=150):
    """Teaches the body to reconstruct strips, without any labels."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        loss = nn.functional.mse_loss(model(strips), strips)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def finetune(model, loader, classes, epochs=8):
    """Gives the model a new head for so many classes and trains it, the body gently."""
    groups = [
        {"params": model.body.parameters(), "lr": 1e-5},
        {"params": model.head.parameters(), "lr": 0.05},
    ]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    model.head = nn.Linear(model.head.in_features, classes)
    for epoch in range(epochs):
        total = count = 0
        for strips, kinds in loader:
            loss = nn.functional.cross_entropy(model(strips), kinds)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(kinds)
            count += len(kinds)
        print(f"epoch {epoch + 1}: loss {total / count:.4f}")
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    model = pretrain(SkyNet(outputs=48), make_sky(1000, seed=1)[0])
    strips, kinds = make_sky(400, seed=2)
    finetune(model, DataLoader(TensorDataset(strips, kinds), batch_size=20, shuffle=True), len(CLOUDS))
