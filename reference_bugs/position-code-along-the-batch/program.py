import torch
import torch.nn as nn
import torch.nn.functional as F


def place_code(length, width=16):
    """Sines and cosines of each place: its row of the code tells where in a sequence a place is."""
    place = torch.arange(length).unsqueeze(1)
    speed = torch.exp(torch.arange(0, width, 2) * (-4.0 / width))
    code = torch.zeros(length, 1, width)
    code[:, 0, 0::2] = torch.sin(place * speed)
    code[:, 0, 1::2] = torch.cos(place * speed)
    return code


class BellOrder(nn.Module):
    """Tells which of two church bells rang first, from the bells heard minute by minute, given as (evening, minute)."""

    def __init__(self, bells=6, width=16):
        super().__init__()
        self.embed = nn.Embedding(bells, width)
        self.encode = nn.TransformerEncoderLayer(
            width, nhead=2, dim_feedforward=32, dropout=0.0, batch_first=True
        )
        self.head = nn.Linear(width, 2)

    def forward(self, bells):
        x = self.embed(bells)
        x = x + place_code(x.size(0), x.size(2)).to(x.device)
        return self.head(self.encode(x).mean(dim=1))


def load_evenings(count=400, minutes=12, seed=1):
    # bells 0 and 1 ring once each on any evening, the others now and then
    generator = torch.Generator().manual_seed(seed)
    bells = torch.randint(2, 6, (count, minutes), generator=generator)
    when = torch.stack([torch.randperm(minutes, generator=generator)[:2] for _ in range(count)])
    bells.scatter_(1, when, torch.tensor([0, 1]).repeat(count, 1))
    return bells, (when[:, 1] < when[:, 0]).long()


@torch.no_grad()
def first_bell(model, bells):
    """Which of the bells 0 and 1 rang first on each evening."""
    return model(bells).argmax(dim=1)


def train(model, bells, first, epochs=12, batch_size=20):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(bells), batch_size):
            x, y = bells[start : start + batch_size], first[start : start + batch_size]
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        if (epoch + 1) % 4 == 0:
            print(f"epoch {epoch + 1}: loss {total / len(bells):.2f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    bells, first = load_evenings()
    model = BellOrder()
    train(model, bells[:300], first[:300])
    print(f"right on other evenings: {(first_bell(model, bells[300:]) == first[300:]).float().mean():.0%}")
