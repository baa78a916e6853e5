"""Stops a run when it has used what it may: answers that are finished are kept, those under way are asked again later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from inspect_ai.hooks import Hooks, ModelUsageData, hooks

from redgreenbench.cli.versions import interrupt, interruptible

__all__ = ["Spending", "limit_spending"]


@dataclass
class Spending:
    """What all models of a run may use, and have used so far.

    Attributes:
        max_tokens: Tokens, in and out; None: as many as it takes.
        max_cost: US dollars; None: whatever it costs.
    """

    max_tokens: int | None = None
    max_cost: float | None = None
    tokens: int = 0
    cost: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return (self.max_tokens is not None and self.tokens >= self.max_tokens) or (
            self.max_cost is not None and self.cost >= self.max_cost
        )


_watched: list[Spending] = []


@hooks(name="redgreen_spending", description="Stops a run of redgreen when it has used what it may.")
class _Watch(Hooks):
    def enabled(self) -> bool:
        return bool(_watched)

    async def on_model_usage(self, data: ModelUsageData) -> None:
        for spending in _watched:
            was_over = spending.is_over
            spending.tokens += data.usage.total_tokens
            spending.cost += data.usage.total_cost or 0.0
            if spending.is_over and not was_over:
                interrupt()


@contextmanager
def limit_spending(max_tokens: int | None, max_cost: float | None) -> Iterator[Spending]:
    """Counts the tokens and cost of the models in the body, and interrupts it above the limits.

    Args:
        max_tokens: Tokens, in and out; None: as many as it takes.
        max_cost: US dollars; None: whatever it costs.
    """
    spent = Spending(max_tokens, max_cost)
    _watched.append(spent)
    try:
        with interruptible():
            yield spent
    finally:
        _watched.remove(spent)
