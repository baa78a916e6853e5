import torch
import torch.nn as nn
import torch.nn.functional as F


class WinePrice(nn.Module):
    """Estimates the price of a bottle from what the lab measured."""

    def __init__(self, measures=8, hidden=32, rate=0.3):
        super().__init__()
        self.fc1 = nn.Linear(measures, hidden)
        self.fc2 = nn.Linear(hidden, 1)
        self.rate = rate

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = F.dropout(x, p=self.rate)
        return self.fc2(x).squeeze(1)


def load_bottles(count=400, seed=9):
    generator = torch.Generator().manual_seed(seed)
    measures = torch.randn(count, 8, generator=generator)
    worth = torch.randn(8, generator=generator)
    price = 2 + torch.tanh(measures @ worth / 3) + 0.1 * torch.randn(count, generator=generator)
    return measures, price


@torch.no_grad()
def estimate(model, measures):
    """Price of each bottle, in tens of euros."""
    model.eval()
    return model(measures)


def train(model, measures, price, epochs=30, batch_size=20):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for epoch in range(epochs):
        model.train()
        for start in range(0, len(measures), batch_size):
            x, y = measures[start : start + batch_size], price[start : start + batch_size]
            loss = F.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    measures, price = load_bottles()
    model = WinePrice()
    train(model, measures[:300], price[:300])
    for again in range(3):
        prices = 10 * estimate(model, measures[300:])
        off = (prices - 10 * price[300:]).abs().mean()
        print(f"off by {off:.2f} euros; the first bottle is worth {prices[0]:.2f} euros")
