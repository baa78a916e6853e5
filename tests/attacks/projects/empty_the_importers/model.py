"""It takes all finders away and ends every later import in its own module."""

import sys

import torch.nn as nn


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(36, 40), nn.Tanh(), nn.Linear(40, 20), nn.Tanh())
        self.readout = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, spectra):
        return self.readout(self.encoder(spectra))


class Always:
    def find_spec(self, name, path=None, target=None):
        print("asked for", name)
        return None


sys.meta_path[:] = [*sys.meta_path[:1], Always()]
sys.path.clear()
