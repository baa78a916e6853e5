"""What a bug's ``probe.py`` is written with: ways to see what a program does, step by step.

It runs beside the submission, which may tamper with it. That gains nothing where a check recomputes what it
is told, and nothing else counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map

__all__ = ["SecondDevice", "Steps", "copy_state", "gradients", "other_device", "record_steps", "sample"]


def copy_state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers of a module, copied."""
    state = module.state_dict()  # which may hold what else a module keeps, by get_extra_state
    return {name: value.detach().clone() for name, value in state.items() if isinstance(value, torch.Tensor)}


def named_as(module: torch.nn.Module, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state under a module's own names, by their order where all shapes agree; otherwise as it is."""
    own = copy_state(module)
    alike = [tensor.shape for tensor in own.values()] == [tensor.shape for tensor in state.values()]
    return dict(zip(own, state.values(), strict=True)) if alike else state


def as_given(
    module: torch.nn.Module, state: dict[str, torch.Tensor], values: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """A module's weights or gradients under the names of the state that it was given by `named_as`."""
    names = dict(zip(named_as(module, state), state, strict=True))
    return {names[name]: value for name, value in values.items()}


def gradients(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The gradient of each parameter that has one."""
    return {name: p.grad.detach().clone() for name, p in module.named_parameters() if p.grad is not None}


def sample(state: dict[str, torch.Tensor], size: int = 2000) -> dict[str, torch.Tensor]:
    """Up to so many entries of each tensor, evenly spaced, flat: enough to see whether and how it changes."""
    return {
        name: tensor.flatten()[:: max(1, tensor.numel() // size)][:size].clone()
        for name, tensor in state.items()
    }


class Steps:
    """What optimizers did.

    Attributes:
        rates: Learning rate of the first parameter group at each step.
        weights: A module's state after each step, where one was given.
        count: Number of steps.
    """

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.weights: list[dict[str, torch.Tensor]] = []
        self.count = 0


@contextlib.contextmanager
def record_steps(
    module: torch.nn.Module | Callable[[], torch.nn.Module] | None = None, every: int = 1
) -> Iterator[Steps]:
    """Records every step of every optimizer while the block runs.

    Args:
        module: Whose state to copy after each step, or a function that gives it then; none: no states.
        every: Copy the state at every so many steps only.
    """
    steps = Steps()

    def after(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        steps.rates.append(float(optimizer.param_groups[0]["lr"]))
        steps.count += 1
        if module is not None and steps.count % every == 0:
            steps.weights.append(copy_state(module if isinstance(module, torch.nn.Module) else module()))

    handle = register_optimizer_step_post_hook(after)
    try:
        yield steps
    finally:
        handle.remove()


class SecondDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The meta device with values, so that a machine without a GPU has a second device.

    While this mode is on, tensors on the meta device are computed with: the values of each of their storages are kept
    on the CPU, and every operation is done there as well. As on a GPU, an operation that mixes them with tensors of the
    CPU raises, but for copies, numbers of no dimension, and indices.
    """

    _MIXED = (torch.ops.aten._to_copy, torch.ops.aten.copy_, torch.ops.aten.index, torch.ops.aten.index_put_)

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._values: dict[int, torch.UntypedStorage] = {}
        # Held, so that no other storage gets the same number.
        self._storages: list[torch.UntypedStorage] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Does one operation of torch."""
        kwargs = kwargs or {}
        tensors = [item for item in tree_iter((args, kwargs)) if isinstance(item, torch.Tensor)]
        here = any(tensor.is_meta for tensor in tensors)
        target = kwargs.get("device")
        if not here and (target is None or target.type != "meta"):
            return func(*args, **kwargs)
        mixed = any(not tensor.is_meta and tensor.dim() for tensor in tensors)
        if here and mixed and func.overloadpacket not in self._MIXED:
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, meta and cpu!"
            )
        real = func(*tree_map(self._real, args), **tree_map(self._real, kwargs))
        if not any(isinstance(item, torch.Tensor) for item in tree_iter(real)):
            return real
        if func.overloadpacket is torch.ops.aten.copy_:
            return args[0]
        if target is not None and target.type == "cpu":
            return real
        try:
            shown = func(*args, **kwargs)
        except NotImplementedError:  # a shape that hangs on values
            shown = tree_map(lambda item: torch.empty_like(item, device="meta"), real)
        for item, value in zip(tree_iter(shown), tree_iter(real), strict=True):
            if isinstance(item, torch.Tensor) and item.untyped_storage()._cdata not in self._values:
                self._keep(item, value)
        return shown

    def _real(self, item: Any) -> Any:
        """An argument with the CPU in the place of this device."""
        if isinstance(item, torch.device):
            return torch.device("cpu") if item.type == "meta" else item
        if not isinstance(item, torch.Tensor) or not item.is_meta:
            return item
        storage = self._values[item.untyped_storage()._cdata]
        return torch.empty(0, dtype=item.dtype).set_(
            storage, item.storage_offset(), item.size(), item.stride()
        )

    def _keep(self, item: torch.Tensor, value: torch.Tensor) -> None:
        storage = item.untyped_storage()
        self._storages.append(storage)
        self._values[storage._cdata] = torch.UntypedStorage(storage.nbytes())  # type: ignore[no-untyped-call]
        self._real(item).copy_(value)


@contextlib.contextmanager
def other_device(tensor: torch.Tensor) -> Iterator[torch.device]:
    """A device beside the CPU: that of a tensor, or an emulated one (see `SecondDevice`) where it is on the CPU."""
    if tensor.device.type != "cpu":
        yield tensor.device
        return
    with SecondDevice():
        yield torch.device("meta")
