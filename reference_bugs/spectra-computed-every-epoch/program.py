from collections import Counter

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

COUNTS = Counter()


def log_spectrum(wave, width=64):
    """Logarithm of the mean power at 33 frequencies."""
    COUNTS["spectra"] += 1
    frames = torch.stft(wave, width, hop_length=width // 2, window=torch.hann_window(width), return_complex=True)
    return torch.log(frames.abs().square().mean(dim=-1) + 1e-6)


class ClickDataset(Dataset):
    """Spectra of whale clicks, a little louder or quieter at every access as hydrophones are."""

    def __init__(self, waves, species, gain=0.3):
        self.waves, self.species, self.gain = waves, species, gain

    def __len__(self):
        return len(self.waves)

    def __getitem__(self, index):
        spectrum = log_spectrum(self.waves[index])
        loudness = (2 * torch.rand(()) - 1) * self.gain
        return spectrum + loudness, self.species[index]


class WhaleNet(nn.Module):
    """Tells three species by the spectrum of a click."""

    def __init__(self, frequencies=33, width=16, species=3):
        super().__init__()
        self.inner = nn.Linear(frequencies, width)
        self.outer = nn.Linear(width, species)

    def forward(self, spectra):
        return self.outer(torch.relu(self.inner(spectra)))


def train(net, clicks, epochs=6, batch_size=25, lr=0.02):
    """Trains the network on the clicks in their order and returns the loss of each epoch."""
    loader = DataLoader(clicks, batch_size=batch_size)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    losses = []
    for epoch in range(epochs):
        total = 0.0
        for spectra, species in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(spectra), species)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(species)
        losses.append(total / len(clicks))
        print(f"epoch {epoch + 1}: loss {losses[-1]:.3f}, {COUNTS['spectra']} spectra so far")
    return losses


def record_clicks(count, seed=0):
    """Clicks of three species that ring at frequencies of their own, in noise."""
    generator = torch.Generator().manual_seed(seed)
    species = torch.randint(3, (count,), generator=generator)
    pitch = torch.tensor([0.4, 0.9, 1.4])[species] + 0.1 * torch.randn(count, generator=generator)
    time = torch.arange(2048.0)
    rings = torch.sin(pitch[:, None] * time) * torch.exp(-time / 300)
    return rings + 0.3 * torch.randn(count, 2048, generator=generator), species


if __name__ == "__main__":
    torch.manual_seed(0)
    train(WhaleNet(), ClickDataset(*record_clicks(200)))
