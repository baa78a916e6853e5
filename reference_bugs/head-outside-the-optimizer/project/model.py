import torch.nn as nn

from config import SETTINGS


class SkyNet(nn.Module):
    """Describes a strip of sky, 48 brightness values, by a body and a head."""

    def __init__(self, outputs):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(SETTINGS.brightnesses, 64), nn.ReLU(), nn.Linear(64, 32), nn.Tanh()
        )
        self.head = nn.Linear(32, outputs)

    def forward(self, strips):
        return self.head(self.body(strips))
