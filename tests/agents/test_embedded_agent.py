"""The agent mode with the smallest embedded model, which hardly ever calls a tool: to its limit, and into a log that says so."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from redgreenbench.reports.logs.table import load
from redgreenbench.reports.metrics import metric_named, values_of

WORK = """
import sys
from inspect_ai import eval
from redgreenbench.tasks.debugging import debugging
task = debugging(mode="agent", arms="red", scenarios="shape-mismatch", message_limit=5)
(log,) = eval(task, model="embedded/smollm2-135m", log_dir=sys.argv[1], display="none", max_tokens=24)
print(log.status)
"""


@pytest.mark.slow
@pytest.mark.needs("jail")
def test_the_whole_mode_runs_to_its_limit_and_is_scored_honestly(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "success", done.stderr[-2000:]
    table = load([str(tmp_path)])
    failed = table.rows[table.rows["status"].isin(["error", "missing"])]
    assert failed.empty, json.dumps(failed["reason"].astype(str).unique().tolist())
    assert values_of(table.rows, metric_named("resolution-rate"))["value"].tolist() == [0]
    rows = table.rows[table.rows["scorer"].eq("resolution")]
    by_key = dict(zip(rows["key"].astype(str), rows["value"], strict=True))
    # It may call a tool one day; then nothing is wrong but these lines.
    assert (by_key["resolved"], by_key["cut"], by_key["versions"]) == (0, 1, 0)
    assert math.isnan(by_key["kept"])
