"""What is done with a program: training its network from given weights, and asking it."""

from probing import copy_state

RETURNS = {"train": {"weights": "state"}, "outputs": {"outputs": "float32"}}


def _net(program, state, device):
    model = program.HiveNet().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, readings, honey, epochs, **sizes):
    """Weights after training with a batch size and a window, or with those that the program has by itself."""
    model = _net(program, state, readings.device)
    program.train(model, readings, honey, epochs=epochs, **sizes)
    return {"weights": copy_state(model)}


def outputs(program, state, readings):
    """What a network of given weights gives."""
    return {"outputs": _net(program, state, readings.device)(readings).detach()}
