import torch

from config import SETTINGS
from data import record_songs
from evaluate import guess_next
from losses import song_loss
from model import SongModel


def train(model, songs, epochs=SETTINGS.epochs, batch_size=SETTINGS.batch_size):
    optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS.rate)
    for epoch in range(epochs):
        for start in range(0, len(songs), batch_size):
            loss = song_loss(model, songs[start : start + batch_size])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    songs = record_songs()
    model = SongModel()
    train(model, songs[:256])
    with torch.no_grad():
        print(f"loss on new songs: {song_loss(model, songs[256:]):.3f}")
    hits = (guess_next(model, songs[256:, :10]) == songs[256:, 10]).float().mean()
    print(f"guesses of the eleventh syllable after ten: {hits:.0%} right")
