"""Where things are kept that can be made again: weights, variants, tables."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["VARIABLE", "cache_root"]

VARIABLE = "REDGREEN_CACHE"


def cache_root() -> Path:
    """The folder on this machine: ``REDGREEN_CACHE``, or the user's cache folder where that is not set or an address."""
    from platformdirs import user_cache_path

    given = os.environ.get(VARIABLE, "")
    return user_cache_path("redgreenbench", appauthor=False) if not given or "://" in given else Path(given)
