"""What is done with a program: a peal is rung on, with the values counted that torch reads and writes meanwhile."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

RETURNS = {
    "ring": {"bells": "int64", "work": "number"},
    "in_turn": {"bells": "states"},
    "scores": {"scores": "float32"},
}


class Work(TorchDispatchMode):
    """Counts the values that torch's operations read and write; a view of a tensor is neither."""

    def __init__(self):
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [item for item in tree_iter((args, result)) if isinstance(item, torch.Tensor)]
            self.values += sum(item.numel() for item in tensors)
        return result


def _net(program, state):
    net = program.BellNet()
    net.load_state_dict(state)
    return net


def ring(program, state, rung, count):
    """New bells and work."""
    net = _net(program, state)
    with Work() as work:
        bells = program.ring_on(net, rung, count)
    return {"bells": bells, "work": work.values}


def in_turn(program, state, peals, count):
    """New bells of peals that one network rings on, one after the other."""
    net = _net(program, state)
    return {"bells": [{"bells": program.ring_on(net, rung, count)} for rung in peals]}


def scores(program, state, rung):
    """Scores after each bell."""
    with torch.no_grad():
        return {"scores": _net(program, state)(rung)[0]}
