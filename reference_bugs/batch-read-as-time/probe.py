"""What is done with a program: scores and programmes by given weights, and training from given weights."""

from probing import as_given, copy_state, named_as

RETURNS = {
    "scores": {"scores": "float32"},
    "predict": {"programmes": "int64"},
    "train": {"weights": "state"},
}


def _model(program, state, device):
    model = program.CycleClassifier().to(device)
    model.load_state_dict(named_as(model, state))
    return model


def scores(program, state, power, training):
    """The scores of washes."""
    return {"scores": _model(program, state, power.device).train(training)(power).detach()}


def predict(program, state, power):
    """The programmes of washes."""
    return {"programmes": program.predict(_model(program, state, power.device), power)}


def train(program, state, power, programme, epochs, batch_size):
    """Weights after training on washes in their order."""
    model = _model(program, state, power.device)
    program.train(model, power, programme, epochs=epochs, batch_size=batch_size)
    return {"weights": as_given(model, state, copy_state(model))}
