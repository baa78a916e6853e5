"""Reading logs: from anywhere, once, and nothing dropped in silence."""

import shutil
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from click.testing import CliRunner
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.scorer import includes

from redgreenbench.cli import main as redgreen
from redgreenbench.evals.errors import InputError
from redgreenbench.reports import cache as cache_module
from redgreenbench.reports import load as load_module
from redgreenbench.reports.cache import cached
from redgreenbench.reports.load import COLUMNS, load
from redgreenbench.reports.places import files_of
from redgreenbench.tasks.routing import routing

TWO = "which-optimizer,loss-goes-to-nan"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, scripted) -> Path:
    (log,) = eval(
        routing(scenarios=TWO),
        model=scripted(lambda s, u: "Use Adam."),
        epochs=2,
        log_dir=str(tmp_path_factory.mktemp("logs")),
    )
    return Path(log.location)


@pytest.fixture
def log(made: Path, tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return Path(shutil.copy(made, tmp_path / "logs"))


@pytest.fixture
def memory(log: Path):
    system = fsspec.filesystem("memory")
    with system.open("/runs/a.eval", "wb") as out:
        out.write(log.read_bytes())
    yield "memory://runs"
    system.rm("/runs", recursive=True)


def test_logs_are_read_from_any_file_system(log: Path, memory: str, tmp_path: Path) -> None:
    here = load([str(log)])
    there = load([memory])
    assert there.logs == ("memory:///runs/a.eval",)
    columns = [c for c in COLUMNS if c != "log"]
    pd.testing.assert_frame_equal(here.rows[columns].astype(object), there.rows[columns].astype(object))
    assert load(["memory://runs/*.eval"]).logs == there.logs
    done = CliRunner().invoke(redgreen, ["report", memory, "-o", str(tmp_path / "r")])
    assert done.exit_code == 0, done.output
    (tmp_path / "gates.yaml").write_text("gates: [{metric: routing-accuracy, margin: 0.1}]")
    for command, code in (
        (["compare", memory], 0),
        (["gate", memory, "--gates", str(tmp_path / "gates.yaml")], 2),  # nothing varies
        (["aa", memory], 0),
    ):
        done = CliRunner().invoke(redgreen, command)
        assert done.exit_code == code, done.output


def test_globs_and_folders_find_logs(log: Path, tmp_path: Path) -> None:
    deep = tmp_path / "runs" / "monday"
    deep.mkdir(parents=True)
    shutil.copy(log, deep / "x.eval")
    (deep / "notes.txt").write_text("no log")
    expected = [str(deep / "x.eval")]
    for place in ("runs", "runs/*", "runs/*/*.eval", "runs/monday/x.eval", "runs/**/*.eval"):
        assert files_of(str(tmp_path / place)) == expected, place
    assert files_of(str(tmp_path / "none")) == []
    assert files_of("nosuchprotocol://x/*.eval") == []


def test_a_log_is_parsed_once(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = load_module.read_log
    monkeypatch.setattr(load_module, "read_log", lambda file: calls.append(file) or real(file))
    first, second = load([str(log)]), load([str(log)])
    assert len(calls) == 1
    pd.testing.assert_frame_equal(first.rows, second.rows)
    assert first.provenance == second.provenance
    assert first.notes == second.notes
    assert cache_module.cache_folder() not in log.parents
    assert [p.name for p in log.parent.iterdir()] == [log.name]


def test_a_changed_log_is_read_again(log: Path) -> None:
    before = load([str(log)])
    edited = read_eval_log(str(log))
    edited.eval.model = "mockllm/another"
    write_eval_log(edited, str(log))
    assert set(load([str(log)]).rows["model"]) == {"mockllm/another"} != set(before.rows["model"])


def test_a_broken_cache_costs_time_only(log: Path) -> None:
    first = load([str(log)])
    (entry,) = cache_module.cache_folder().iterdir()
    entry.write_bytes(b"PAR1 not really")
    assert cached(str(log)) is None
    pd.testing.assert_frame_equal(load([str(log)]).rows, first.rows)


def test_a_cache_that_cannot_be_written_is_no_error(log: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cache_module, "cache_folder", lambda: tmp_path / "file" / "tables")
    assert len(load([str(log)]).rows)
    assert cached(str(log)) is None


def test_each_broken_log_is_named_with_its_reason(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    shutil.copy(log, folder / "1-good.eval")
    (folder / "2-empty.eval").write_bytes(b"")
    (folder / "3-truncated.eval").write_bytes(log.read_bytes()[:2000])
    (folder / "4-text.eval").write_text("hello")
    (foreign,) = eval(
        Task(dataset=[Sample(input="x", target="x")], scorer=includes()), model="mockllm/model",
        log_dir=str(tmp_path / "foreign"), model_args={"custom_outputs": []}, display="none", limit=0,
    )  # fmt: skip
    shutil.copy(foreign.location, folder / "5-foreign.eval")
    running = read_eval_log(str(log))
    running.status = "started"
    running.samples = running.samples[:1]
    write_eval_log(running, str(folder / "6-running.eval"))
    older = read_eval_log(str(log))
    older.eval.metadata["redgreenbench"] = "0.0.1"
    write_eval_log(older, str(folder / "7-older.eval"))

    table = load([str(folder)])
    reasons = {Path(s.log).name: s.reason for s in table.skipped}
    assert set(reasons) == {"2-empty.eval", "3-truncated.eval", "4-text.eval", "5-foreign.eval"}
    assert "no log of this benchmark" in reasons["5-foreign.eval"]
    assert all("cannot be read" in reasons[n] for n in list(reasons)[:3])
    assert any(n.startswith("6-running.eval: the run is in progress") for n in table.notes)
    assert any(n.startswith("7-older.eval: mixed with logs of another suite version") for n in table.notes)
    done = CliRunner().invoke(redgreen, ["report", str(folder), "-o", str(tmp_path / "r")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "r" / "report.md").read_text()
    assert "Logs: 3 read, 4 left out." in text
    for name in reasons:
        assert name in text


def test_nothing_readable_ends_with_two(tmp_path: Path) -> None:
    (tmp_path / "x.eval").write_text("no")
    for place in (tmp_path / "x.eval", tmp_path / "none", "memory://nowhere"):
        done = CliRunner().invoke(redgreen, ["report", str(place), "-o", str(tmp_path / "r")])
        assert done.exit_code == 2, place
        assert len(done.stderr.strip().splitlines()) == 1
    with pytest.raises(InputError, match="no log to report on"):
        load([])


def test_versions_are_not_pooled(log: Path, tmp_path: Path) -> None:
    from redgreenbench.reports.evidence import subjects_of

    older = read_eval_log(str(log))
    older.eval.metadata["redgreenbench"] = "0.0.1"
    write_eval_log(older, str(tmp_path / "older.eval"))
    subjects = subjects_of(load([str(log), str(tmp_path / "older.eval")]).rows)
    assert len({s.suite for s in subjects}) == 2
