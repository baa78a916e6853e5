import resource

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    """Four classes from 16 measurements."""

    def __init__(self, inputs=16, hidden=1024, classes=4):
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.fc2(F.gelu(self.norm(self.fc1(x))))


def make_data(count, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 16, generator=generator)
    return x, x[:, :4].argmax(dim=1)


def validate(model, x, y, batch_size=512):
    """Mean loss over the validation data."""
    losses = []
    for start in range(0, len(x), batch_size):
        losses.append(F.cross_entropy(model(x[start : start + batch_size]), y[start : start + batch_size]))
    return torch.stack(losses).mean()


def train(model, train_data, val_data, epochs=40, batch_size=64):
    """Trains the model and returns the validation loss of each epoch."""
    x, y = train_data
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    history = []
    for epoch in range(epochs):
        for start in range(0, len(x), batch_size):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[start : start + batch_size]), y[start : start + batch_size])
            loss.backward()
            optimizer.step()
        history.append(validate(model, *val_data))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"Epoch {epoch + 1}: val loss {history[-1]:.4f}, memory {memory} MB")
    return history


if __name__ == "__main__":
    torch.manual_seed(0)
    train(Net(), make_data(256, seed=0), make_data(2048, seed=1))
