"""Shards: any machine can die and be repeated, and what is put together is what one machine would have found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from inspect_ai import Task
from inspect_ai._util.async_zip import AsyncZipReader
from inspect_ai.log import EvalLog, read_eval_log, read_eval_log_samples, write_eval_log
from inspect_ai.model import Model

from redgreenbench.cli import main as redgreen
from redgreenbench.cli.run import build_tasks, run_tasks, shard_tasks, tasks_by_folder
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.sharding import Shard, shards_by_log, share_of
from redgreenbench.reference_bugs.verdict import Verdict
from redgreenbench.reports.logs.addresses import files_of
from redgreenbench.reports.logs.table import COLUMNS, load
from redgreenbench.scorers.merging import merge
from redgreenbench.tasks.debugging import debugging

TASK = "routing"


def call(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(redgreen, list(arguments))
    assert done.exit_code == code, f"{done.output}\n{done.exception!r}"
    return done.output


def routing_tasks() -> list[Task]:
    return build_tasks([TASK], "v2", ["red", "green"], ["none", "time"], [], 3)


def answer(system: str, user: str) -> str:
    """A text that depends on what is asked alone, so that two runs give the same answers."""
    return (
        "NEXT: hand over to gradient-management"
        if "<skill" in system and len(user) % 2
        else "NEXT: ask\nWhat?"
    )


def run_shard(number: int, of: int, model: Model, logs: Path) -> int:
    code = 0
    shard = Shard(number, of)
    for part, place in tasks_by_folder(shard_tasks(routing_tasks(), shard), logs, shard):
        code = max(code, run_tasks(part, model, place, 2, display="none"))
    return code


def without_chance(folder: Path) -> None:
    """Sets what no two runs share (names of logs, times) to the same in all logs of a folder."""
    for file in files_of(str(folder)):
        log = read_eval_log(file)
        for sample in log.samples or ():
            sample.working_time = 1.0
        write_eval_log(log, file)


def report(logs: Path, into: Path) -> dict[str, bytes]:
    call("report", str(logs), "-o", str(into))
    return {file.name: file.read_bytes() for file in into.iterdir()}


def test_all_shards_together_are_the_task_and_arms_stay_together() -> None:
    (task,) = routing_tasks()
    parts = [share_of(list(task.dataset), Shard(k, 4)) for k in range(1, 5)]
    ids = [str(s.id) for part in parts for s in part]
    assert sorted(ids) == sorted(str(s.id) for s in task.dataset)
    assert len(set(ids)) == len(ids)
    for part in parts:
        arms: dict[tuple[str, str], set[str]] = {}
        for sample in part:
            arms.setdefault((sample.metadata["scenario"], sample.metadata["pressure"]), set()).add(
                sample.metadata["arm"]
            )
        assert set(map(frozenset, arms.values())) == {frozenset({"red", "green"})}
    assert {len(part) for part in parts} == {2, 4}


def test_shards_without_a_sample_are_not_missed(scripted, tmp_path: Path) -> None:
    (task,) = routing_tasks()
    filled = sum(bool(share_of(list(task.dataset), Shard(k, 50))) for k in range(1, 51))
    assert filled < 50
    for k in range(1, filled):
        assert run_shard(k, 50, scripted(answer), tmp_path / "logs") == 0
    assert f"run shard {filled} of 50" in call("merge", str(tmp_path / "logs"), code=2)
    assert f"no log of shard {filled} of 50" in call(
        "report", str(tmp_path / "logs"), "-o", str(tmp_path / "r")
    )
    assert run_shard(50, 50, scripted(answer), tmp_path / "logs") == 0
    assert run_shard(filled, 50, scripted(answer), tmp_path / "logs") == 0
    assert "no log of shard" not in call("report", str(tmp_path / "logs"), "-o", str(tmp_path / "r"))


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match="give it as k/n"):
        Shard.read(text)


def test_identities_fall_into_exactly_one_shard_each() -> None:
    for identity in map(str, range(200)):
        assert sum(Shard(k, 7).holds(identity) for k in range(1, 8)) == 1
    sizes = [sum(Shard(k, 4).holds(str(i)) for i in range(4000)) for k in range(1, 5)]
    assert min(sizes) > 900


def test_the_report_of_merged_shards_is_that_of_one_run(scripted, tmp_path: Path) -> None:
    """One shard fails on the way and is repeated; another is done twice."""
    whole, logs = tmp_path / "whole", tmp_path / "sharded" / "logs"
    assert run_tasks(routing_tasks(), scripted(answer), whole, 2, display="none") == 0
    asked = 0

    def dies(system: str, user: str) -> str:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise RuntimeError("the machine went away")
        return answer(system, user)

    assert run_shard(1, 3, scripted(answer), logs) == 0
    assert run_shard(2, 3, scripted(dies), logs) == 1
    assert run_shard(1, 3, scripted(answer), logs) == 0
    refused = call("merge", str(logs), code=2)
    assert "run shard 2, 3 of 3" in refused
    assert len(refused.strip().splitlines()) == 1
    assert not (logs / f"{TASK}.eval").exists()
    assert "no log of shard 3 of 3" in call("report", str(logs), "-o", str(tmp_path / "r"))
    assert run_shard(2, 3, scripted(answer), logs) == 0
    assert run_shard(3, 3, scripted(answer), logs) == 0
    without_chance(whole)
    without_chance(logs)
    call("merge", str(logs))
    first = (logs / f"{TASK}.eval").read_bytes()
    call("merge", str(logs))
    assert (logs / f"{TASK}.eval").read_bytes() == first
    # A merged log and its shards in one folder are read once.
    assert [Path(log).name for log in load([str(logs)]).logs] == [f"{TASK}.eval"]
    columns = [c for c in COLUMNS if c != "log"]
    tables = [load([str(place)]).rows[columns].astype(object) for place in (whole, logs)]
    pd.testing.assert_frame_equal(*tables)
    # Two runs differ in the name of the log, which stands in the links.
    (log,) = whole.glob("*.eval")
    log.rename(whole / f"{TASK}.eval")
    found = report(whole, tmp_path / "one"), report(logs, tmp_path / "two")
    assert found[0].keys() == found[1].keys() >= {"report.md", "report.html", "estimates.csv"}
    for name, one in found[0].items():
        assert one.replace(str(whole).encode(), b"") == found[1][name].replace(str(logs).encode(), b""), name


def test_a_merged_log_is_a_log_like_any_other(scripted, tmp_path: Path) -> None:
    for number in (1, 2):
        assert run_shard(number, 2, scripted(answer), tmp_path) == 0
    (target, parts) = next(iter(shards_by_log(files_of(str(tmp_path))).items()))
    made = merge(target, parts)
    assert made.samples == 24
    log = read_eval_log(made.log)
    assert (log.status, len(log.samples)) == ("success", 24)
    assert [entry.shard for entry in log.eval.shards.ledger] == ["1", "2"]
    assert {score.scorer for score in log.results.scores} == {
        score.scorer for score in read_eval_log(parts[0]).results.scores
    }
    assert len(list(read_eval_log_samples(made.log))) == 24
    held = {s.uuid: s.messages for part in parts for s in read_eval_log(part).samples}
    assert all(sample.messages == held[sample.uuid] for sample in log.samples)
    usage = sum(read_eval_log(part).stats.model_usage["mockllm/scripted"].total_tokens for part in parts)
    assert log.stats.model_usage["mockllm/scripted"].total_tokens == usage
    # An attempt that comes after the merge says more than the merged log.
    shutil.copy(parts[0], Path(parts[0]).with_name("9999-01-01T00-00-00_later.eval"))
    assert len(load([str(tmp_path)]).logs) == 2


def test_run_takes_a_share_and_says_what_to_do_next(tmp_path: Path) -> None:
    asked = ["run", "--model", "mockllm/model", "--tasks", TASK, "--limit", "2", "-o", str(tmp_path)]
    said = ""
    for share in ("1/2", "2/2"):
        said = call(*asked, "--shard", share)
        assert f"shard {share} is in" in said
    logs = said.strip().rpartition("redgreen merge ")[2]
    assert "-2-shards" in logs
    assert "4 answers" in call("merge", logs)
    assert json.loads(call("report", logs, "-o", str(tmp_path / "r"), "--json"))["logs"] == [
        f"{logs}/{TASK}.eval"
    ]
    assert "give it as k/n" in call(*asked, "--shard", "2", code=2)


# Grades


def test_programs_that_are_put_off_are_unscored_with_a_code(
    put_off: Callable[..., EvalLog], tmp_path: Path
) -> None:
    log = put_off()
    assert {s.scores["execution"].reason for s in log.samples} == {"execution_later"}
    assert "redgreen grade" in log.samples[0].scores["execution"].explanation
    refused = call("merge", str(tmp_path / "logs"), code=2)
    assert "neither shards nor grades" in refused


@pytest.mark.needs("landlock")
def test_grades_of_shards_are_those_of_one_machine(put_off: Callable[..., EvalLog], tmp_path: Path) -> None:
    log = put_off(epochs=2)
    place = Path(log.location.removeprefix("file://"))
    # inspect draws ids of runs; under this one each shard gets two samples.
    names = [f"samples/{sample.id}_epoch_{sample.epoch}.json" for sample in log.samples]
    log.eval.eval_id = next(
        run for run in map(str, range(99)) if sum(Shard(1, 2).holds(f"{run}/{name}") for name in names) == 2
    )
    write_eval_log(log, str(place))
    one = Path(shutil.copy(place, tmp_path / "one.eval"))
    call("grade", str(one))
    call("merge", str(one))
    shares = [json.loads(call("grade", str(place), "--shard", f"{k}/2", "--json")) for k in (1, 2)]
    assert [share["graded"] for share in shares] == [2, 2]
    files = sorted((place.parent / f"{place.stem}.grades").iterdir())
    # A shard that died has written nothing, or a whole file; it is told what lacks, and repeats it alone.
    files[0].unlink()
    assert "programs have no grade" in call("merge", str(place), code=2)
    again = [json.loads(call("grade", str(place), "--shard", f"{k}/2", "--json")) for k in (1, 2)]
    assert [(share["graded"], share["kept"]) for share in again] == [(2, 0), (0, 2)]
    call("merge", str(place))
    found = [read_eval_log(str(file)) for file in (one, place)]
    for first, second in zip(*(log.samples for log in found), strict=True):
        scores = [sample.scores["execution"] for sample in (first, second)]
        assert repr(scores[0].value) == repr(scores[1].value)
        assert scores[0].explanation == scores[1].explanation
        assert scores[0].metadata["engine"] == scores[1].metadata["engine"]
        assert scores[0].value["correct"] == float(first.metadata["arm"] == "green")
    means = {
        m.name: m.value for s in found[1].results.scores if s.name == "execution" for m in s.metrics.values()
    }
    assert means["correct"] == 0.5
    seeds = {sample.scores["execution"].metadata["engine"]["seed"] for sample in found[1].samples}
    assert len(seeds) == 4


def test_shards_read_their_own_samples_alone_and_their_number_may_change(
    put_off: Callable[..., EvalLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    read_member = AsyncZipReader.read_member_fully

    async def noted(self: AsyncZipReader, member: str) -> bytes:
        read.append(member)
        return await read_member(self, member)

    async def graded(self, bug, files, brief=False, seed=None) -> Verdict:
        return Verdict(bug.name, correct=True, how="whole", engine={"seed": seed})

    log = put_off(epochs=6)
    place = Path(log.location.removeprefix("file://"))
    one = Path(shutil.copy(place, place.with_name("one.eval")))
    names = {f"samples/{sample.id}_epoch_{sample.epoch}.json" for sample in log.samples}
    monkeypatch.setattr("redgreenbench.scorers.running.Runner.program", graded)
    monkeypatch.setattr(AsyncZipReader, "read_member_fully", noted)
    call("grade", str(place), "--shard", "2/2")
    for k in (1, 2, 3):
        read.clear()
        counts = json.loads(call("grade", str(place), "--shard", f"{k}/3", "--json"))
        mine = {name for name in names if Shard(k, 3).holds(f"{log.eval.eval_id}/{name}")}
        assert {name for name in read if name.startswith("samples/")} == mine
        assert counts["graded"] == len(mine)
    assert "summaries.json" not in read
    call("grade", str(one))
    call("merge", str(place.parent))
    found = [[s.scores["execution"].metadata for s in read_eval_log(str(f)).samples] for f in (place, one)]
    assert found[0] == found[1]
    assert len({about["engine"]["seed"] for about in found[0]}) == len(names)


@pytest.mark.needs("landlock")
def test_a_grade_that_comes_later_is_the_one_that_would_have_come_at_once(
    put_off: Callable[..., EvalLog],
) -> None:
    log = put_off("now")
    place = log.location.removeprefix("file://")
    call("grade", place, "--again")
    call("merge", place)
    for before, after in zip(log.samples, read_eval_log(place).samples, strict=True):
        assert repr(before.scores["execution"].value) == repr(after.scores["execution"].value)
        assert before.scores["execution"].metadata["engine"] == after.scores["execution"].metadata["engine"]


def test_a_machine_that_cannot_confine_grades_nothing_and_says_so(
    put_off, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = put_off()

    def none() -> str:
        raise ValueError("no Landlock here")

    monkeypatch.setattr("redgreenbench.reference_bugs.engine.host.choose_mode", none)
    assert "this machine cannot confine programs: no Landlock here" in call("grade", log.location, code=2)


def test_a_scenario_that_is_not_known_here_is_one_line(put_off: Callable[..., EvalLog]) -> None:
    log = put_off()
    for sample in log.samples:
        sample.metadata["scenario"] = "debugging-techniques/gone"
    write_eval_log(log, log.location)
    said = call("grade", log.location, code=2)
    assert "debugging-techniques/gone: no such scenario here" in said
    assert len(said.strip().splitlines()) == 1


def test_what_depends_on_a_first_verdict_cannot_be_put_off() -> None:
    with pytest.raises(InputError, match="execution=later does not go with pressure_turn=followup"):
        debugging(execution="later", pressure="time", pressure_turn="followup")
