from collections import Counter

import torch
import torch.nn as nn
from torch.overrides import TorchFunctionMode


class TideNet(nn.Module):
    """Height of the water at a pier from eight angles of moon and sun."""

    def __init__(self, angles=8, width=24):
        super().__init__()
        self.inner = nn.Linear(angles, width)
        self.outer = nn.Linear(width, 1)

    def forward(self, angles):
        return self.outer(torch.tanh(self.inner(angles))).squeeze(1)


def fit(net, angles, heights, epochs=4, batch_size=16, lr=0.05):
    """Trains the network and returns mean squared miss and largest miss of each epoch."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.8)
    log = []
    for epoch in range(epochs):
        squares, largest = 0.0, 0.0
        for start in range(0, len(angles), batch_size):
            optimizer.zero_grad()
            miss = net(angles[start : start + batch_size]) - heights[start : start + batch_size]
            loss = miss.square().mean()
            loss.backward()
            optimizer.step()
            squares += loss.item() * len(miss)
            largest = max(largest, miss.abs().max().item())
        log.append((squares / len(angles), largest))
        print(f"epoch {epoch + 1}: squared miss {log[-1][0]:.4f}, largest miss {largest:.2f} m")
    return log


def pier_records(count, seed=0):
    """Angles and heights of so many hours, with waves on top."""
    generator = torch.Generator().manual_seed(seed)
    angles = torch.rand(count, 8, generator=generator) * 2 - 1
    heights = 1.2 * torch.cos(2 * angles[:, 0]) + 0.6 * torch.sin(3 * angles[:, 1]) + 0.3 * angles[:, 2]
    return angles, heights + 0.05 * torch.randn(count, generator=generator)


class Calls(TorchFunctionMode):
    """Counts how often functions of torch are called."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.counts[function.__name__] += 1
        return function(*args, **(kwargs or {}))


if __name__ == "__main__":
    torch.manual_seed(0)
    net = TideNet()
    with Calls() as calls:
        fit(net, *pier_records(1280))
    print(f"backward: {calls.counts['backward']} calls, item: {calls.counts['item']} calls")
