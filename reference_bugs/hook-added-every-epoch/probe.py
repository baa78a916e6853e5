"""What is done with a program: training from given weights, with what torch computes counted step by step."""

import torch
from probing import copy_state
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils._python_dispatch import TorchDispatchMode

RETURNS = {
    "train": {
        "losses": "numbers",
        "spreads": "numbers",
        "weights": "state",
        "operations": "numbers",
        "hooks": "number",
        "seen": "tensor",
        "kept": "flag",
    },
    "logits": {"logits": "float32"},
}


class Operations(TorchDispatchMode):
    """Counts torch's operations, backward passes included."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def _net(program, state, device):
    net = program.CallNet().to(device)
    net.load_state_dict(state)
    return net


def _hooks(net):
    tables = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    shared = torch.nn.modules.module
    count = sum(len(getattr(module, table)) for module in net.modules() for table in tables)
    return count + sum(
        len(table) for table in (shared._global_forward_hooks, shared._global_forward_pre_hooks)
    )


def train(program, state, calls, birds, epochs, batch_size, lr):
    """History, weights, and the operations up to the end of each step; a hook of ours is there all the while."""
    net = _net(program, state, calls.device)
    seen, steps = [], []
    handle = net.encoder.register_forward_hook(
        lambda module, inputs, output: seen.append(output.detach().mean())
    )
    before = _hooks(net)
    with Operations() as counter:
        after = register_optimizer_step_post_hook(lambda *_: steps.append(counter.count))
        try:
            history = program.train(net, calls, birds, epochs=epochs, batch_size=batch_size, lr=lr)
        finally:
            after.remove()
    return {
        "losses": [float(loss) for loss, _ in history],
        "spreads": [float(spread) for _, spread in history],
        "weights": copy_state(net),
        "operations": [b - a for a, b in zip([0, *steps], [*steps, counter.count], strict=True)],
        "hooks": _hooks(net) - before,
        "seen": torch.stack(seen) if seen else torch.zeros(1),
        "kept": handle.id in net.encoder._forward_hooks,
    }


def logits(program, state, calls):
    """Logits of calls."""
    with torch.no_grad():
        return {"logits": _net(program, state, calls.device)(calls)}
