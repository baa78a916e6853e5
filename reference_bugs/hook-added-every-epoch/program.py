import torch
import torch.nn as nn
import torch.nn.functional as F


class CallNet(nn.Module):
    """Tells five birds apart by 24 features of a call."""

    def __init__(self, features=24, width=32, birds=5):
        super().__init__()
        self.encoder = nn.Linear(features, width)
        self.head = nn.Linear(width, birds)

    def forward(self, calls):
        return self.head(torch.relu(self.encoder(calls)))


class SpreadMeter:
    """Follows in how many directions the encoder's output spreads."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.total, self.readings = 0.0, 0

    def read(self, module, inputs, output):
        with torch.no_grad():
            values = torch.linalg.svdvals(output - output.mean(dim=0)).square()
            share = values / values.sum()
            self.total += torch.exp(-torch.xlogy(share, share).sum()).item()
        self.readings += 1

    def mean(self):
        return self.total / self.readings


def train(net, calls, birds, epochs=8, batch_size=32, lr=0.1):
    """Trains the network and returns loss and mean spread of each epoch."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    meter = SpreadMeter()
    history = []
    for epoch in range(epochs):
        meter.reset()
        net.encoder.register_forward_hook(meter.read)
        total = 0.0
        for start in range(0, len(calls), batch_size):
            part, names = calls[start : start + batch_size], birds[start : start + batch_size]
            optimizer.zero_grad()
            loss = F.cross_entropy(net(part), names)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(part)
        history.append((total / len(calls), meter.mean()))
        print(f"epoch {epoch + 1}: loss {history[-1][0]:.3f}, spread {meter.mean():.2f} ({meter.readings} readings)")
    return history


def record_calls(count, seed=0):
    """Features of calls, each bird around a voice of its own."""
    generator = torch.Generator().manual_seed(seed)
    voices = torch.randn(5, 24, generator=generator)
    birds = torch.randint(5, (count,), generator=generator)
    return voices[birds] + 1.5 * torch.randn(count, 24, generator=generator), birds


if __name__ == "__main__":
    torch.manual_seed(0)
    train(CallNet(), *record_calls(640))
