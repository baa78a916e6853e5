import torch
import torch.nn as nn
from torch.utils.data import DataLoader

from config import SETTINGS
from data import make_days
from evaluate import forecast, validate
from model import LevelNet


def train(model, train_loader, val_loader, epochs=SETTINGS.epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=SETTINGS.rate, momentum=SETTINGS.momentum)
    for epoch in range(epochs):
        for readings, level in train_loader:
            loss = nn.functional.mse_loss(model(readings), level)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1:2d}: off by {validate(model, val_loader):.3f} m on average last autumn")


def main():
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(3)
    train_set, autumn = make_days(640, 0.0, generator), make_days(200, 0.8, generator)
    model = LevelNet()
    train(model, DataLoader(train_set, SETTINGS.batch_size, shuffle=True), DataLoader(autumn, 25))
    monday = train_set.tensors[0][:1]
    for _ in range(3):
        print(f"forecast for Monday: {forecast(model, monday).item():.3f} m")
        off = validate(model, DataLoader(autumn, 25, shuffle=True))
        print(f"looked once more at last autumn: off by {off:.3f} m")


if __name__ == "__main__":
    main()
