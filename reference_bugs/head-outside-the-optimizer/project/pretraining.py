import torch
import torch.nn as nn

from config import SETTINGS


def pretrain(model, strips, steps=SETTINGS.pretraining_steps):
    """Teaches the body to reconstruct strips, without any labels."""
    optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS.pretraining_rate)
    for _ in range(steps):
        loss = nn.functional.mse_loss(model(strips), strips)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
