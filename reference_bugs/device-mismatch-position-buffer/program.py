import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def sinusoids(length, dim):
    """Sine and cosine position codes, one row per position."""
    position = torch.arange(length).unsqueeze(1)
    frequency = torch.exp(torch.arange(0, dim, 2) * (-math.log(10000.0) / dim))
    table = torch.zeros(length, dim)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency)
    return table


class ReviewClassifier(nn.Module):
    def __init__(self, words=500, dim=32, classes=3, max_length=64):
        super().__init__()
        self.embedding = nn.Embedding(words, dim)
        self.positions = sinusoids(max_length, dim)
        self.fc1 = nn.Linear(dim, dim)
        self.fc2 = nn.Linear(dim, classes)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions[: tokens.size(1)]
        x = torch.relu(self.fc1(x)).mean(dim=1)
        return self.fc2(x)


def train(model, tokens, targets, epochs=5, batch_size=32):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        for start in range(0, len(tokens), batch_size):
            optimizer.zero_grad()
            logits = model(tokens[start : start + batch_size])
            loss = F.cross_entropy(logits, targets[start : start + batch_size])
            loss.backward()
            optimizer.step()
        print(f"Epoch {epoch + 1}: loss {loss.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print("device:", device)
    model = ReviewClassifier().to(device)
    tokens = torch.randint(0, 500, (256, 20)).to(device)
    targets = torch.randint(0, 3, (256,)).to(device)
    train(model, tokens, targets)
