import torch
import torch.nn as nn

GRAPES = ("riesling", "merlot", "silvaner", "tempranillo")


class WineNet(nn.Module):
    """A spectrum of 36 wavelengths goes through an encoder that is kept, and a readout for the grape."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(36, 40), nn.Tanh(), nn.Linear(40, 20), nn.Tanh())
        self.readout = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, len(GRAPES)))

    def forward(self, spectra):
        return self.readout(self.encoder(spectra))


def make_wines(count=420):
    generator = torch.Generator().manual_seed(11)
    typical = torch.randn(len(GRAPES), 36, generator=generator)
    grapes = torch.randint(0, len(GRAPES), (count,), generator=generator)
    return typical[grapes] + 0.8 * torch.randn(count, 36, generator=generator), grapes


def freeze(model, keep):
    """Only the part whose name is given is to learn."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith(keep)


def train(model, spectra, grapes, epochs=10, batch_size=25):
    freeze(model, keep="readout")
    optimizer = torch.optim.SGD(model.readout.parameters(), lr=0.1, momentum=0.9)
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
