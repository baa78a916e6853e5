"""What is done with a program: passes through its model from given weights, and its own training step."""

import inspect

import torch
import torch.nn.functional as F
from probing import copy_state, gradients

RETURNS = {
    "passes": {"outputs": "float32", "gradients": "states"},
    "steps": {"states": "states", "losses": "numbers"},
}


def _model(program, state, rate, device):
    model = _with_rate(program, rate).to(device)
    model.load_state_dict(state)
    return model


def _with_rate(program, rate):
    # No rate: the program's own default.
    if rate is None or "dropout_rate" in inspect.signature(program.CustomModel).parameters:
        return program.CustomModel() if rate is None else program.CustomModel(dropout_rate=rate)
    # A fix may put a built-in dropout with a fixed rate in place of the parameter.
    model = program.CustomModel()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = rate
    return model


def passes(program, state, rate, training, data, target, count):
    """Outputs of passes over one batch, and after each the gradients of the mean squared error."""
    model = _model(program, state, rate, data.device).train(training)
    outputs, grads = [], []
    for _ in range(count):
        model.zero_grad()
        output = model(data)
        outputs.append(output.detach().clone())
        F.mse_loss(output, target).backward()
        grads.append(gradients(model))
    return {"outputs": torch.stack(outputs), "gradients": grads}


def steps(program, state, rate, lr, data, targets):
    """Weights and returned loss after each training step on batches in turn, with plain SGD."""
    model = _model(program, state, rate, data[0].device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    states, losses = [], []
    for batch, target in zip(data, targets, strict=True):
        losses.append(float(program.train_step(model, optimizer, batch, target)))
        states.append(copy_state(model))
    return {"states": states, "losses": losses}
