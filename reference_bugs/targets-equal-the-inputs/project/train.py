import torch

from config import SETTINGS
from data import load_rows
from generate import knit_on
from losses import row_loss
from model import StitchModel


def train(model, rows, epochs=SETTINGS.epochs, batch_size=SETTINGS.batch_size):
    optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS.rate)
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
