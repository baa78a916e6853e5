"""What a bug's ``probe.py`` is written with: ways to see what a program does, step by step.

It runs beside the submission, which may tamper with it. That gains nothing where a check recomputes what it
is told, and nothing else counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

__all__ = ["Steps", "copy_state", "gradients", "record_steps", "sample"]


def copy_state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers of a module, copied."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


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
def record_steps(module: torch.nn.Module | None = None, every: int = 1) -> Iterator[Steps]:
    """Records every step of every optimizer while the block runs.

    Args:
        module: Whose state to copy after each step; none: no states.
        every: Copy the state at every so many steps only.
    """
    steps = Steps()

    def after(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        steps.rates.append(float(optimizer.param_groups[0]["lr"]))
        steps.count += 1
        if module is not None and steps.count % every == 0:
            steps.weights.append(copy_state(module))

    handle = register_optimizer_step_post_hook(after)
    try:
        yield steps
    finally:
        handle.remove()
