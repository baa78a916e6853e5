"""What is done with a program: training from given weights."""

from probing import copy_state

RETURNS = {"train": {"weights": "state"}}


def train(program, state, summers, honey, epochs, batch_size, max_norm, lr):
    """Weights after training."""
    model = program.YieldNet().to(summers.device)
    model.load_state_dict(state)
    program.train(model, summers, honey, epochs=epochs, batch_size=batch_size, max_norm=max_norm, lr=lr)
    return {"weights": copy_state(model)}
