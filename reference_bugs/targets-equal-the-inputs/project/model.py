import torch.nn as nn

from config import SETTINGS


class StitchModel(nn.Module):
    """Reads rows of stitches from left to right; its output at each place scores the stitch that comes next."""

    def __init__(self, stitches=SETTINGS.stitches, width=SETTINGS.width):
        super().__init__()
        self.embed = nn.Embedding(stitches, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, stitches)

    def forward(self, rows):
        return self.head(self.rnn(self.embed(rows))[0])
