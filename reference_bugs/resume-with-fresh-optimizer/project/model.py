import torch
import torch.nn as nn

from config import SETTINGS


class TideNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(SETTINGS.hours, SETTINGS.width)
        self.fc2 = nn.Linear(SETTINGS.width, 1)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x))).squeeze(1)
