"""What is done with a program: training from given weights, with every value that goes from torch to Python counted."""

import weakref

import torch
from probing import copy_state, record_steps
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

RETURNS = {
    "fit": {
        "errors": "numbers",
        "misses": "numbers",
        "weights": "state",
        "reads": "number",
        "steps": "number",
        "kept": "number",
    },
    "heights": {"heights": "float32"},
}

_aten = torch.ops.aten
# What has to wait for the device: numbers, and shapes that hang on values.
_WAITING = (
    _aten._local_scalar_dense,
    _aten.nonzero,
    _aten.masked_select,
    _aten.equal,
    _aten._unique2,
    _aten.unique_dim,
    _aten.unique_consecutive,
)
_COPYING = ("tolist", "numpy", "__array__", "__dlpack__", "cpu", "__reduce_ex__")


class Reads(TorchDispatchMode):
    """Counts the operations that wait for the device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.overloadpacket in _WAITING
        return func(*args, **(kwargs or {}))


class Copies(TorchFunctionMode):
    """Counts the methods that take whole tensors from the device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += getattr(func, "__name__", "") in _COPYING
        return func(*args, **(kwargs or {}))


class Mark:
    """Lives as long as a node of a graph to which it is attached."""


class Graphs(TorchFunctionMode):
    """Counts the graphs of earlier losses that are still there when the next loss runs backward.

    Attributes:
        kept: The largest count.
    """

    def __init__(self):
        super().__init__()
        self.kept = 0
        self._marks = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") == "backward":
            self.kept = max(self.kept, sum(mark() is not None for mark in self._marks))
            mark = Mark()
            self._attach(args[0].grad_fn, mark)
            self._marks.append(weakref.ref(mark))
        return func(*args, **(kwargs or {}))

    def _attach(self, loss, mark):
        nodes, seen = [loss], set()
        while nodes:
            node = nodes.pop()
            # Parameters have nodes without a next one, which live on.
            if node is not None and node.next_functions and node not in seen:
                seen.add(node)
                node.metadata["mark"] = mark
                nodes += [after for after, _ in node.next_functions]


def _net(program, state, device):
    net = program.TideNet().to(device)
    net.load_state_dict(state)
    return net


def fit(program, state, angles, heights, epochs, batch_size, lr):
    """The log, the weights, and how often training waited for a value."""
    net = _net(program, state, angles.device)
    with record_steps() as steps, Copies() as copies, Reads() as reads, Graphs() as graphs:
        log = program.fit(net, angles, heights, epochs=epochs, batch_size=batch_size, lr=lr)
    return {
        "errors": [float(error) for error, _ in log],
        "misses": [float(miss) for _, miss in log],
        "weights": copy_state(net),
        "reads": reads.count + copies.count,
        "steps": steps.count,
        "kept": graphs.kept,
    }


def heights(program, state, angles):
    """Heights at angles."""
    with torch.no_grad():
        return {"heights": _net(program, state, angles.device)(angles)}
