"""A storm of refused calls, calls that hang and a worker that is killed: no answer is lost, none counts twice."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from inspect_ai.log import read_eval_log

from redgreenbench.evals.sharding import Shard, shards_by_log
from redgreenbench.reports.logs.addresses import files_of
from redgreenbench.reports.logs.table import load
from redgreenbench.scorers.merging import merge

HERE = Path(__file__).parent
DIES = 15


def test_nothing_is_lost_and_nothing_counts_twice(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("storm", HERE / "storm.py")
    storm = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(storm)
    logs, ledger = tmp_path / "logs", tmp_path / "ledger"
    command = [sys.executable, str(HERE / "storm.py"), str(logs), str(ledger), str(DIES)]
    killed = subprocess.run(
        command, env=os.environ | {"INSPECT_DISPLAY": "none"}, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    for number in (1, 2):
        assert storm.run_shard(Shard(number, 2), logs, ledger) == 0
    ((target, parts),) = shards_by_log(files_of(str(logs))).items()
    made = merge(target, parts)
    planned = [str(sample.id) for task in storm.tasks() for sample in task.dataset]
    samples = read_eval_log(made.log).samples
    assert sorted(str(sample.id) for sample in samples) == sorted(planned)
    assert all(sample.error is None and sample.output.completion for sample in samples)
    rows = load([str(logs)]).rows
    assert set(rows["status"]) <= {"scored", "not_applicable", "unscored"}
    assert not rows.duplicated(["scenario", "pressure", "arm", "epoch", "scorer", "key"]).any()
    calls = [line.split() for line in ledger.read_text().splitlines()]
    kinds = Counter(kind for kind, _ in calls)
    paid = Counter(asked for kind, asked in calls if kind == "answered")
    assert kinds["refused"] > len(planned) / 3
    assert kinds["hung"] >= 4
    # Replies lie in inspect's cache at once, so that only those on their way were asked for again.
    assert sum(paid.values()) - len(paid) <= storm.AT_ONCE
    print(
        f"{len(planned)} answers, {len(paid)} texts; {dict(kinds)}; asked for twice: {sum(paid.values()) - len(paid)}"
    )
