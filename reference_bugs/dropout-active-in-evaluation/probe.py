"""What is done with a program: its main() is run on other data, from other weights."""

import torch
from probing import copy_state, record_steps
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {
    "run": {"trace": "states", "weights": "state", "accuracies": "numbers", "after": "numbers"},
    "logits": {"logits": "float32"},
}


def run(program, state, features, targets, val_features, val_targets):
    """Weights after each optimizer step of main() and at the end, one example per batch, not shuffled.

    And what each evaluation of the validation data said, after which number of steps.
    """
    kept = program.make_loaders, program.train, program.evaluate
    train_loader = DataLoader(TensorDataset(features, targets), batch_size=1)
    val_loader = DataLoader(TensorDataset(val_features, val_targets), batch_size=32)
    models, accuracies, after = [], [], []

    def train(model, *args, **kwargs):
        model.to(features.device).load_state_dict(state)
        models.append(model)
        return kept[1](model, *args, **kwargs)

    def evaluate(model, loader, *args, **kwargs):
        accuracy = kept[2](model, loader, *args, **kwargs)
        if loader is val_loader:
            accuracies.append(float(accuracy))
            after.append(steps.count)
        return accuracy

    program.make_loaders = lambda *args, **kwargs: (train_loader, val_loader)
    program.train, program.evaluate = train, evaluate
    try:
        # Of whatever model: train() gets to know it only later.
        with record_steps(lambda: models[-1]) as steps:
            program.main()
    finally:
        program.make_loaders, program.train, program.evaluate = kept
    if not models:
        raise LookupError("main() does not call train")
    return {
        "trace": steps.weights[: 40 * len(features)],
        "weights": copy_state(models[-1]),
        "accuracies": accuracies,
        "after": after,
    }


def logits(program, state, features):
    """Logits of a batch by the network in evaluation mode."""
    model = program.Net().to(features.device)
    model.load_state_dict(state)
    model.eval()
    with torch.no_grad():
        return {"logits": model(features)}
