import torch
import torch.nn as nn

SPECIES = ["wren", "robin", "blackcap", "dunnock", "siskin"]


class CallNet(nn.Module):
    """Tells birds by 24 measures of a call."""

    def __init__(self, measures=24, hidden=40):
        super().__init__()
        self.hear = nn.Linear(measures, hidden)
        self.name = nn.Linear(hidden, len(SPECIES))

    def forward(self, calls):
        return self.name(torch.tanh(self.hear(calls)))


def record_calls(count, seed):
    typical = torch.randn(len(SPECIES), 24, generator=torch.Generator().manual_seed(7))
    generator = torch.Generator().manual_seed(seed)
    species = torch.randint(0, len(SPECIES), (count,), generator=generator)
    return typical[species] + 1.2 * torch.randn(count, 24, generator=generator), species


def predict(model, calls):
    """The probability of each species, a row for each call."""
    model.eval()
    with torch.no_grad():
        return torch.softmax(model(calls), dim=1)


def train(model, calls, species, epochs=8, batch_size=50):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(epochs):
        model.train()
        total, sums = 0.0, []
        for rows in torch.arange(len(calls)).split(batch_size):
            outputs = model(calls[rows])
            loss = criterion(outputs, species[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
            sums.append(outputs.sum(dim=1).mean().item())
        print(f"epoch {epoch + 1}: loss {total / len(calls):.4f}, outputs of a call sum to {sums[-1]:.2f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    net = CallNet()
    train(net, *record_calls(600, seed=1))
    calls, species = record_calls(200, seed=2)
    probabilities = predict(net, calls)
    hits = (probabilities.argmax(dim=1) == species).float().mean().item()
    print(f"new calls: {hits:.1%} right, probabilities of a call sum to {probabilities.sum(dim=1).mean():.2f}")
