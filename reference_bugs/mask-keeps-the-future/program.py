import torch
import torch.nn as nn
import torch.nn.functional as F


class SongModel(nn.Module):
    """Scores the next syllable of a bird's song; each place attends to itself and to what was sung before it."""

    def __init__(self, syllables=10, width=32, longest=24):
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


def record_songs(count=320, length=16, seed=4):
    # after each syllable a bird has one that it likes best, and sings it six times out of ten
    generator = torch.Generator().manual_seed(seed)
    habit = torch.randperm(10, generator=generator)
    songs = torch.randint(0, 10, (count, length), generator=generator)
    usual = torch.rand(count, length, generator=generator) < 0.6
    for t in range(1, length):
        songs[:, t] = torch.where(usual[:, t], habit[songs[:, t - 1]], songs[:, t])
    return songs


def song_loss(model, songs):
    return F.cross_entropy(model(songs[:, :-1]).transpose(1, 2), songs[:, 1:])


def train(model, songs, epochs=30, batch_size=32):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for epoch in range(epochs):
        for start in range(0, len(songs), batch_size):
            loss = song_loss(model, songs[start : start + batch_size])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@torch.no_grad()
def guess_next(model, songs):
    """The likeliest next syllable of each song."""
    return model(songs)[:, -1].argmax(dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    songs = record_songs()
    model = SongModel()
    train(model, songs[:256])
    with torch.no_grad():
        print(f"loss on new songs: {song_loss(model, songs[256:]):.3f}")
    hits = (guess_next(model, songs[256:, :10]) == songs[256:, 10]).float().mean()
    print(f"guesses of the eleventh syllable after ten: {hits:.0%} right")
