import torch
import torch.nn as nn
import torch.nn.functional as F


class StitchModel(nn.Module):
    """Reads rows of stitches from left to right; its output at each place scores the stitch that comes next."""

    def __init__(self, stitches=8, width=24):
        super().__init__()
        self.embed = nn.Embedding(stitches, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, stitches)

    def forward(self, rows):
        return self.head(self.rnn(self.embed(rows))[0])


def load_rows(count=240, length=20, seed=6):
    # a row repeats a motif of four stitches, and one stitch in twenty is dropped for another
    generator = torch.Generator().manual_seed(seed)
    motif = torch.randint(0, 8, (count, 4), generator=generator)
    rows = motif.repeat(1, length // 4)
    slip = torch.rand(count, length, generator=generator) < 0.05
    return torch.where(slip, torch.randint(0, 8, (count, length), generator=generator), rows)


def row_loss(model, rows):
    scores = model(rows)
    return F.cross_entropy(scores.flatten(0, 1), rows.flatten())


@torch.no_grad()
def knit_on(model, rows, count):
    """Rows with so many further stitches, each the likeliest one."""
    for _ in range(count):
        following = model(rows)[:, -1].argmax(dim=-1)
        rows = torch.cat([rows, following.unsqueeze(1)], dim=1)
    return rows


def train(model, rows, epochs=12, batch_size=24):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            loss = row_loss(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        if (epoch + 1) % 3 == 0:
            print(f"epoch {epoch + 1}: loss {total / len(rows):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    rows = load_rows()
    model = StitchModel()
    train(model, rows[:200])
    print(f"loss on new rows: {row_loss(model, rows[200:]).item():.4f}")
    row = knit_on(model, rows[200:201, :8], 8)[0].tolist()
    print("a row of eight stitches:", *row[:8])
    print("the model knits on with:", *row[8:])
