"""What is done with a program: weights and outputs by given layers, their gradients, and training from given layers."""

import torch.nn.functional as F
from probing import copy_state, gradients

RETURNS = {
    "weigh": {"weights": "float32"},
    "read": {"outputs": "float32", "gradients": "state"},
    "train": {"weights": "state"},
}


def _model(program, state, device):
    model = program.PickTheNote().to(device)
    model.load_state_dict(state)
    return model


def weigh(program, state, question, notes, training):
    """How much of each note is read."""
    return {"weights": _model(program, state, notes.device).train(training).weigh(question, notes).detach()}


def read(program, state, question, notes, answers, wanted):
    """What is read, and the gradients of its mean squared error."""
    model = _model(program, state, notes.device)
    outputs = model(question, notes, answers)
    F.mse_loss(outputs, wanted).backward()
    return {"outputs": outputs.detach(), "gradients": gradients(model)}


def train(program, state, question, notes, answers, wanted, epochs, batch_size):
    """Layers after training on questions in their order."""
    model = _model(program, state, notes.device)
    program.train(model, question, notes, answers, wanted, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}
