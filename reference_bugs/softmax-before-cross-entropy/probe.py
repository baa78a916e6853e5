"""What is done with a program: training its network from given weights, and classifying with it."""

from probing import copy_state

RETURNS = {"train": {"weights": "state"}, "predict": {"classes": "int64"}}


def _classifier(program, state, device):
    model = program.DigitClassifier().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, data, targets, epochs, batch_size):
    """Weights after training."""
    model = _classifier(program, state, data.device)
    program.train(model, data, targets, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}


def predict(program, state, data, training):
    """Classes of digits by a network of given weights."""
    return {"classes": program.predict(_classifier(program, state, data.device).train(training), data)}
