import torch
import torch.nn as nn
import torch.nn.functional as F


class PollenClassifier(nn.Module):
    """Tells five kinds of pollen apart by eight measurements of a grain."""

    def __init__(self, measurements=8, hidden=24, kinds=5):
        super().__init__()
        self.fc1 = nn.Linear(measurements, hidden)
        self.fc2 = nn.Linear(hidden, kinds)

    def forward(self, grains):
        scores = self.fc2(torch.relu(self.fc1(grains)))
        return F.log_softmax(scores, dim=0)


def make_grains(count, seed):
    generator = torch.Generator().manual_seed(seed)
    typical = 1.5 * torch.randn(5, 8, generator=torch.Generator().manual_seed(7))
    kinds = torch.randint(0, 5, (count,), generator=generator)
    return typical[kinds] + torch.randn(count, 8, generator=generator), kinds


def train(model, grains, kinds, epochs=12, batch_size=50):
    criterion = nn.NLLLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(grains), batch_size):
            x, y = grains[start : start + batch_size], kinds[start : start + batch_size]
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        print(f"epoch {epoch + 1}: loss {total / len(grains):.4f}")


@torch.no_grad()
def probabilities(model, grains):
    """The probability of each kind, for each grain."""
    return model(grains).exp()


def main():
    torch.manual_seed(0)
    model = PollenClassifier()
    train(model, *make_grains(600, seed=1))
    grains, kinds = make_grains(200, seed=2)
    together = probabilities(model, grains).argmax(1)
    alone = torch.cat([probabilities(model, grain[None]).argmax(1) for grain in grains])
    print(f"a slide of {len(grains)} grains: {(together == kinds).float().mean().item():.1%} right")
    print(f"the same grains one by one: {(alone == kinds).float().mean().item():.1%} right")


if __name__ == "__main__":
    main()
