import torch
import torch.nn.functional as F

from config import SETTINGS
from data import load_days
from evaluate import mean_error
from model import LevelNet
from preprocessing import prepare


def train(model, features, levels, steps=SETTINGS.steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=SETTINGS.rate, momentum=0.9)
    for step in range(steps):
        loss = F.mse_loss(model(features), levels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}: training loss {loss.item():.5f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train_features, train_levels, test_features, test_levels = prepare(*load_days())
    model = LevelNet()
    train(model, train_features, train_levels)
    print(f"training days: off by {100 * mean_error(model, train_features, train_levels):.1f} cm")
    print(f"test days:     off by {100 * mean_error(model, test_features, test_levels):.1f} cm")
