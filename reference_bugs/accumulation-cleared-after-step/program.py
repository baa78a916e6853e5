import torch
import torch.nn as nn
import torch.nn.functional as F


class HiveNet(nn.Module):
    """Estimates the honey of a hive from 10 readings."""

    def __init__(self):
        super().__init__()
        self.comb = nn.Linear(10, 24)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        return self.out(torch.tanh(self.comb(x))).squeeze(1)


def weigh_hives(count, seed):
    generator = torch.Generator().manual_seed(seed)
    readings = torch.randn(count, 10, generator=generator)
    honey = 4 + torch.sin(readings[:, 0]) + readings[:, 1] - 0.5 * readings[:, 2]
    return readings, honey + 0.1 * torch.randn(count, generator=generator)


def gradient_norm(model):
    return torch.stack([p.grad.norm() for p in model.parameters()]).norm().item()


def train(model, readings, honey, epochs=6, batch_size=8, window=4):
    """Takes a step after so many batches, and one after those that are left over at the end of an epoch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    batches = torch.arange(len(readings)).split(batch_size)
    for epoch in range(epochs):
        total, norms = 0.0, []
        for i, rows in enumerate(batches):
            members = min(window, len(batches) - i // window * window)
            loss = F.mse_loss(model(readings[rows]), honey[rows])
            (loss / members).backward()
            total += loss.item()
            if i < window:
                norms.append(f"{gradient_norm(model):.2f}")
            if (i + 1) % window == 0 or i + 1 == len(batches):
                optimizer.step()
                optimizer.zero_grad()
        print(f"epoch {epoch + 1}: loss {total / len(batches):.3f}, gradient norms {', '.join(norms)}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(HiveNet(), *weigh_hives(400, seed=0))
