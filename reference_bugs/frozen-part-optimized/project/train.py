import torch
import torch.nn as nn

from config import SETTINGS
from data import make_wines
from freezing import freeze
from model import WineNet


def train(model, spectra, grapes, epochs=SETTINGS.epochs, batch_size=SETTINGS.batch_size):
    freeze(model, keep="readout")
    optimizer = torch.optim.SGD(model.readout.parameters(), lr=SETTINGS.rate, momentum=SETTINGS.momentum)
    for epoch in range(epochs):
        order = torch.randperm(len(spectra))
        losses = []
        for batch in order.split(batch_size):
            loss = nn.functional.cross_entropy(model(spectra[batch]), grapes[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1:2d}: loss {sum(losses) / len(losses):.4f}")


if __name__ == "__main__":
    torch.manual_seed(2)
    train(WineNet(), *make_wines())
