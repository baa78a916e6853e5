import io

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class StarNet(nn.Module):
    """Period of a variable star from ten moments of its light curve."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, x):
        return self.layers(x).squeeze(1)


def pack(net, misses):
    """A checkpoint to send to another observatory (bytes): weights, number of epochs, mean of the last five misses."""
    file = io.BytesIO()
    torch.save({"weights": net.state_dict(), "epochs": len(misses), "miss": np.mean(misses[-5:])}, file)
    return file.getvalue()


def unpack(checkpoint):
    """Network, number of epochs and miss of a checkpoint from any observatory, which need not be one of ours."""
    record = torch.load(io.BytesIO(checkpoint))
    net = StarNet()
    net.load_state_dict(record["weights"])
    return net, record["epochs"], record["miss"]


def observe(count, seed):
    generator = torch.Generator().manual_seed(seed)
    moments = torch.randn(count, 10, generator=generator)
    return moments, torch.tanh(moments[:, 0]) + 0.5 * moments[:, 1]


def train(net, moments, periods, epochs=20):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    misses = []
    for _ in range(epochs):
        loss = F.mse_loss(net(moments), periods)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        misses.append(loss.item() ** 0.5)
    return misses


if __name__ == "__main__":
    torch.manual_seed(0)
    net = StarNet()
    misses = train(net, *observe(400, seed=1))
    checkpoint = pack(net, misses)
    print(f"trained for {len(misses)} epochs, checkpoint of {len(checkpoint)} bytes")
    net, epochs, miss = unpack(checkpoint)
    print(f"received: {epochs} epochs, off by {miss:.3f}")
