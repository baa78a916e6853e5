import torch
import torch.nn as nn

from config import SETTINGS


class TicketNet(nn.Module):
    """Team that a support ticket belongs to, from the words in it."""

    def __init__(self, words=SETTINGS.words, width=SETTINGS.width, teams=SETTINGS.teams):
        super().__init__()
        self.words = nn.EmbeddingBag(words, width)
        self.norm1 = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.out = nn.Linear(width, teams)

    def forward(self, tokens):
        x = self.norm1(self.words(tokens))
        x = x + torch.relu(self.hidden(x))
        return self.out(self.norm2(x))
