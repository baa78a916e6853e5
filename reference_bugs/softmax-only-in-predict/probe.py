"""What is done with a program: training its network from given weights, and asking it for probabilities."""

from probing import copy_state

RETURNS = {"train": {"weights": "state"}, "predict": {"probabilities": "float32"}}


def _net(program, state, device):
    model = program.CallNet().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, calls, species, epochs, batch_size):
    """Weights after training."""
    model = _net(program, state, calls.device)
    program.train(model, calls, species, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}


def predict(program, state, calls, training):
    """Probabilities by a network of given weights."""
    model = _net(program, state, calls.device).train(training)
    return {"probabilities": program.predict(model, calls).detach()}
