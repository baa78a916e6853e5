"""What is done with a program: scoring and training in turn, with what autograd keeps meanwhile counted."""

import torch
from probing import copy_state

RETURNS = {"score": {"errors": "numbers", "kept": "numbers", "training": "numbers", "weights": "state"}}


def score(program, state, readings, depths, batch_size, rounds, lr):
    """Scores before and after each round of training; what autograd keeps: scoring and training in turn."""
    net = program.SnowNet()
    net.load_state_dict(state)
    net.drop.p = 0.0
    kept, errors, modes = [], [], []

    def keep(tensor):
        kept[-1] += tensor.numel()
        return tensor

    for number in range(rounds + 1):
        kept.append(0)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            errors.append(float(program.score(net, readings, depths, batch_size=batch_size)))
        # Its own dropout again, which is off in evaluation mode alone.
        modes.append(int(net.training) + int(net.drop.training))
        if number < rounds:
            kept.append(0)
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                program.train(net, readings, depths, epochs=1, batch_size=batch_size, lr=lr)
    net.drop.p = 1.0
    errors.append(float(program.score(net, readings, depths, batch_size=batch_size)))
    return {"errors": errors, "kept": kept, "training": modes, "weights": copy_state(net)}
