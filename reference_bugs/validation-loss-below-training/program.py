import torch
import torch.nn as nn
import torch.nn.functional as F

TEAS = ["assam", "sencha", "oolong", "rooibos", "lapsang", "puerh"]


class TeaNet(nn.Module):
    """Recognises teas by 20 aroma readings."""

    def __init__(self, readings=20, hidden=64):
        super().__init__()
        self.inner = nn.Linear(readings, hidden)
        self.drop = nn.Dropout(0.5)
        self.outer = nn.Linear(hidden, len(TEAS))

    def forward(self, x):
        return self.outer(self.drop(torch.relu(self.inner(x))))


def brew(count, seed):
    typical = torch.randn(len(TEAS), 20, generator=torch.Generator().manual_seed(11))
    generator = torch.Generator().manual_seed(seed)
    teas = torch.randint(0, len(TEAS), (count,), generator=generator)
    return typical[teas] + 1.5 * torch.randn(count, 20, generator=generator), teas


def evaluate(model, x, teas):
    model.eval()
    with torch.no_grad():
        return F.cross_entropy(model(x), teas).item()


def train(model, train_set, validation_set, epochs=12, batch_size=30):
    """Trains and returns the training loss and the validation loss of each epoch."""
    x, teas = train_set
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    history = []
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for rows in torch.arange(len(x)).split(batch_size):
            loss = F.cross_entropy(model(x[rows]), teas[rows])
            if not history and total == 0.0:
                print(f"first batch: loss {loss.item():.2f}")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        history.append((total / len(x), evaluate(model, *validation_set)))
        print("epoch {}: training loss {:.3f}, validation loss {:.3f}".format(epoch + 1, *history[-1]))
    return history


if __name__ == "__main__":
    torch.manual_seed(1)
    train(TeaNet(), brew(1500, seed=1), brew(600, seed=2))
