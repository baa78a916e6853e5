"""Reading logs: from anywhere, once, and nothing dropped in silence."""

import math
import shutil
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from click.testing import CliRunner
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import ProvenanceData, edit_score, invalidate_samples, read_eval_log, write_eval_log
from inspect_ai.model import ModelConfig
from inspect_ai.scorer import Score, ScoreEdit, includes

from redgreenbench.cli import main as redgreen
from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.vocabulary import UNSCORED
from redgreenbench.reports.estimate import estimate
from redgreenbench.reports.logs import cache as cache_module
from redgreenbench.reports.logs import table as table_module
from redgreenbench.reports.logs.addresses import files_of
from redgreenbench.reports.logs.cache import cached
from redgreenbench.reports.logs.reading import latest_scores
from redgreenbench.reports.logs.table import COLUMNS, load
from redgreenbench.reports.metrics import metric_named, missing_of, why_missing
from redgreenbench.tasks.routing import routing

TWO = "which-optimizer,loss-goes-to-nan"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, scripted) -> Path:
    (log,) = eval(
        routing(scenarios=TWO),
        model=scripted(lambda s, u: "NEXT: answer\nUse Adam."),
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
    (deep / "estimates.json").write_text("{}")  # of a report that lies beside its logs
    expected = [str(deep / "x.eval")]
    for place in ("runs", "runs/*", "runs/*/*.eval", "runs/monday/x.eval", "runs/**/*.eval"):
        assert files_of(str(tmp_path / place)) == expected, place
    assert files_of(str(tmp_path / "none")) == []
    assert files_of("nosuchprotocol://x/*.eval") == []


def test_a_log_is_parsed_once(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = table_module.read_log
    monkeypatch.setattr(table_module, "read_log", lambda file: calls.append(file) or real(file))
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
    shutil.copy(of_suite_1(log, tmp_path), folder / "7-older.eval")

    table = load([str(folder)])
    reasons = {Path(s.log).name: s.reason for s in table.skipped}
    assert set(reasons) == {
        "2-empty.eval",
        "3-truncated.eval",
        "4-text.eval",
        "5-foreign.eval",
        "7-older.eval",
    }
    assert "no log of this benchmark" in reasons["5-foreign.eval"]
    assert reasons["7-older.eval"] == OTHER_SUITE
    assert all("cannot be read" in reasons[n] for n in list(reasons)[:3])
    assert any(n.startswith("6-running.eval: the run is in progress") for n in table.notes)
    done = CliRunner().invoke(redgreen, ["report", str(folder), "-o", str(tmp_path / "r")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "r" / "report.md").read_text()
    assert "2 logs read, 5 left out." in text
    for name in reasons:
        assert name in text
    assert OTHER_SUITE in text


def test_what_breaks_a_log_is_said_in_words(log: Path, tmp_path: Path) -> None:
    whole = log.read_bytes()
    for name, data, words in (
        ("empty", b"", "it is empty (0 bytes)"),
        ("cut", whole[: len(whole) // 2], "the file ends too early, or is no log"),
    ):
        (tmp_path / f"{name}.eval").write_bytes(data)
        (skipped,) = load([str(tmp_path / f"{name}.eval"), str(log)]).skipped
        assert words in skipped.reason


def test_logs_in_json_are_found_and_other_json_is_named(log: Path, tmp_path: Path) -> None:
    write_eval_log(read_eval_log(str(log)), str(tmp_path / "j" / "one.json"))
    (tmp_path / "j" / "notes.json").write_text('{"a": 1}')
    for place in (tmp_path / "j", tmp_path / "j" / "*.json"):
        table = load([str(place)])
        assert [Path(one).name for one in table.logs] == ["one.json"]
        assert [Path(one.log).name for one in table.skipped] == ["notes.json"]


def test_an_unreachable_place_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Store(fsspec.get_filesystem_class("memory")):  # type: ignore[misc]
        def find(self, *_: object, **__: object) -> list[str]:
            raise ConnectionError("no credentials\nand more")

    monkeypatch.setattr("fsspec.core.url_to_fs", lambda place: (Store(), place))
    done = CliRunner().invoke(redgreen, ["report", "s3://bucket/logs", "-o", str(tmp_path)])
    assert done.exit_code == 2
    assert "s3://bucket/logs cannot be reached (no credentials); check the address" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_edited_scores_are_named_and_refused_by_gates(log: Path, tmp_path: Path) -> None:
    edited = read_eval_log(str(log))
    first = edited.samples[0]
    edit_score(
        edited, first.id, "act", ScoreEdit(value={"correct": 1.0}), recompute_metrics=False, epoch=first.epoch
    )
    write_eval_log(edited, str(log))
    table = load([str(log)])
    assert any("1 scores were edited by hand" in note for note in table.notes)
    (tmp_path / "gates.yaml").write_text("gates: [{metric: routing-accuracy, margin: 0.1}]")
    asked = ["gate", str(log), "--gates", str(tmp_path / "gates.yaml")]
    refused = CliRunner().invoke(redgreen, asked)
    assert refused.exit_code == 2
    assert "scores were edited by hand" in refused.stderr
    assert "INCONCLUSIVE" in CliRunner().invoke(redgreen, [*asked, "--allow-edited"]).stdout


def test_invalidated_samples_are_left_out_and_counted(log: Path) -> None:
    before = load([str(log)]).rows
    log_ = read_eval_log(str(log))
    changed = invalidate_samples(
        log_, [log_.samples[0].uuid], ProvenanceData(author="me", reason="a broken prompt")
    )
    write_eval_log(changed, str(log))
    table = load([str(log)])
    lost = table.rows[table.rows["reason"].eq("invalidated by hand")]
    assert len(lost) == 1
    assert len(table.rows) < len(before)
    assert any("1 samples were invalidated by hand" in note for note in table.notes)


def test_a_control_that_never_ran_is_a_control(log: Path) -> None:
    """Also where no sample of it ran that could say so."""
    cut = read_eval_log(str(log))
    lost, kind = cut.samples[0].metadata["scenario"], "plain"
    cut.eval.metadata["controls"] = {lost: kind}
    cut.samples = [sample for sample in cut.samples if sample.metadata["scenario"] != lost]
    assert cut.samples
    write_eval_log(cut, str(log))
    rows = load([str(log)]).rows
    missing = rows[rows["status"].eq("missing")]
    assert set(missing["scenario"]) == {lost}
    assert set(missing["control"]) == {kind}


def test_logs_name_their_controls() -> None:
    told = routing(scenarios="training-optimization").metadata["controls"]
    assert told
    assert told.items() <= {s.id: s.file.control for s in load_scenarios() if s.file.control}.items()


def test_logs_of_other_graders_or_skills_are_subjects_of_their_own(log: Path, tmp_path: Path) -> None:
    graded = read_eval_log(str(log))
    graded.eval.model_roles = {"grader": ModelConfig(model="mockllm/judge")}
    write_eval_log(graded, str(tmp_path / "graded.eval"))
    other = read_eval_log(str(log))
    for by_arm in other.eval.metadata["skills"].values():
        by_arm["green"]["hash"] = "f" * 64
    write_eval_log(other, str(tmp_path / "other.eval"))
    rows = load([str(log), str(tmp_path / "graded.eval"), str(tmp_path / "other.eval")]).rows
    subjects = estimate(rows, metrics=["routing-accuracy"]).subjects
    assert {subject.grader for subject in subjects} == {"", "mockllm/judge"}
    assert any("(ffffffff)" in subject.edition for subject in subjects)


def test_a_dead_run_is_not_in_progress_once_another_goes_on(log: Path, tmp_path: Path) -> None:
    dead = read_eval_log(str(log))
    dead.status, dead.samples = "started", dead.samples[:1]
    dead.eval.created = "2020-01-01T00:00:00+00:00"
    write_eval_log(dead, str(tmp_path / "dead.eval"))
    assert any("in progress" in note for note in load([str(tmp_path / "dead.eval")]).notes)
    notes = load([str(tmp_path / "dead.eval"), str(log)]).notes
    assert not any("in progress" in note for note in notes)
    assert any(note.startswith("dead.eval: the run did not end; ") for note in notes)


def test_a_run_of_another_skill_does_not_go_on_with_a_dead_one(log: Path, tmp_path: Path) -> None:
    dead = read_eval_log(str(log))
    dead.status, dead.samples = "cancelled", dead.samples[:1]
    dead.eval.created = "2020-01-01T00:00:00+00:00"
    for by_arm in dead.eval.metadata["skills"].values():
        by_arm["green"]["hash"] = "f" * 64
    write_eval_log(dead, str(tmp_path / "dead.eval"))
    notes = load([str(tmp_path / "dead.eval"), str(log)]).notes
    assert any(note.startswith("dead.eval: the run is cancelled") for note in notes)


def test_a_score_of_another_form_is_missing_and_does_not_vanish(log: Path) -> None:
    odd = read_eval_log(str(log))
    odd.samples[0].scores["act"].value = "I"
    write_eval_log(odd, str(log))
    rows = load([str(log)]).rows
    (reason,) = rows.loc[rows["scorer"].eq("act") & rows["status"].eq("unscored"), "reason"]
    assert "no set of keys" in reason


def test_nothing_readable_ends_with_two(tmp_path: Path) -> None:
    (tmp_path / "x.eval").write_text("no")
    for place in (tmp_path / "x.eval", tmp_path / "none", "memory://nowhere"):
        done = CliRunner().invoke(redgreen, ["report", str(place), "-o", str(tmp_path / "r")])
        assert done.exit_code == 2, place
        assert len(done.stderr.strip().splitlines()) == 1
    with pytest.raises(InputError, match="no log to report on"):
        load([])


def of_suite_1(log: Path, folder: Path) -> str:
    """A log of the suite before this one."""
    older = read_eval_log(str(log))
    older.eval.metadata["redgreenbench"] = "1"
    write_eval_log(older, str(folder / "older.eval"))
    return str(folder / "older.eval")


OTHER_SUITE = (
    "is of suite version 1, this release reads suite 2: run it again, or report on it with redgreenbench 0.1"
)


def test_scores_of_another_suite_are_never_mixed_in(log: Path, tmp_path: Path) -> None:
    older = of_suite_1(log, tmp_path)
    table = load([str(log), older])
    assert set(table.rows["suite"]) == {"2"}
    assert [(s.log, s.reason) for s in table.skipped] == [(older, OTHER_SUITE)]
    with pytest.raises(InputError, match=OTHER_SUITE):
        load([older])
    (tmp_path / "gates.yaml").write_text("gates: [{metric: routing-accuracy, margin: 0.1}]")
    gates = ("--gates", str(tmp_path / "gates.yaml"))
    for command in (
        ("report", older, "-o", str(tmp_path / "r")),
        ("compare", older),
        ("compare", str(log), older),
        ("gate", str(log), older, *gates),
        ("aa", older),
        ("leaderboard", older, "-o", str(tmp_path / "site")),
    ):
        done = CliRunner().invoke(redgreen, command)
        assert done.exit_code == 2, command
        assert OTHER_SUITE in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    done = CliRunner().invoke(redgreen, ["compare", str(tmp_path), "--json"])
    assert OTHER_SUITE in done.stderr or OTHER_SUITE in done.stdout


def test_a_table_kept_by_another_suite_is_not_used(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load([str(log)])
    assert cached(str(log)) is not None
    monkeypatch.setattr(cache_module, "SUITE_VERSION", "3")
    assert cached(str(log)) is None


def test_a_sample_is_what_its_metadata_say(log: Path, tmp_path: Path) -> None:
    """Its id is a label; a sample that never ran has nothing else."""
    edited = read_eval_log(str(log))
    *planned, lost = edited.eval.dataset.sample_ids
    edited.samples = [sample for sample in edited.samples if sample.id != lost]
    for sample in edited.samples:
        sample.id = f"label-{sample.id}"
        sample.metadata |= {"pressure": "time", "turn": "followup"}
    edited.eval.dataset.sample_ids = [f"label-{i}" for i in planned] + [lost]
    write_eval_log(edited, str(tmp_path / "labels.eval"))
    rows = load([str(tmp_path / "labels.eval")]).rows
    ran = rows[rows["status"].ne("missing")]
    assert set(ran["pressure"]) == {"time+followup"}
    assert set(ran["scenario"]) == {f"training-optimization/{name}" for name in TWO.split(",")}
    missing = rows[rows["status"].eq("missing")]
    assert set(
        missing["scenario"].astype(str)
        + "/"
        + missing["pressure"].astype(str)
        + "/"
        + missing["arm"].astype(str)
    ) == {lost}
    assert set(missing["pack"]) == {"training-optimization"}


def test_what_graders_leave_undecided_is_missing_and_not_without_meaning(log: Path, tmp_path: Path) -> None:
    edited = read_eval_log(str(log))
    for sample in edited.samples:
        value = {"outcome": 1.0, "asks": math.nan, "cause": math.nan}
        sample.scores = {"judged": Score(value=value, metadata={"undecided": ["cause"]})}
    write_eval_log(edited, str(tmp_path / "edited.eval"))
    rows = load([str(tmp_path / "edited.eval")]).rows
    judged = rows[rows["scorer"].eq("judged")]
    statuses = {key: set(part["status"]) for key, part in judged.groupby("key", observed=True)}
    assert statuses == {"outcome": {"scored"}, "asks": {"not_applicable"}, "cause": {"unscored"}}
    lost = {
        name: len(missing_of(rows, metric_named(name)))
        for name in ("root-cause", "question-on-topic", "criteria-graded")
    }
    assert lost == {"root-cause": len(edited.samples), "question-on-topic": 0, "criteria-graded": 0}


def test_of_scores_by_one_scorer_the_last_counts() -> None:
    scores = {
        "a/judged": Score(value=0),
        "judged1": Score(value=1),
        "act": Score(value=2),
        "top5": Score(value=3),
    }
    assert {name: s.value for name, s in latest_scores(scores).items()} == {"judged": 1, "act": 2, "top5": 3}


@pytest.mark.parametrize(
    ("reason", "words"), [*UNSCORED.items(), ("a code of tomorrow", "a code of tomorrow")]
)
def test_reasons_are_codes_with_words(log: Path, tmp_path: Path, reason: str, words: str) -> None:
    edited = read_eval_log(str(log))
    for sample in edited.samples:
        sample.scores = {"act": Score.unscored(reason=reason)}
    write_eval_log(edited, str(tmp_path / "edited.eval"))
    rows = load([str(tmp_path / "edited.eval")]).rows
    assert set(rows.loc[rows["status"].eq("unscored"), "reason"]) == {reason}
    assert why_missing(rows, metric_named("routing-accuracy")).endswith(f"could not be judged: {words}")
