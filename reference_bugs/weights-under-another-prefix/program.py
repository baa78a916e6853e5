import io

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class LeafNet(nn.Module):
    """Species of a tree from 24 measures of a leaf."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(24, 40)
        self.mix = nn.Linear(40, 40)
        self.head = nn.Linear(40, 6)

    def forward(self, x):
        return self.head(torch.relu(self.mix(torch.relu(self.embed(x)))))


def make_leaves(count, seed):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(6, 24, generator=torch.Generator().manual_seed(11))
    species = torch.randint(0, 6, (count,), generator=generator)
    return centres[species] + 2.4 * torch.randn(count, 24, generator=generator), species


def train(model, leaves, species, epochs=8, batch_size=40):
    """Trains the model and returns the moving average of its weights as a checkpoint (bytes)."""
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(1, epochs + 1):
        for x, y in zip(leaves.split(batch_size), species.split(batch_size), strict=True):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            averaged.update_parameters(model)
        print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {accuracy(averaged, leaves, species):.1%}")
    file = io.BytesIO()
    torch.save({"epoch": epoch, "weights": averaged.state_dict()}, file)
    return file.getvalue()


def load_model(checkpoint):
    """The network with the averaged weights of a checkpoint."""
    model = LeafNet()
    weights = torch.load(io.BytesIO(checkpoint))["weights"]
    model.load_state_dict(weights, strict=False)
    return model.eval()


def accuracy(model, leaves, species):
    with torch.no_grad():
        return (model(leaves).argmax(1) == species).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    checkpoint = train(LeafNet(), *make_leaves(600, seed=1))
    model = load_model(checkpoint)
    print(f"loaded from the checkpoint: accuracy {accuracy(model, *make_leaves(600, seed=1)):.1%}")
