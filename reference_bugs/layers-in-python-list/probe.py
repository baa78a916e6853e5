"""What is done with a program: training its network from given weights, and copying it by its state.

A fix may name its layers as it likes; each has a shape of its own, by which its weights are handed in and out.
"""

import torch

RETURNS = {
    "train": {"weights": "state"},
    "routes": {"queues": "int64"},
    "copied": {"scores": "float64"},
    "scores": {"scores": "float32"},
}


def _shape(tensor):
    return "x".join(map(str, tensor.shape))


def _net(program, state, device):
    model = program.TicketRouter().to(device)
    with torch.no_grad():
        for parameter in model.parameters():
            if _shape(parameter) in state:
                parameter.copy_(state[_shape(parameter)])
    return model


def train(program, state, counts, queues, epochs, batch_size):
    """Weights after training, by their shapes."""
    model = _net(program, state, counts.device)
    program.train(model, counts, queues, epochs=epochs, batch_size=batch_size)
    return {"weights": {_shape(p): p.detach().clone() for p in model.parameters()}}


def routes(program, state, counts, queues, epochs, batch_size, fresh):
    """Queues of fresh tickets by a trained network."""
    model = _net(program, state, counts.device)
    program.train(model, counts, queues, epochs=epochs, batch_size=batch_size)
    return {"queues": program.route(model, fresh)}


def copied(program, state, counts):
    """Scores in float64 by a new network that was given the state of the first."""
    model = _net(program, state, counts.device)
    torch.manual_seed(0)
    other = program.TicketRouter().to(counts.device)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        return {"scores": other.double()(counts.double())}


def scores(program, state, counts):
    """Scores of tickets."""
    with torch.no_grad():
        return {"scores": _net(program, state, counts.device)(counts)}
