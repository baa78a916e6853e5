import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class PriceModel(nn.Module):
    """Predicts the price of a house from 12 numbers about it."""

    def __init__(self, features=12, hidden=32):
        super().__init__()
        self.fc1 = nn.Linear(features, hidden)
        self.fc2 = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x))).squeeze(1)


def make_houses(count=512, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 12))
    prices = features @ rng.normal(size=12) + 0.1 * rng.normal(size=count)
    return features, prices


def train(model, features, prices, epochs=20, batch_size=64):
    """Trains on numpy arrays: features (N, 12) and prices (N,)."""
    x, y = torch.from_numpy(features), torch.from_numpy(prices)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(x), batch_size):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x[start : start + batch_size]), y[start : start + batch_size])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x[start : start + batch_size])
        print(f"Epoch {epoch + 1}, loss: {total / len(x):.4f}")


def predict(model, features):
    """Prices of houses, as a numpy array (N,)."""
    with torch.no_grad():
        return model(torch.from_numpy(features)).numpy()


def main():
    torch.manual_seed(0)
    model = PriceModel()
    features, prices = make_houses()
    train(model, features, prices)
    print("first prices:", predict(model, features[:3]))


if __name__ == "__main__":
    main()
