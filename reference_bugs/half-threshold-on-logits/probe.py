"""What is done with a program: warnings and reports by given weights, and training from given weights."""

from probing import copy_state

RETURNS = {
    "warn": {"warned": "bool", "again": "bool", "weights": "state"},
    "report": {"count": "number", "precision": "number", "recall": "number"},
    "train": {"weights": "state"},
}


def _net(program, state, device):
    model = program.HailNet().to(device)
    model.load_state_dict(state)
    return model


def warn(program, state, radar):
    """Which storms are warned of, asked twice, and the weights after that."""
    model = _net(program, state, radar.device)
    warned, again = (program.warn(model, radar) != 0 for _ in range(2))
    return {"warned": warned, "again": again, "weights": copy_state(model)}


def report(program, state, radar, hail):
    """What the program says about its warnings."""
    numbers = program.report(_net(program, state, radar.device), radar, hail)
    return dict(zip(RETURNS["report"], map(float, numbers), strict=True))


def train(program, state, radar, hail, epochs):
    """Weights after training."""
    model = _net(program, state, radar.device)
    program.train(model, radar, hail, epochs=epochs)
    return {"weights": copy_state(model)}
