"""Everything that lies in a folder may lie in an object store: logs, grades, private scenarios, caches, reports, sites."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import yaml
from click.testing import CliRunner
from inspect_ai import eval
from inspect_ai.log import read_eval_log

from redgreenbench.cli import main as redgreen
from redgreenbench.evals import catalogue
from redgreenbench.evals.storage import read_whole, write_whole
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.private import VARIABLE
from redgreenbench.reference_bugs.verdict import Verdict
from redgreenbench.reports.logs import cache as cache_module
from redgreenbench.reports.logs.addresses import files_of
from redgreenbench.reports.logs.table import load
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.decision import decision

BUG = bug_folder("missing-optimizer-step")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = pytest.importorskip(
        "moto.server", reason="moto is not installed; pip install 'redgreenbench[dev]'"
    )
    pytest.importorskip("s3fs", reason="s3fs is not installed; pip install 'redgreenbench[dev]'")
    running = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A new bucket of a server of this test's own; its keys open nothing."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    name = "runs-" + tmp_path.name.replace("_", "-").lower()[-40:]
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}"
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def call(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(redgreen, list(arguments))
    assert done.exit_code == code, f"{done.output}\n{done.exception!r}"
    return done.output


@pytest.mark.slow
def test_a_run_by_shards_its_merge_report_and_site(bucket: str) -> None:
    asked = [
        "run",
        "--model",
        "mockllm/model",
        "--tasks",
        "routing",
        "--limit",
        "2",
        "-o",
        f"{bucket}/results",
    ]
    said = [call(*asked, "--shard", share) for share in ("1/2", "2/2")]
    logs = said[-1].strip().rpartition("redgreen merge ")[2]
    assert logs.startswith(f"{bucket}/results/")
    assert "4 answers" in call("merge", logs)
    assert [Path(log).name for log in load([logs]).logs] == ["routing.eval"]
    assert read_eval_log(f"{logs}/routing.eval").status == "success"
    call("report", logs, "-o", f"{bucket}/report")
    call("leaderboard", logs, "-o", f"{bucket}/site", "--no-transcripts")
    system = fsspec.filesystem("s3")
    for file in ("report/report.md", "report/report.html", "site/index.html"):
        assert system.size(f"{bucket}/{file}") > 500, file


def test_grades_lie_beside_logs(
    bucket: str, scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def graded(self, bug, files, brief=False, seed=None) -> Verdict:
        return Verdict(bug.name, correct=True, how="whole", engine={"seed": seed})

    monkeypatch.setattr("redgreenbench.scorers.running.Runner.program", graded)
    task = debugging(scenarios="debugging-techniques/model-not-learning", execution="later")
    reply = f"```python\n{BUG.mended}\n```"
    (log,) = eval(task, model=scripted(lambda s, u: reply), log_dir=f"{bucket}/logs", display="none")
    assert log.location.startswith("s3://")
    for share in ("1/2", "2/2"):
        call("grade", f"{bucket}/logs", "--shard", share)
    call("merge", f"{bucket}/logs")
    scores = [sample.scores["execution"] for sample in read_eval_log(log.location).samples]
    assert [score.value["correct"] for score in scores] == [1.0, 1.0]


def test_private_scenarios_are_read(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = yaml.safe_load(
        (catalogue.HERE / "scenarios/training-optimization/loss-goes-to-nan.yaml").read_text()
    )
    data |= {"split": "private", "title": "Secret"}
    address = f"{bucket}/held-out/scenarios/training-optimization/secret-nan.yaml"
    fsspec.filesystem("s3").pipe_file(address, yaml.safe_dump(data).encode())
    monkeypatch.setenv(VARIABLE, f"{bucket}/held-out")
    catalogue._shipped_scenarios.cache_clear()
    try:
        assert "training-optimization/secret-nan" in {
            s.metadata["scenario"] for s in decision(arms="red").dataset
        }
    finally:
        monkeypatch.delenv(VARIABLE)
        catalogue._shipped_scenarios.cache_clear()


def test_a_cache_is_shared(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "cache_folder", lambda: f"{bucket}/cache/tables")
    first = load(["docs/examples/first-run.eval"])
    assert len(fsspec.filesystem("s3").ls(f"{bucket}/cache/tables", refresh=True)) == 1
    monkeypatch.setattr("redgreenbench.reports.logs.table.read_log", None)
    assert load(["docs/examples/first-run.eval"]).provenance == first.provenance


@pytest.mark.parametrize("place", ["store", "local"])
def test_writers_at_once_leave_one_of_them_whole(place: str, request, tmp_path: Path) -> None:
    address = f"{request.getfixturevalue('bucket') if place == 'store' else tmp_path}/grades/1-of-2.jsonl"
    texts = [
        json.dumps({"writer": number}).encode() + b"\n" + bytes([65 + number]) * 300_000
        for number in range(4)
    ]
    seen: list[bytes] = []

    def write(text: bytes) -> None:
        for _ in range(3):
            write_whole(address, text)
            seen.append(read_whole(address))

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 12
    assert set(seen) <= set(texts)
    assert files_of(str(tmp_path / "grades")) == []


@pytest.mark.parametrize(
    "command", [["report"], ["grade"], ["merge"], ["leaderboard"]], ids=lambda command: command[0]
)
def test_a_bucket_that_is_not_there_is_one_line(command: list[str], bucket: str, tmp_path: Path) -> None:
    options = ["-o", str(tmp_path / "out")] if command[0] in ("report", "leaderboard") else []
    done = CliRunner().invoke(redgreen, [*command, "s3://no-such-bucket/logs", *options])
    assert done.exit_code == 2, done.output
    assert "s3://no-such-bucket/logs" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_cannot_be_written_is_one_line(bucket: str) -> None:
    done = CliRunner().invoke(
        redgreen, ["report", "docs/examples/first-run.eval", "-o", "s3://no-such-bucket/report"]
    )
    assert done.exit_code == 2, done.output
    assert "cannot write to s3://no-such-bucket/report" in done.stderr
    asked = [
        "run",
        "--model",
        "mockllm/model",
        "--tasks",
        "routing",
        "--limit",
        "1",
        "-o",
        "s3://no-such-bucket/results",
    ]
    done = CliRunner().invoke(redgreen, asked)
    assert done.exit_code == 2, done.output
    assert "cannot write logs to s3://no-such-bucket" in done.stderr
