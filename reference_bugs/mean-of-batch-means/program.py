import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

QUEUES = ["billing", "shipping", "returns", "other"]


class TicketRouter(nn.Module):
    """Sends a support ticket, given as 40 word scores, to one of four queues."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(40, 24)
        self.fc2 = nn.Linear(24, len(QUEUES))

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


def load_tickets(seed=7):
    generator = torch.Generator().manual_seed(seed)
    topics = 0.35 * torch.randn(len(QUEUES), 40, generator=generator)
    queues = torch.randint(0, len(QUEUES), (580,), generator=generator)
    words = topics[queues] + torch.randn(580, 40, generator=generator)
    return TensorDataset(words[:450], queues[:450]), TensorDataset(words[450:], queues[450:])


def evaluate(model, loader):
    """Mean loss and accuracy over the tickets of a loader."""
    model.eval()
    losses, accuracies = [], []
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            losses.append(F.cross_entropy(logits, y).item())
            accuracies.append((logits.argmax(1) == y).float().mean().item())
    model.train()
    return sum(losses) / len(losses), sum(accuracies) / len(accuracies)


def train(model, loader, epochs=8):
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        loss, accuracy = evaluate(model, loader)
        print(f"epoch {epoch + 1}: train loss {loss:.4f}, accuracy {accuracy:.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train_set, test_set = load_tickets()
    model = TicketRouter()
    train(model, DataLoader(train_set, batch_size=50, shuffle=True))
    loss, accuracy = evaluate(model, DataLoader(test_set, batch_size=64))
    print(f"test on {len(test_set)} tickets: loss {loss:.4f}, accuracy {accuracy:.4f}")
