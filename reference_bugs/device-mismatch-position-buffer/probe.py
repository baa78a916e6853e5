"""What is done with a program: its network is made, given weights, moved to another device, run and trained there."""

import torch
from probing import copy_state, other_device

RETURNS = {
    "logits": {"logits": "float32"},
    "moves": {"first": "float32", "second": "float32", "third": "float32"},
    "train": {"weights": "state", "logits": "float32"},
}


def _network(program, state):
    model = program.ReviewClassifier()
    # A table of positions that is a buffer has a name of its own, and keeps what it holds.
    missing = set(state) - set(model.state_dict())
    if missing:
        raise RuntimeError(f"the network has no {', '.join(sorted(missing))}")
    model.load_state_dict(state, strict=False)
    return model


def logits(program, state, tokens):
    """Logits of reviews on another device, by a network moved there."""
    with torch.no_grad(), other_device(tokens) as device:
        return {"logits": _network(program, state).to(device)(tokens.to(device)).cpu()}


def moves(program, state, tokens):
    """Logits on another device, then on the CPU by the same network, then on the other device again."""
    with torch.no_grad(), other_device(tokens) as device:
        tokens = tokens.to(device)
        model = _network(program, state).to(device)
        first = model(tokens).cpu()
        second = model.cpu()(tokens.cpu())
        third = model.to(device)(tokens).cpu()
    return {"first": first, "second": second, "third": third}


def train(program, state, tokens, targets, epochs, batch_size):
    """Weights after training on another device, and logits of the reviews by the trained network."""
    with other_device(tokens) as device:
        tokens, targets = tokens.to(device), targets.to(device)
        model = _network(program, state).to(device)
        program.train(model, tokens, targets, epochs=epochs, batch_size=batch_size)
        with torch.no_grad():
            result = model(tokens).cpu()
        after = copy_state(model.cpu())
    return {"weights": {name: after[name] for name in state}, "logits": result}
