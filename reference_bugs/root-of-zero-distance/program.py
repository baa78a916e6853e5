import torch
import torch.nn as nn
import torch.nn.functional as F


class CoinEmbedding(nn.Module):
    """Puts photographs of coins, given as 30 numbers, into a space where the same coin lies in the same place."""

    def __init__(self, numbers=30, hidden=32, dimensions=8):
        super().__init__()
        self.fc1 = nn.Linear(numbers, hidden)
        self.fc2 = nn.Linear(hidden, dimensions)

    def forward(self, photos):
        return self.fc2(torch.relu(self.fc1(photos)))


def make_pairs(count=200, coins=20, seed=0):
    """Pairs of photographs, and 1 where both show the same coin; there are two photographs of each coin."""
    generator = torch.Generator().manual_seed(seed)
    photos = torch.randn(coins, 1, 30, generator=generator) + 0.3 * torch.randn(coins, 2, 30, generator=generator)
    first = torch.randint(0, coins, (count,), generator=generator)
    other = torch.randint(0, coins, (count,), generator=generator)
    second = torch.where(torch.rand(count, generator=generator) < 0.5, first, other)
    shots = torch.randint(0, 2, (2, count), generator=generator)
    return photos[first, shots[0]], photos[second, shots[1]], (first == second).float()


def contrastive_loss(a, b, same, margin=2.0):
    """Draws photographs of the same coin together and pushes others apart, up to a margin."""
    distance = ((a - b) ** 2).sum(dim=1).sqrt()
    return (same * distance**2 + (1 - same) * F.relu(margin - distance) ** 2).mean()


def train(model, first, second, same, epochs=2, batch_size=40):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        for start in range(0, len(first), batch_size):
            rows = slice(start, start + batch_size)
            loss = contrastive_loss(model(first[rows]), model(second[rows]), same[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print(f"epoch {epoch + 1}, pairs from {start}: loss {loss.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(CoinEmbedding(), *make_pairs())
