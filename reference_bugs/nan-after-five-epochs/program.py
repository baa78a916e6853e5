import torch
import torch.nn as nn


class SequenceClassifier(nn.Module):
    """A recurrent network over 60 time steps; the last state is classified."""

    def __init__(self, inputs=8, hidden=64, classes=4):
        super().__init__()
        self.rnn = nn.RNN(inputs, hidden, nonlinearity="relu", batch_first=True)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.fc(states[:, -1])


def make_data(seed=0, count=544, steps=60):
    # every class drifts into a direction of its own
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, 4, (count,), generator=generator)
    directions = torch.randn(4, 8, generator=generator)
    noise = torch.randn(count, steps, 8, generator=generator)
    return noise + 0.3 * directions[targets].unsqueeze(1), targets


def train(model, data, targets, epochs=10, lr=0.1, batch_size=32):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(data), batch_size):
            x, y = data[start : start + batch_size], targets[start : start + batch_size]
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        print(f"Epoch {epoch + 1}: avg loss = {total / len(data):.4f}")


if __name__ == "__main__":
    torch.manual_seed(27)
    model = SequenceClassifier()
    train(model, *make_data())
