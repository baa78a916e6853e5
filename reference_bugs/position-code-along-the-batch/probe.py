"""What is done with a program: scores and answers by given weights, what its encoder is given, and training."""

from probing import copy_state

RETURNS = {
    "scores": {"scores": "float32", "encoded": "float32"},
    "answers": {"first": "int64"},
    "train": {"weights": "state"},
}


def _model(program, state, device):
    model = program.BellOrder().to(device)
    # A fix may keep a table of the code.
    model.load_state_dict({**model.state_dict(), **state})
    return model


def scores(program, state, bells, training):
    """The scores of evenings, and what the encoder is given of each, (evening, minute, width)."""
    model = _model(program, state, bells.device).train(training)
    given = []
    model.encode.register_forward_pre_hook(
        lambda layer, args, kwargs: given.extend([*args, *kwargs.values()]), with_kwargs=True
    )
    scores = model(bells).detach()
    encoded = given[0].detach()
    if not model.encode.self_attn.batch_first:
        encoded = encoded.transpose(0, 1)
    return {"scores": scores, "encoded": encoded.clone()}


def answers(program, state, bells):
    """The bell that rang first on each evening."""
    return {"first": program.first_bell(_model(program, state, bells.device), bells)}


def train(program, state, bells, first, epochs, batch_size):
    """Weights after training on evenings in their order."""
    model = _model(program, state, bells.device)
    program.train(model, bells, first, epochs=epochs, batch_size=batch_size)
    weights = copy_state(model)
    return {"weights": {name: weights[name] for name in state if name in weights}}
