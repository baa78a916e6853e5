import torch
import torch.nn as nn

from config import SETTINGS


class LevelNet(nn.Module):
    """Tomorrow's level of the river in metres, from today's readings of 12 gauges."""

    def __init__(self, gauges=SETTINGS.gauges, width=SETTINGS.width):
        super().__init__()
        self.hidden = nn.Linear(gauges, width)
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, 1)

    def forward(self, readings):
        return self.out(torch.relu(self.norm(self.hidden(readings)))).squeeze(1)
