import torch
import torch.nn as nn
import torch.nn.functional as F


class RiderForecast(nn.Module):
    """Forecasts the next hour's riders at each bike counter and carries its memory on from day to day."""

    def __init__(self, hidden=12):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, hours, memory=None):
        states, memory = self.rnn(hours, memory)
        return self.head(states), memory


def load_counts(counters=6, days=14, seed=2):
    # commuters twice a day, more of them at some counters, and a mood that lasts a few days
    generator = torch.Generator().manual_seed(seed)
    hour = torch.arange(24 * days + 1)
    rush = torch.exp(-((hour % 24 - 8) ** 2) / 4.0) + torch.exp(-((hour % 24 - 17) ** 2) / 6.0)
    mood = torch.randn(counters, days + 1, generator=generator).cumsum(1).repeat_interleave(24, 1)
    size = 1 + torch.rand(counters, 1, generator=generator)
    return (size * rush + 0.1 * mood[:, : len(hour)]).unsqueeze(2)


def train(model, counts, window=24, epochs=5):
    """One step per window of hours, in order of time; gradients reach back to the start of their window."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    hours = counts.shape[1] - 1
    for epoch in range(epochs):
        memory, losses = None, []
        for start in range(0, hours, window):
            end = min(start + window, hours)
            forecast, memory = model(counts[:, start:end], memory)
            loss = F.mse_loss(forecast, counts[:, start + 1 : end + 1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(RiderForecast(), load_counts())
