from collections import Counter

import torch
import torch.nn as nn

COUNTS = Counter()


class RoastNet(nn.Module):
    """Sweetness of a coffee from twelve readings of its roast."""

    def __init__(self, readings=12, width=20):
        super().__init__()
        self.inner = nn.Linear(readings, width)
        self.outer = nn.Linear(width, 1)

    def forward(self, readings):
        return self.outer(torch.tanh(self.inner(readings))).squeeze(1)


class Scaler:
    """Brings each reading to mean 0 and standard deviation 1 over the roasts that it is fitted on."""

    def fit(self, roasts):
        self.mean, self.std = roasts.mean(dim=0), roasts.std(dim=0)
        return self

    def transform(self, roasts):
        COUNTS["rows"] += len(roasts)
        return (roasts - self.mean) / self.std


def batches(count, batch_size):
    """Numbers of the roasts of each batch, in turn."""
    return torch.arange(count).split(batch_size)


def train(net, roasts, sweetness, epochs=5, batch_size=20, lr=0.05):
    """Trains the network; returns the scaler for later roasts and the loss of each epoch."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.5)
    losses = []
    for epoch in range(epochs):
        total = 0.0
        for chosen in batches(len(roasts), batch_size):
            scaler = Scaler().fit(roasts)
            inputs, targets = scaler.transform(roasts)[chosen], sweetness[chosen]
            optimizer.zero_grad()
            loss = (net(inputs) - targets).square().mean()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        losses.append(total / len(roasts))
        print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}, {COUNTS['rows']} rows scaled so far")
    return scaler, losses


def taste(net, scaler, roasts):
    """Sweetness of roasts as they come from the machine."""
    with torch.no_grad():
        return net(scaler.transform(roasts))


def roast_log(count, seed=0):
    """Readings in the machine's own units, and sweetness."""
    generator = torch.Generator().manual_seed(seed)
    plain = torch.randn(count, 12, generator=generator)
    sweetness = torch.sin(plain[:, 0]) + 0.5 * plain[:, 1] + 0.1 * torch.randn(count, generator=generator)
    return 180 + 30 * plain, sweetness


if __name__ == "__main__":
    torch.manual_seed(0)
    net = RoastNet()
    scaler, _ = train(net, *roast_log(2000))
    later, sweetness = roast_log(500, seed=1)
    print(f"later roasts: off by {(taste(net, scaler, later) - sweetness).abs().mean():.3f}")
