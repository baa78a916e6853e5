"""What is done with a program: preparing rows, training on prepared rows, and measuring the error."""

from probing import copy_state

RETURNS = {
    "prepare": {
        "train_features": "float32",
        "train_levels": "float32",
        "test_features": "float32",
        "test_levels": "float32",
    },
    "train": {"weights": "state"},
    "mean_error": {"error": "number"},
}


def _net(program, state, device):
    model = program.model.LevelNet().to(device)
    model.load_state_dict(state)
    return model


def prepare(program, features, levels, train_share):
    """What the program makes of days."""
    parts = program.preprocessing.prepare(features.clone(), levels.clone(), train_share)
    return dict(zip(RETURNS["prepare"], parts, strict=True))


def train(program, state, features, levels, steps):
    """Weights after training on prepared days."""
    model = _net(program, state, features.device)
    program.train.train(model, features, levels, steps=steps)
    return {"weights": copy_state(model)}


def mean_error(program, state, features, levels):
    """The error of given weights on prepared days."""
    return {
        "error": float(program.evaluate.mean_error(_net(program, state, features.device), features, levels))
    }
