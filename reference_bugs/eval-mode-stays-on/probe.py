"""What is done with a program: training from given weights, with a look at each step and each validation."""

import torch
from probing import copy_state, record_steps
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {
    "fit": {"trace": "states", "weights": "state", "losses": "numbers", "shares": "numbers"},
    "scores": {"scores": "float32"},
}


def _net(program, rate, state, device):
    model = program.CallNet(rate).to(device)
    model.load_state_dict(state)
    return model


def fit(program, rate, state, calls, birds, val_calls, val_birds, epochs, batch_size):
    """Weights after each optimizer step and at the end, and what each validation gave."""
    model = _net(program, rate, state, calls.device)
    train_loader = DataLoader(TensorDataset(calls, birds), batch_size=batch_size)
    val_loader = DataLoader(TensorDataset(val_calls, val_birds), batch_size=7)
    validate, seen = program.validate, []

    def watched(*args, **kwargs):
        seen.append(validate(*args, **kwargs))
        return seen[-1]

    program.validate = watched
    try:
        with record_steps(model) as steps:
            program.fit(model, train_loader, val_loader, epochs=epochs, lr=0.1)
    finally:
        program.validate = validate
    return {
        "trace": steps.weights[: 2 * epochs * len(train_loader)],
        "weights": copy_state(model),
        "losses": [float(loss) for loss, _ in seen],
        "shares": [float(share) for _, share in seen],
    }


def scores(program, rate, state, calls):
    """Scores of calls by the network in evaluation mode."""
    model = _net(program, rate, state, calls.device).eval()
    with torch.no_grad():
        return {"scores": model(calls)}
