"""What is done with a program: training its regression on given data, then predicting for fresh rows."""

from collections import deque

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

RETURNS = {"train": {"final": "tensor", "last": "tensor"}}


def train(program, features, targets, fresh, epochs):
    """Predictions for fresh rows after training, and those at the ends of its last epochs."""
    model = program.Regressor().to(features.device)
    train_loader, val_loader = program.make_loaders(features, targets)
    seen = torch.cat([x for x, _ in val_loader])
    raw = features[len(features) - len(seen) :]
    if not torch.equal(seen, raw):
        # The loaders scale their features, so fresh ones are scaled likewise.
        scale = seen.std(0) / raw.std(0)
        fresh = seen.mean(0) + scale * (fresh - raw.mean(0))

    def predictions():
        training = model.training
        with torch.no_grad():
            outputs = model.eval()(fresh).detach().clone()
        model.train(training)
        return outputs

    steps, last = 0, deque(maxlen=epochs)

    def after(*_):
        nonlocal steps
        steps += 1
        if steps % len(train_loader) == 0:
            last.append(predictions())

    handle = register_optimizer_step_post_hook(after)
    try:
        program.train(model, train_loader, val_loader)
    finally:
        handle.remove()
    return {"final": predictions(), "last": torch.stack([*last])}
