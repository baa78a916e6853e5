"""Shards: shares of a run or of its grades that machines do on their own, as `k/n`, and where their logs lie.

Nothing but `k/n` has to be known to do one, so that any batch system can start them, kill them and start them again.

The layout is inspect's: the shards of ``<name>.eval`` lie at ``<name>.shards/<k>/``, each attempt a log, the newest of a
shard the current one. Reports leave out the shards that a merged log holds, by the ledger in its header; inspect's viewer
does so by their times. inspect 0.3 has this layout and no command that makes shards or merges them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log

from redgreenbench.evals.errors import InputError

__all__ = ["WHOLE", "Shard", "file_name", "place_of_shard", "shards_by_log", "share_of", "without_merged"]


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
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        shard = cls(*map(int, match.groups())) if match else None
        if shard is None or not 1 <= shard.number <= shard.of:
            raise InputError(f"--shard {text}: give it as k/n with 1 ≤ k ≤ n, such as 2/8")
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, identity: str) -> bool:
        """Whether a text belongs to this shard. Each text belongs to exactly one of n, on every machine the same."""
        return int(hashlib.sha256(identity.encode()).hexdigest()[:13], 16) % self.of == self.number - 1


WHOLE = Shard(1, 1)
"""Everything."""


def share_of(samples: Sequence[Sample], shard: Shard) -> list[Sample]:
    """A shard's samples of a task. All arms of a scenario under a pressure stay together, since they are compared.

    Args:
        samples: All samples.
        shard: Which share.
    """
    pairs = [((s.metadata or {}).get("scenario"), (s.metadata or {}).get("pressure")) for s in samples]
    mine = set(list(dict.fromkeys(pairs))[shard.number - 1 :: shard.of])
    return [sample for sample, pair in zip(samples, pairs, strict=True) if pair in mine]


def file_name(log: str) -> str:
    """A log's file name.

    Args:
        log: Its address.
    """
    return log.rsplit("/", 1)[-1]


def place_of_shard(file: str) -> tuple[str, str] | None:
    """The merged log that a shard's log belongs to, and the shard's name; None for any other log.

    Args:
        file: Address of a log.
    """
    folder, _, _ = file.rpartition("/")
    above, _, shard = folder.rpartition("/")
    return (f"{above.removesuffix('.shards')}.eval", shard) if above.endswith(".shards") else None


def shards_by_log(files: Sequence[str]) -> dict[str, list[str]]:
    """Logs of shards by the merged log that they belong to.

    Args:
        files: Addresses of logs.
    """
    shards: dict[str, list[str]] = {}
    for file in files:
        if place := place_of_shard(file):
            shards.setdefault(place[0], []).append(file)
    return shards


def without_merged(files: Sequence[str]) -> list[str]:
    """The logs without shards that a merged log among them contains.

    Args:
        files: Addresses of logs.
    """
    held: set[str] = set()
    for merged, parts in shards_by_log(files).items():
        if merged not in files:
            continue
        try:
            shards = read_eval_log(merged, header_only=True).eval.shards
        except Exception:  # a broken log may fail anywhere inside the reader; its shards count then
            continue
        ledger = {entry.shard: entry for entry in shards.ledger} if shards else {}
        for part in parts:
            entry = ledger.get(place_of_shard(part)[1])  # type: ignore[index]
            # Names of attempts begin with their time; one that had not ended, or a later one, says more than was merged.
            if entry and (
                file_name(part) < entry.log or (file_name(part) == entry.log and entry.status == "success")
            ):
                held.add(part)
    return [file for file in files if file not in held]
