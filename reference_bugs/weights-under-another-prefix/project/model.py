import torch
import torch.nn as nn

from config import SETTINGS


class LeafNet(nn.Module):
    """Species of a tree from 24 measures of a leaf."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(24, SETTINGS.width)
        self.mix = nn.Linear(SETTINGS.width, SETTINGS.width)
        self.head = nn.Linear(SETTINGS.width, 6)

    def forward(self, x):
        return self.head(torch.relu(self.mix(torch.relu(self.embed(x)))))
