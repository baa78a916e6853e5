"""What is done with a program: training its network from given weights, and tagging with it."""

from probing import copy_state

RETURNS = {"train": {"weights": "state"}, "tag": {"heard": "bool"}}


def _network(program, state, device):
    model = program.FrogTagger().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, recordings, heard, epochs, batch_size):
    """Weights after training."""
    model = _network(program, state, recordings.device)
    program.train(model, recordings, heard, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}


def tag(program, state, recordings):
    """Tags by a network of given weights; they may be 0 and 1 instead of false and true."""
    return {"heard": program.tag(_network(program, state, recordings.device), recordings) != 0}
