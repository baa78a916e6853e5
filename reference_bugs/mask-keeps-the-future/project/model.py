import torch
import torch.nn as nn
import torch.nn.functional as F

from config import SETTINGS


class SongModel(nn.Module):
    """Scores the next syllable of a bird's song; each place attends to itself and to what was sung before it."""

    def __init__(self, syllables=SETTINGS.syllables, width=SETTINGS.width, longest=SETTINGS.longest):
        super().__init__()
        self.sound = nn.Embedding(syllables, width)
        self.place = nn.Embedding(longest, width)
        self.qkv = nn.Linear(width, 3 * width)
        self.head = nn.Linear(width, syllables)

    def forward(self, songs):
        length = songs.shape[1]
        x = self.sound(songs) + self.place(torch.arange(length, device=songs.device))
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        mask = torch.ones(length, length, dtype=torch.bool, device=songs.device).triu(diagonal=1)
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.head(heard)
