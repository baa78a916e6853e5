"""The progress bar that a person sees while weights are downloaded for the first time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn
from rich.progress import Progress as Bar

from redgreenbench.evals.embedded.weights import Progress, cached, load_models

__all__ = ["download_progress"]


@contextmanager
def download_progress(model: str) -> Iterator[Progress | None]:
    """Shows a bar on standard error while the body downloads ``model``; nothing if it is here already."""
    known = load_models().get(model)
    if known is None or cached(model):
        yield None
        return
    console = Console(file=sys.stderr)
    console.print(
        f"{model}: {known.family}, licence {known.licence}, {known.bytes / 1e6:.0f} MB, downloaded once"
    )
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("weights", total=known.bytes)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield show
