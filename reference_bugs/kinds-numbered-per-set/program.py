import torch
import torch.nn as nn
import torch.nn.functional as F


def number(names):
    """Number of each tea's kind, counted from 0, and the kinds in this order."""
    kinds = list(dict.fromkeys(names))
    return torch.tensor([kinds.index(name) for name in names]), kinds


class TeaTaster(nn.Module):
    """Kind of a tea from 14 measures of its leaves."""

    def __init__(self, measures=14, kinds=5):
        super().__init__()
        self.body = nn.Linear(measures, 32)
        self.head = nn.Linear(32, kinds)

    def forward(self, x):
        return self.head(torch.relu(self.body(x)))


def train(net, teas, names, epochs=60, lr=0.5):
    labels, _ = number(names)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    for epoch in range(1, epochs + 1):
        scores = net(teas)
        loss = F.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 20 == 0:
            right = (scores.argmax(dim=1) == labels).float().mean().item()
            print(f"epoch {epoch}: loss {loss.item():.3f}, training accuracy {right:.1%}")


def taste(net, teas, names):
    """Share of the teas whose kind is told right."""
    labels, _ = number(names)
    with torch.no_grad():
        return (net(teas).argmax(dim=1) == labels).float().mean().item()


def pick(count, seed):
    """Measures of teas and the names of their kinds."""
    generator = torch.Generator().manual_seed(seed)
    middles = 2 * torch.randn(5, 14, generator=torch.Generator().manual_seed(42))
    kinds = torch.randint(5, (count,), generator=generator)
    names = ["assam", "oolong", "sencha", "keemun", "darjeeling"]
    return middles[kinds] + torch.randn(count, 14, generator=generator), [names[kind] for kind in kinds]


if __name__ == "__main__":
    torch.manual_seed(0)
    net = TeaTaster()
    train(net, *pick(400, seed=1))
    print(f"test accuracy {taste(net, *pick(200, seed=2)):.1%}")
