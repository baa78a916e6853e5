"""What is done with a program: training from given weights, with the values counted that torch reads and writes."""

import torch
from probing import copy_state
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

RETURNS = {
    "train": {
        "losses": "numbers",
        "weights": "state",
        "work": "numbers",
        "tasted": "float32",
        "roasts": "float32",
    },
    "sweetness": {"sweetness": "float32"},
}


class Work(TorchDispatchMode):
    """Counts the values that torch's operations read and write; a view of a tensor is neither."""

    def __init__(self):
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in (torch.ops.aten.index, torch.ops.aten.index_select):
            # Rows that are picked from a table: those alone are read.
            self.values += 2 * result.numel()
        elif not func.is_view:
            self.values += sum(
                item.numel() for item in tree_iter((args, result)) if isinstance(item, torch.Tensor)
            )
        return result


def _net(program, state, device):
    net = program.RoastNet().to(device)
    net.load_state_dict(state)
    return net


def train(program, state, roasts, sweetness, later, earlier, epochs, batch_size, lr):
    """Losses, weights, the work up to each step, the sweetness of later roasts, and what became of the table.

    Another network is trained on the table of an earlier day before.
    """
    program.train(
        _net(program, state, roasts.device), earlier, sweetness, epochs=1, batch_size=batch_size, lr=lr
    )
    net = _net(program, state, roasts.device)
    table, steps = roasts.clone(), []
    with Work() as work:
        after = register_optimizer_step_post_hook(lambda *_: steps.append(work.values))
        try:
            scaler, losses = program.train(net, table, sweetness, epochs=epochs, batch_size=batch_size, lr=lr)
        finally:
            after.remove()
    return {
        "losses": [float(loss) for loss in losses],
        "weights": copy_state(net),
        "work": [b - a for a, b in zip([0, *steps], [*steps, work.values], strict=True)],
        "tasted": program.taste(net, scaler, later).detach(),
        "roasts": table,
    }


def sweetness(program, state, readings):
    """Output of the network for readings that are scaled already."""
    with torch.no_grad():
        return {"sweetness": _net(program, state, readings.device)(readings)}
