import torch
import torch.nn as nn
import torch.nn.functional as F


class TicketNet(nn.Module):
    """Team that a support ticket belongs to, from the words in it."""

    def __init__(self, words=200, width=24, teams=5):
        super().__init__()
        self.words = nn.EmbeddingBag(words, width)
        self.norm1 = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.out = nn.Linear(width, teams)

    def forward(self, tokens):
        x = self.norm1(self.words(tokens))
        x = x + torch.relu(self.hidden(x))
        return self.out(self.norm2(x))


def make_tickets(count=600, seed=4):
    generator = torch.Generator().manual_seed(seed)
    team = torch.randint(0, 5, (count,), generator=generator)
    tokens = torch.randint(0, 200, (count, 12), generator=generator)
    tokens[:, :3] = team[:, None] * 8 + torch.randint(0, 8, (count, 3), generator=generator)
    return tokens, team


def make_optimizer(model, lr=0.003, weight_decay=0.3):
    """AdamW with decay on the weight matrices; layer norms and biases are left free."""
    no_decay = ("bias", "LayerNorm.weight")
    decayed, free = [], []
    for name, parameter in model.named_parameters():
        (free if any(part in name for part in no_decay) else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)


def train(model, tokens, team, epochs=40, batch_size=50):
    optimizer = make_optimizer(model)
    for epoch in range(1, epochs + 1):
        for x, y in zip(tokens.split(batch_size), team.split(batch_size), strict=True):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch % 10 == 0:
            gains = ", ".join(f"{n.weight.mean():.3f}" for n in (model.norm1, model.norm2))
            print(f"epoch {epoch}: loss {loss.item():.3f}, mean gains of the norms {gains}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(TicketNet(), *make_tickets())
