import torch
import torch.nn as nn


class FrogTagger(nn.Module):
    """Finds out which of six species of frogs call on a recording, given as 20 band energies."""

    def __init__(self, bands=20, hidden=32, species=6):
        super().__init__()
        self.fc1 = nn.Linear(bands, hidden)
        self.fc2 = nn.Linear(hidden, species)

    def forward(self, recordings):
        x = torch.relu(self.fc1(recordings))
        return torch.sigmoid(self.fc2(x))


def make_recordings(count=800, seed=0):
    # each species adds its own call to the energies of the night
    generator = torch.Generator().manual_seed(seed)
    calls = torch.randn(6, 20, generator=generator)
    heard = (torch.rand(count, 6, generator=generator) < 0.3).float()
    return heard @ calls + 0.3 * torch.randn(count, 20, generator=generator), heard


@torch.no_grad()
def tag(model, recordings):
    """For each recording and species, whether it is heard."""
    return model(recordings) > 0.5


def train(model, recordings, heard, epochs=30, batch_size=40):
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(recordings), batch_size):
            x, y = recordings[start : start + batch_size], heard[start : start + batch_size]
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        right = (tag(model, recordings) == heard.bool()).float().mean().item()
        print(f"epoch {epoch + 1}: loss {total / len(recordings):.4f}, tags right {right:.1%}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(FrogTagger(), *make_recordings())
