"""Writes the scenarios as Parquet with a dataset card, the layout that the Hugging Face hub reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.catalogue import Scenario, scenario_set_hash
from redgreenbench.evals.dataset import to_dataset
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.vocabulary import SUITE_VERSION

__all__ = ["write_dataset"]


def write_dataset(scenarios: Sequence[Scenario], folder: Path) -> dict[str, Any]:
    """Writes ``data/scenarios.parquet`` and ``README.md`` into ``folder``.

    Returns:
        ``rows``, and the paths ``parquet`` and ``card``.

    Raises:
        InputError: There is nothing to write, or the folder cannot be written.
    """
    if not scenarios:
        raise InputError("no public scenario to export; choose others with --scenarios")
    parquet, card = folder / "data" / "scenarios.parquet", folder / "README.md"
    packs = Counter(scenario.pack for scenario in scenarios)
    text = prompt_template("card").format(
        rows=len(scenarios),
        packs="\n".join(f"| {pack} | {count} |" for pack, count in sorted(packs.items())),
        suite=SUITE_VERSION,
        digest=scenario_set_hash(scenarios),
    )
    try:
        parquet.parent.mkdir(parents=True, exist_ok=True)
        to_dataset(scenarios).to_pandas().to_parquet(parquet, index=False)
        card.write_text(text + "\n", "utf-8")
    except OSError as exc:
        raise InputError(
            f"cannot write the data set to {folder} ({exc.strerror or exc}); choose another folder"
        ) from exc
    return {"rows": len(scenarios), "parquet": str(parquet), "card": str(card)}
