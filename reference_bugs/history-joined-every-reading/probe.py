"""What is done with a program: its watch follows readings, with the values counted that torch reads and writes meanwhile."""

import gc
import types

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

RETURNS = {
    "follow": {"scores": "numbers", "work": "numbers", "held": "numbers"},
    "levels": {"levels": "float32"},
}


class Work(TorchDispatchMode):
    """Counts the values that torch's operations read and write; a view of a tensor is neither."""

    def __init__(self):
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        fresh = func.overloadpacket is torch.ops.aten.lift_fresh
        if fresh or not func.is_view:
            tensors = [item for item in tree_iter((args, result)) if isinstance(item, torch.Tensor)]
            self.values += sum(item.numel() for item in tensors)
        return result


def _net(program, state, device):
    net = program.GaugeNet().to(device)
    net.load_state_dict(state)
    return net


def _held(*roots):
    """How many values are within reach of objects: items of containers, entries of arrays and tensors."""
    count, known, waiting = 0, set(), list(roots)
    while waiting:
        item = waiting.pop()
        if id(item) in known or isinstance(item, (type, types.ModuleType, types.FrameType)):
            continue
        known.add(id(item))
        if isinstance(item, torch.Tensor):
            count += item.numel()
        elif isinstance(item, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
            # What a function closes over and is bound to, without the module around it.
            waiting += [cell.cell_contents for cell in getattr(item, "__closure__", None) or ()]
            waiting.append(getattr(item, "__self__", None))
        elif isinstance(item, (int, float, str, bytes, type(None))):
            continue
        elif type(item).__module__ in ("numpy", "array"):
            count += len(item) if hasattr(item, "__len__") and getattr(item, "shape", True) else 1
        else:
            count += (
                len(item) if isinstance(item, (list, tuple, set, dict)) or hasattr(item, "popleft") else 1
            )
            waiting += gc.get_referents(item)
    return count


def follow(program, state, pasts, levels, least, every):
    """Scores, and after every so many readings what torch has read and written and what the watch and its program hold."""
    net = _net(program, state, pasts.device)
    watch = program.Watch(net, least=least)
    scores, work, held = [], [], []
    for start in range(0, len(levels), every):
        with Work() as counter:
            scores += [
                float(score)
                for score in program.follow(
                    watch, pasts[start : start + every], levels[start : start + every]
                )
            ]
        work.append(counter.values)
        shared = [
            value
            for name, value in vars(program).items()
            if isinstance(value, (list, dict, torch.Tensor)) and name[:2] != "__"
        ]
        held.append(_held(watch, *shared))
    return {"scores": scores, "work": work, "held": held}


def levels(program, state, pasts):
    """Forecasts."""
    with torch.no_grad():
        return {"levels": _net(program, state, pasts.device)(pasts)}
