import torch

from config import SETTINGS


def make_optimizer(model, lr=SETTINGS.rate, weight_decay=SETTINGS.weight_decay):
    """AdamW with decay on the weight matrices; layer norms and biases are left free."""
    no_decay = ("bias", "LayerNorm.weight")
    decayed, free = [], []
    for name, parameter in model.named_parameters():
        (free if any(part in name for part in no_decay) else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)
