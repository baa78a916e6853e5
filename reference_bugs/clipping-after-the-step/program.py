import torch
import torch.nn as nn
import torch.nn.functional as F


class WindNet(nn.Module):
    """Power that a wind farm feeds in, from eight weather readings."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(8, 24)
        self.fc2 = nn.Linear(24, 1)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x))).squeeze(1)


def make_readings(count=640, seed=3):
    generator = torch.Generator().manual_seed(seed)
    weather = torch.randn(count, 8, generator=generator)
    power = weather[:, 0].clamp(min=0) * 2 + 0.5 * weather[:, 1]
    storms = torch.randperm(count, generator=generator)[:3]
    weather[storms] *= 2
    power[storms] *= 30
    return weather, power


def train(model, weather, power, epochs=6, batch_size=32, max_norm=1.0):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    for epoch in range(1, epochs + 1):
        worst = total = 0.0
        for x, y in zip(weather.split(batch_size), power.split(batch_size), strict=True):
            before = nn.utils.parameters_to_vector(model.parameters()).detach()
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            moved = nn.utils.parameters_to_vector(model.parameters()).detach() - before
            worst = max(worst, moved.norm().item())
            total += loss.item() * len(y)
        print(f"epoch {epoch}: loss {total / len(power):.3f}, longest step {worst:.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(WindNet(), *make_readings())
