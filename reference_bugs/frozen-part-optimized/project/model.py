import torch.nn as nn

from config import SETTINGS
from data import GRAPES


class WineNet(nn.Module):
    """A spectrum of 36 wavelengths goes through an encoder that is kept, and a readout for the grape."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(SETTINGS.wavelengths, SETTINGS.width),
            nn.Tanh(),
            nn.Linear(SETTINGS.width, 20),
            nn.Tanh(),
        )
        self.readout = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, len(GRAPES)))

    def forward(self, spectra):
        return self.readout(self.encoder(spectra))
