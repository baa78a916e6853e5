"""Shards: shares of a run or of its grades that machines do on their own, as `k/n`.

Nothing but `k/n` has to be known to do one, so that any batch system can start them, kill them and start them again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.dataset import Sample

from redgreenbench.evals.errors import InputError

__all__ = ["WHOLE", "Shard", "share_of"]


@dataclass(frozen=True)
class Shard:
    """Shard ``number`` of ``of``, counted from 1."""

    number: int
    of: int

    @classmethod
    def read(cls, text: str) -> Shard:
        """A shard from ``k/n``.

        Raises:
            InputError: It is none.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        shard = cls(*map(int, found.groups())) if found else None
        if shard is None or not 1 <= shard.number <= shard.of:
            raise InputError(f"--shard {text}: give it as k/n with 1 ≤ k ≤ n, such as 2/8")
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, identity: str) -> bool:
        """Whether something is in this shard: each text is in exactly one of n, on every machine the same."""
        return int(hashlib.sha256(identity.encode()).hexdigest()[:13], 16) % self.of == self.number - 1


WHOLE = Shard(1, 1)
"""Everything."""


def share_of(samples: Sequence[Sample], shard: Shard) -> list[Sample]:
    """A shard's samples of a task: all arms of a scenario under a pressure or none, since they are compared.

    Args:
        samples: All samples.
        shard: Which share.
    """
    pairs = [((s.metadata or {}).get("scenario"), (s.metadata or {}).get("pressure")) for s in samples]
    mine = set(list(dict.fromkeys(pairs))[shard.number - 1 :: shard.of])
    return [sample for sample, pair in zip(samples, pairs, strict=True) if pair in mine]
