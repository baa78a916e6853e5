import torch
import torch.nn as nn


def train(model, data, targets, steps=20):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        loss = nn.functional.mse_loss(model(data), targets)
        loss.backward()
        optimizer.step()
        print(f"step {step}: loss {loss.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    data = torch.randn(64, 4)
    train(nn.Linear(4, 1), data, data.sum(1, keepdim=True))
