import torch
import torch.nn as nn

QUEUES = ("billing", "delivery", "returns", "account", "outage", "praise")
WORDS = 90


class TicketRouter(nn.Module):
    """Sends a support ticket, given as word counts, to one of six queues."""

    def __init__(self, widths=(64, 56, 48, 40, 32, 24)):
        super().__init__()
        self.first = nn.Linear(WORDS, widths[0])
        self.funnel = [nn.Linear(a, b) for a, b in zip(widths, widths[1:])]
        self.last = nn.Linear(widths[-1], len(QUEUES))

    def forward(self, counts):
        x = torch.relu(self.first(counts))
        for layer in self.funnel:
            x = torch.relu(layer(x))
        return self.last(x)


def make_tickets(count, seed=0):
    # every queue has words that are typical of it, next to many that are not
    generator = torch.Generator().manual_seed(seed)
    typical = 0.25 + 1.5 * torch.rand(len(QUEUES), WORDS, generator=generator)
    queues = torch.randint(0, len(QUEUES), (count,), generator=generator)
    return torch.poisson(typical[queues], generator=generator), queues


def train(model, counts, queues, epochs=20, batch_size=50):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(counts), batch_size):
            x, y = counts[start : start + batch_size], queues[start : start + batch_size]
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        print(f"epoch {epoch + 1:2d}/{epochs}  loss {total / len(counts):.4f}")


def route(model, counts):
    """The queue of each ticket, as a number."""
    with torch.no_grad():
        return model(counts).argmax(1)


if __name__ == "__main__":
    torch.manual_seed(5)
    counts, queues = make_tickets(1000)
    router = TicketRouter()
    train(router, counts, queues)
    share = (route(router, counts) == queues).float().mean().item()
    print(f"{share:.0%} of the tickets go to their queue")
