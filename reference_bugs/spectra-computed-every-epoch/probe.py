"""What is done with a program: training from given weights and accesses to its dataset, with what torch computes counted."""

import torch
from probing import copy_state
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

RETURNS = {
    "train": {"losses": "numbers", "weights": "state", "work": "number"},
    "rounds": {"spectra": "float32", "species": "int64", "work": "numbers", "count": "number"},
    "logits": {"logits": "float32"},
}


class Work(TorchDispatchMode):
    """Counts the values that torch's operations write."""

    def __init__(self):
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.values += sum(item.numel() for item in tree_iter(result) if isinstance(item, torch.Tensor))
        return result


def _net(program, state, device):
    net = program.WhaleNet().to(device)
    net.load_state_dict(state)
    return net


def train(program, state, waves, species, epochs, batch_size, lr):
    """Losses, weights and work of training on clicks that are equally loud at every access."""
    net = _net(program, state, waves.device)
    with Work() as work:
        clicks = program.ClickDataset(waves, species, gain=0.0)
        losses = program.train(net, clicks, epochs=epochs, batch_size=batch_size, lr=lr)
    return {"losses": [float(loss) for loss in losses], "weights": copy_state(net), "work": work.values}


def rounds(program, others, waves, species, gain, count):
    """All items of a dataset, again and again, and the work of each round; another dataset was read before."""
    other = program.ClickDataset(others, species, gain=gain)
    for index in range(len(others)):
        other[index]
    spectra, labels, spent = [], [], []
    with Work() as work:
        clicks = program.ClickDataset(waves, species, gain=gain)
        for _ in range(count):
            items = [clicks[index] for index in range(len(waves))]
            spent.append(work.values - sum(spent))
            spectra.append(torch.stack([spectrum.detach().clone() for spectrum, _ in items]))
            labels.append(torch.stack([torch.as_tensor(label) for _, label in items]))
            # What is copied here counts to nobody.
            work.values = sum(spent)
    return {
        "spectra": torch.stack(spectra),
        "species": torch.stack(labels),
        "work": spent,
        "count": len(clicks),
    }


def logits(program, state, spectra):
    """Logits of spectra."""
    with torch.no_grad():
        return {"logits": _net(program, state, spectra.device)(spectra)}
