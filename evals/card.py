"""Writes scenarios, programs and decisions as Parquet with a card and an eval.yaml, as the Hugging Face hub reads them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.catalogue import Scenario, scenario_set_hash
from redgreenbench.evals.dataset import bugs_dataset, decisions_dataset, to_dataset
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.vocabulary import SUITE_VERSION

__all__ = ["write_dataset"]


def write_dataset(scenarios: Sequence[Scenario], folder: Path) -> dict[str, Any]:
    """Writes a data set of three parts into ``folder``: ``data`` (scenarios), ``bugs`` and ``decisions``.

    Args:
        scenarios: What to write; those with a variant are rows of ``bugs`` alone.
        folder: Where; it is made where it is missing.

    Returns:
        The rows of each part, and the paths ``card`` and ``eval``.

    Raises:
        InputError: There is nothing to write, or the folder cannot be written.
    """
    own = [scenario for scenario in scenarios if scenario.variant is None]
    if not own:
        raise InputError("no public scenario to export; choose others with --scenarios")
    parts = {
        "data/scenarios": to_dataset(own),
        "bugs/bugs": bugs_dataset(scenarios),
        "decisions/decisions": decisions_dataset(own),
    }
    rows = {path.partition("/")[2]: len(table) for path, table in parts.items()}
    packs = Counter(scenario.pack for scenario in own)
    card, hub = folder / "README.md", folder / "eval.yaml"
    text = prompt_template("card").format(
        rows=rows["scenarios"],
        bugs=rows["bugs"],
        decisions=rows["decisions"],
        packs="\n".join(f"| {pack} | {count} |" for pack, count in sorted(packs.items())),
        suite=SUITE_VERSION,
        digest=scenario_set_hash(own),
    )
    try:
        for path, table in parts.items():
            file = folder / f"{path}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            table.to_pandas().to_parquet(file, index=False)
        card.write_text(text + "\n", "utf-8")
        shutil.copyfile(Path(__file__).parent / "prompts" / "hub_eval.yaml", hub)
    except OSError as exc:
        raise InputError(
            f"cannot write the data set to {folder} ({exc.strerror or exc}); choose another folder"
        ) from exc
    return {**rows, "card": str(card), "eval": str(hub)}
