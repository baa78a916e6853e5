"""Lets `inspect score LOG` find our scorers by the names that logs hold.

inspect writes a scorer's name into the log without its package and later looks it up as written, which
finds scorers of inspect itself and of the task's own file, but none of an installed package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspect_ai._util.registry import RegistryInfo, registry_add, registry_unqualified_name
from inspect_ai.scorer import Scorer

__all__ = ["findable"]


def findable(factory: Callable[..., Scorer]) -> None:
    """Registers a scorer under its name without the package, beside the full one."""

    def by_short_name(**parameters: Any) -> Scorer:
        return factory(**parameters)

    registry_add(by_short_name, RegistryInfo(type="scorer", name=registry_unqualified_name(factory)))
