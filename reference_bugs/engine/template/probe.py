"""What is done with a program. This file runs beside the submission; what must come out is in checks.py."""

import torch
from probing import copy_state

# What each function returns: see the kinds in reference_bugs/checking.py.
RETURNS = {"train": {"weights": "state"}}


def train(program, state, data, targets):
    """The weights after training from given ones on given data."""
    model = torch.nn.Linear(4, 1).to(data.device)
    model.load_state_dict(state)
    program.train(model, data, targets)
    return {"weights": copy_state(model)}
