"""What is done with a program: its own step on days of given routes, from given weights."""

import torch
from probing import copy_state

RETURNS = {"days": {"states": "states", "losses": "numbers"}, "delays": {"delays": "float32"}}


def _network(program, state, device):
    model = program.DelayModel().to(device)
    model.load_state_dict(state)
    return model


def days(program, state, rate, momentum, features, delays):
    """Weights and returned loss after each day, with SGD; features and delays hold a list of routes for each day."""
    model = _network(program, state, features[0][0].device)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum)
    states, losses = [], []
    for day, answers in zip(features, delays, strict=True):
        losses.append(float(program.train_day(model, optimizer, list(zip(day, answers, strict=True)))))
        states.append(copy_state(model))
    return {"states": states, "losses": losses}


def delays(program, state, stops):
    """Predicted delays."""
    with torch.no_grad():
        return {"delays": _network(program, state, stops.device)(stops)}
