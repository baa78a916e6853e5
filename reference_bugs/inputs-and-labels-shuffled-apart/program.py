import torch
import torch.nn as nn
import torch.nn.functional as F

SPECIES = ["blackbird", "chaffinch", "great tit", "robin", "starling", "wren"]


class CallNet(nn.Module):
    """Tells bird species by the energy of a call in 24 frequency bands."""

    def __init__(self, bands=24, hidden=48):
        super().__init__()
        self.hidden = nn.Linear(bands, hidden)
        self.out = nn.Linear(hidden, len(SPECIES))

    def forward(self, calls):
        return self.out(torch.relu(self.hidden(calls)))


def load_recordings(per_species=120, seed=3):
    # the archive keeps its recordings species by species
    generator = torch.Generator().manual_seed(seed)
    songs = torch.randn(len(SPECIES), 24, generator=generator)
    species = torch.arange(len(SPECIES)).repeat_interleave(per_species)
    calls = songs[species] + 0.8 * torch.randn(len(species), 24, generator=generator)
    return calls, species


def shuffle(rows):
    return rows[torch.randperm(len(rows))]


def train(model, calls, species, epochs=12, batch_size=30):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        total = 0.0
        batches = zip(shuffle(calls).split(batch_size), shuffle(species).split(batch_size))
        for x, y in batches:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        print(f"epoch {epoch + 1:2d}  loss {total / len(calls):.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(CallNet(), *load_recordings())
