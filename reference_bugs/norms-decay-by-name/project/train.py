import torch
import torch.nn.functional as F

from config import SETTINGS
from data import make_tickets
from model import TicketNet
from optimizers import make_optimizer


def train(model, tokens, team, epochs=SETTINGS.epochs, batch_size=SETTINGS.batch_size):
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
