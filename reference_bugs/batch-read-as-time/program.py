import torch
import torch.nn as nn
import torch.nn.functional as F


class CycleClassifier(nn.Module):
    """Tells a washing machine's programme from its power draw, given as (wash, minute, 1)."""

    def __init__(self, hidden=16, programmes=3):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden)
        self.head = nn.Linear(hidden, programmes)

    def forward(self, power):
        states, _ = self.lstm(power)
        return self.head(states[:, -1])


def load_washes(count=360, minutes=20, seed=8):
    # the programmes heat at the start, in the middle, or twice; they all end in a spin, one harder than the others
    generator = torch.Generator().manual_seed(seed)
    programme = torch.randint(0, 3, (count,), generator=generator)
    power = 0.2 + 0.15 * torch.randn(count, minutes, generator=generator)
    shift = torch.randint(0, 3, (count,), generator=generator)
    for i, kind in enumerate(programme.tolist()):
        for start in ((2,), (9,), (2, 9))[kind]:
            power[i, start + shift[i] : start + shift[i] + 4] += 1.5
        power[i, -2:] += 0.5 + 0.15 * kind
    return power.unsqueeze(2), programme


@torch.no_grad()
def predict(model, power):
    """The programme of each wash."""
    return model(power).argmax(dim=1)


def train(model, power, programme, epochs=15, batch_size=30):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(power), batch_size):
            x, y = power[start : start + batch_size], programme[start : start + batch_size]
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        if (epoch + 1) % 5 == 0:
            print(f"epoch {epoch + 1}: loss {total / len(power):.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    power, programme = load_washes()
    model = CycleClassifier()
    train(model, power[:300], programme[:300])
    test, truth = power[300:], programme[300:]
    print(f"test accuracy: {(predict(model, test) == truth).float().mean():.0%}")
    turned = predict(model, test.flip(0)).flip(0)
    changed = (turned != predict(model, test)).sum()
    print(f"washes of another programme when the list is turned round: {changed} of 60")
