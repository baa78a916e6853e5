"""What is done with a program: its network is made, given weights, moved to the inputs' device, run and trained."""

import torch
from probing import copy_state

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
    """Logits of reviews, by a network moved to the device of the reviews."""
    model = _network(program, state).to(tokens.device)
    with torch.no_grad():
        return {"logits": model(tokens)}


def moves(program, state, tokens):
    """Logits on the device of the reviews, then on the CPU by the same network, then on the device again."""
    model = _network(program, state).to(tokens.device)
    with torch.no_grad():
        first = model(tokens)
        second = model.cpu()(tokens.cpu())
        third = model.to(tokens.device)(tokens)
    return {"first": first, "second": second, "third": third}


def train(program, state, tokens, targets, epochs, batch_size):
    """Weights after training, and logits of the reviews by the trained network."""
    model = _network(program, state).to(tokens.device)
    program.train(model, tokens, targets, epochs=epochs, batch_size=batch_size)
    with torch.no_grad():
        result = model(tokens)
    after = copy_state(model)
    return {"weights": {name: after[name] for name in state}, "logits": result}
