"""What is done with a program: fitting its grader from given weights, and grading with it."""

import torch

RETURNS = {"fit": {"layers": "state"}, "predict": {"layers": "state", "predicted": "int64"}}

NAMES = ("0", "2")


def _grader(program, state, device):
    grader = program.grader.RoastGrader()
    grader.net.to(device)
    # By their order: a fix may put a layer of its own before them.
    for name, layer in zip(NAMES, _linear(grader), strict=True):
        layer.load_state_dict({part: state[f"{name}.{part}"] for part in ("weight", "bias")})
    return grader


def _linear(grader):
    return [module for module in grader.net.modules() if isinstance(module, torch.nn.Linear)]


def _layers(grader):
    pairs = zip(NAMES, _linear(grader), strict=True)
    return {
        f"{name}.{part}": getattr(layer, part).detach().clone()
        for name, layer in pairs
        for part in ("weight", "bias")
    }


def fit(program, state, roasts, grades, epochs):
    """The linear layers after fitting."""
    grader = _grader(program, state, roasts.device)
    grader.fit(roasts.clone(), grades, epochs=epochs)
    return {"layers": _layers(grader)}


def predict(program, state, roasts, grades, epochs, new, size):
    """The linear layers after fitting, and the grades of new roasts, asked for so many at a time."""
    grader = _grader(program, state, roasts.device)
    grader.fit(roasts.clone(), grades, epochs=epochs)
    predicted = torch.cat([grader.predict(part.clone()) for part in new.split(size)])
    return {"layers": _layers(grader), "predicted": predicted}
