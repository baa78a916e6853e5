import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from checkpoint import load_model, save_model
from config import SETTINGS
from data import make_leaves
from evaluate import accuracy
from model import LeafNet


def train(model, leaves, species, epochs=SETTINGS.epochs, batch_size=SETTINGS.batch_size):
    """Trains the model and returns the moving average of its weights as a checkpoint (bytes)."""
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(SETTINGS.decay))
    optimizer = torch.optim.SGD(model.parameters(), lr=SETTINGS.rate, momentum=SETTINGS.momentum)
    for epoch in range(1, epochs + 1):
        for x, y in zip(leaves.split(batch_size), species.split(batch_size), strict=True):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            averaged.update_parameters(model)
        print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {accuracy(averaged, leaves, species):.1%}")
    return save_model(averaged, epoch)


if __name__ == "__main__":
    torch.manual_seed(0)
    checkpoint = train(LeafNet(), *make_leaves(600, seed=1))
    model = load_model(checkpoint)
    print(f"loaded from the checkpoint: accuracy {accuracy(model, *make_leaves(600, seed=1)):.1%}")
