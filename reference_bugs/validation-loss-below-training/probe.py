"""What is done with a program: training from given weights with a copy of them after each step, and evaluating."""

from probing import record_steps

RETURNS = {
    "train": {"weights": "states", "training": "numbers", "validation": "numbers"},
    "evaluate": {"loss": "number"},
}


def _net(program, state, device):
    model = program.TeaNet().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, x, teas, others, their_teas, epochs, batch_size):
    """Weights after each step, and the losses of training and validation."""
    model = _net(program, state, x.device)
    with record_steps(model) as steps:
        history = program.train(model, (x, teas), (others, their_teas), epochs=epochs, batch_size=batch_size)
    training, validation = ([float(pair[place]) for pair in history] for place in (0, 1))
    return {"weights": steps.weights, "training": training, "validation": validation}


def evaluate(program, state, x, teas, training):
    """The loss of a network of given weights."""
    model = _net(program, state, x.device).train(training)
    return {"loss": float(program.evaluate(model, x, teas))}
