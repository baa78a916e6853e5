"""What is done with a program: fitting its grader from given weights, and grading with it."""

import torch

RETURNS = {
    "fit": {"layers": "state", "given": "float32"},
    "predict": {"layers": "state", "given": "float32", "predicted": "int64"},
}

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


def _fitted(program, state, roasts, grades, epochs):
    """A grader after fitting, and what its first linear layer was given first: the roasts on the scale of training."""
    grader, given = _grader(program, state, roasts.device), []
    handle = _linear(grader)[0].register_forward_pre_hook(
        lambda _, inputs: given.append(inputs[0].detach().clone())
    )
    try:
        grader.fit(roasts.clone(), grades, epochs=epochs)
    finally:
        handle.remove()
    return grader, given[0] if given else torch.zeros(1)


def fit(program, state, roasts, grades, epochs):
    """The linear layers after fitting, and what the first was given."""
    grader, given = _fitted(program, state, roasts, grades, epochs)
    return {"layers": _layers(grader), "given": given}


def predict(program, state, roasts, grades, epochs, new, size):
    """The same, and the grades of new roasts, asked for so many at a time."""
    grader, given = _fitted(program, state, roasts, grades, epochs)
    predicted = torch.cat([grader.predict(part.clone()) for part in new.split(size)])
    return {"layers": _layers(grader), "given": given, "predicted": predicted}
