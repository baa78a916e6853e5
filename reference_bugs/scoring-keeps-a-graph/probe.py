"""What is done with a program: scoring and training in turn, with what autograd keeps meanwhile counted."""

from contextlib import contextmanager
from unittest import mock

from probing import copy_state
from torch.autograd.graph import saved_tensors_hooks

RETURNS = {"score": {"errors": "numbers", "kept": "numbers", "training": "numbers", "weights": "state"}}


@contextmanager
def _counted(keep):
    """Gives keep each tensor that autograd saves, also where hooks of the program hide the ones around them."""
    start = saved_tensors_hooks.__init__

    def counted(self, pack, unpack):
        def count(tensor):
            keep(tensor)
            return pack(tensor)

        start(self, count, unpack)

    with (
        mock.patch.object(saved_tensors_hooks, "__init__", counted),
        saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor),
    ):
        yield


def score(program, state, readings, depths, batch_size, rounds, lr):
    """Scores before and after each round of training; what autograd keeps: scoring and training in turn."""
    net = program.SnowNet()
    net.load_state_dict(state)
    net.drop.p = 0.0
    kept, errors, modes = [], [], []

    def keep(tensor):
        kept[-1] += tensor.numel()

    for number in range(rounds + 1):
        kept.append(0)
        with _counted(keep):
            errors.append(float(program.score(net, readings, depths, batch_size=batch_size)))
        # Its own dropout again, which is off in evaluation mode alone.
        modes.append(int(net.training) + int(net.drop.training))
        if number < rounds:
            kept.append(0)
            with _counted(keep):
                program.train(net, readings, depths, epochs=1, batch_size=batch_size, lr=lr)
    net.drop.p = 1.0
    errors.append(float(program.score(net, readings, depths, batch_size=batch_size)))
    return {"errors": errors, "kept": kept, "training": modes, "weights": copy_state(net)}
