import torch
import torch.nn as nn
import torch.nn.functional as F


class YieldNet(nn.Module):
    """Kilograms that a hive gives, from six numbers of its summer."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 20)
        self.out = nn.Linear(20, 1)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x))).squeeze(1)


class FlatGradients:
    """The gradients of a network as one vector, so that its norm is one call."""

    def __init__(self, model):
        params = list(model.parameters())
        self.vector = torch.zeros(sum(p.numel() for p in params))
        for p, part in zip(params, self.vector.split([p.numel() for p in params])):
            p.grad = part.view_as(p)

    def clip(self, max_norm):
        norm = self.vector.norm()
        if norm > max_norm:
            self.vector.mul_(max_norm / norm)


def make_hives(count=480, seed=5):
    generator = torch.Generator().manual_seed(seed)
    summers = torch.randn(count, 6, generator=generator)
    honey = 3 * torch.tanh(summers[:, 0]) - summers[:, 1] * summers[:, 2]
    honey[torch.randperm(count, generator=generator)[:4]] += 40
    return summers, honey


def train(model, summers, honey, epochs=6, batch_size=24, max_norm=1.0, lr=0.05):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    gradients = FlatGradients(model)
    for epoch in range(1, epochs + 1):
        longest = total = 0.0
        for x, y in zip(summers.split(batch_size), honey.split(batch_size)):
            before = nn.utils.parameters_to_vector(model.parameters()).detach()
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            gradients.clip(max_norm)
            optimizer.step()
            after = nn.utils.parameters_to_vector(model.parameters()).detach()
            longest = max(longest, (after - before).norm().item())
            total += loss.item() * len(y)
        print(f"epoch {epoch}: loss {total / len(honey):.3f}, longest step {longest:.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(YieldNet(), *make_hives())
