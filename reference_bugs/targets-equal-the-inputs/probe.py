"""What is done with a program: losses, scores and further stitches by given weights, and training from given weights."""

from probing import copy_state, gradients

RETURNS = {
    "loss": {"loss": "number", "gradients": "state"},
    "scores": {"scores": "float32"},
    "knit": {"rows": "int64"},
    "train": {"weights": "state"},
}


def _model(program, state, device):
    model = program.model.StitchModel().to(device)
    model.load_state_dict(state)
    return model


def loss(program, state, rows):
    """The loss of rows and its gradients."""
    model = _model(program, state, rows.device)
    value = program.losses.row_loss(model, rows)
    value.backward()
    return {"loss": value.item(), "gradients": gradients(model)}


def scores(program, state, rows):
    """The scores at each place."""
    return {"scores": _model(program, state, rows.device)(rows).detach()}


def knit(program, state, rows, count):
    """Rows with further stitches."""
    return {"rows": program.generate.knit_on(_model(program, state, rows.device), rows, count)}


def train(program, state, rows, epochs, batch_size):
    """Weights after training on rows in their order."""
    model = _model(program, state, rows.device)
    program.train.train(model, rows, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}
