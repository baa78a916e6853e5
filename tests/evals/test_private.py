"""The private split is posed like the rest, and nothing of it is shown, exported, bundled or reported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from redgreenbench.cli import main
from redgreenbench.cli.siblings import lost_facts
from redgreenbench.evals import catalogue
from redgreenbench.evals.errors import InputError
from redgreenbench.reference_bugs import folder as bugs
from redgreenbench.reference_bugs.folder import HERE, bug_folder, bug_names
from redgreenbench.reference_bugs.private import VARIABLE, private_folder
from redgreenbench.reports.logs.table import load
from redgreenbench.reports.render.report import make_report, write_report
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.decision import decision

SECRET = "xyzzy-never-shown"


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private split of two scenarios, one of them with a private bug."""
    root = tmp_path / "held-out"
    for pack, like, name in (
        ("training-optimization", "loss-goes-to-nan", "secret-nan"),
        ("debugging-techniques", "shape-mismatch", "secret-shape"),
    ):
        data = yaml.safe_load((catalogue.HERE / "scenarios" / pack / f"{like}.yaml").read_text())
        data |= {"split": "private", "prompt": f"{SECRET}: {data['prompt']}", "title": f"Title {SECRET}"}
        if "bug" in data:
            data["bug"] = "secret-mismatch"
        (root / "scenarios" / pack).mkdir(parents=True)
        (root / "scenarios" / pack / f"{name}.yaml").write_text(yaml.safe_dump(data))
    shutil.copytree(HERE / "shape-mismatch-after-flatten", root / "bugs" / "secret-mismatch")
    monkeypatch.setenv(VARIABLE, str(root))
    _forget()
    yield root
    monkeypatch.delenv(VARIABLE)
    _forget()


def _forget() -> None:
    catalogue._shipped_scenarios.cache_clear()
    bugs.bug_folder.cache_clear()


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


def test_without_the_variable_there_is_none() -> None:
    assert private_folder() is None


def test_private_scenarios_and_bugs_are_posed(private: Path) -> None:
    posed = {s.metadata["scenario"]: s for s in decision(arms="red").dataset}
    assert SECRET in str(posed["training-optimization/secret-nan"].input)
    assert posed["training-optimization/secret-nan"].metadata["split"] == "private"
    assert bug_folder("secret-mismatch").path.parent.parent == private
    (one,) = debugging(arms="red", scenarios="secret-shape").dataset
    assert one.metadata["bug"] == "secret-mismatch"


def test_another_file_system_is_copied(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(private) + "/", "/held-out/", recursive=True)
    monkeypatch.setenv(VARIABLE, "memory://held-out")
    _forget()
    copy = private_folder()
    assert copy is not None
    assert copy != private
    assert "secret-mismatch" in bug_names()
    assert any(s.slug == "secret-nan" for s in catalogue.load_scenarios())


def test_an_address_that_cannot_be_fetched_is_named_without_its_password(monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, f"http://user:{SECRET}@127.0.0.1:9/held-out?token={SECRET}")
    with pytest.raises(
        ValueError, match=r"REDGREEN_PRIVATE=http://127.0.0.1/held-out: cannot be fetched"
    ) as error:
        private_folder()
    assert SECRET not in str(error.value)


def test_private_scenarios_are_none_of_a_documents_situations(private: Path) -> None:
    posed = {s.metadata["scenario"]: s.metadata["document"] for s in decision(arms="red").dataset}
    assert posed["training-optimization/secret-nan"] == "001 private"
    assert posed["training-optimization/loss-goes-to-nan"] == "001"


def test_nothing_private_is_listed_shown_or_exported(private: Path, tmp_path: Path) -> None:
    listed = call("list", "scenarios", "--json") + call("list", "bugs", "--json") + call("list", "scenarios")
    assert "secret" not in listed
    assert SECRET not in listed
    said = call("show", "training-optimization/secret-nan", code=2)
    assert "is private, and nothing of it is shown" in said
    assert SECRET not in said
    answer = tmp_path / "answer.md"
    answer.write_text("NEXT: ask")
    said = call("score-text", "training-optimization/secret-nan", str(answer), code=2)
    said += call("show", "secret-na", code=2)
    assert "secret-nan or" not in said
    assert "Right" not in said
    call("dataset", "export", str(tmp_path / "out"))
    everything = b"".join(p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert SECRET.encode() not in everything
    assert b"secret-nan" not in everything


def test_no_report_has_a_private_text_and_every_report_the_gap(
    private: Path, tmp_path: Path, run_task
) -> None:
    def answer(system: str, user: str) -> str:
        if SECRET in user and "\nB)" in user:
            raise RuntimeError(f"an error that quotes {user}")
        return "A"

    asked = "training-optimization/*,debugging-techniques/secret-shape"
    run = decision(arms="red,green", scenarios=asked)
    log = run_task(run, answer, fail_on_error=False)
    calm = run_task(run, lambda system, user: "A")
    for place, one in (("broken", log), ("calm", calm)):
        table = load([one.location], cache=False)
        write_report(make_report(table), tmp_path / place)
        texts = [p.read_bytes() for p in (tmp_path / place).rglob("*") if p.is_file()]
        assert not any(SECRET.encode() in text for text in texts)
    broken = load([log.location], cache=False).rows
    assert set(broken.loc[broken["status"].eq("error"), "reason"]) == {"withheld: private scenario"}
    said = (tmp_path / "calm" / "report.html").read_text().partition("Public and private scenarios")[2]
    assert "Decision accuracy</th><td>red</td>" in said


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: shutil.rmtree(root), "there is no such folder"),
        (
            lambda root: [shutil.rmtree(p) for p in root.iterdir()],
            "neither scenarios/<pack>/ nor bugs/<name>/",
        ),
        (
            lambda root: (root / "scenarios/training-optimization/secret-nan.yaml").rename(
                root / "scenarios/training-optimization/loss-goes-to-nan.yaml"
            ),
            "has the id of a shipped one",
        ),
        (
            lambda root: (p := root / "scenarios/training-optimization/secret-nan.yaml").write_text(
                p.read_text().replace("split: private", "split: public")
            ),
            "a private scenario says so; add `split: private`",
        ),
        (
            lambda root: (root / "bugs/secret-mismatch").rename(root / "bugs/missing-optimizer-step"),
            "has the name of a shipped one",
        ),
    ],
)
def test_what_is_wrong_with_the_private_split_is_one_line(private: Path, spoil, message: str) -> None:
    spoil(private)
    _forget()
    with pytest.raises(InputError, match=message) as error:
        catalogue.load_scenarios()
    assert "\n" not in str(error.value)


# Paraphrased siblings of public scenarios.


@pytest.fixture
def paraphraser(scripted, monkeypatch: pytest.MonkeyPatch):
    """Makes a model that changes every text that it is sent, by a function."""

    def make(change) -> None:
        def answer(_: str, user: str) -> str:
            return "Here it is: " + json.dumps(change(json.loads(user[user.find("{") :])))

        monkeypatch.setattr("inspect_ai.model.get_model", lambda *_: scripted(answer))

    return make


def _other_words(texts: dict[str, str]) -> dict[str, str]:
    return {name: text.replace("Hand over", "Pass it on") + " Indeed." for name, text in texts.items()}


def test_a_sibling_is_kept_only_where_a_person_accepts_it(paraphraser, tmp_path: Path) -> None:
    paraphraser(_other_words)
    arguments = [
        "siblings",
        "loss-goes-to-nan",
        "which-optimizer",
        "--model",
        "mockllm/y",
        "--into",
        str(tmp_path),
    ]
    done = CliRunner().invoke(main, arguments, input="y\nn\n")
    assert done.exit_code == 0, done.output
    (kept,) = tmp_path.rglob("*.yaml")
    assert kept.name == "loss-goes-to-nan-sibling.yaml"
    (sibling,) = catalogue.load_scenarios(tmp_path / "scenarios")
    (public,) = (s for s in catalogue.load_scenarios() if s.slug == "loss-goes-to-nan")
    assert sibling.file.split == "private"
    assert sibling.file.prompt == f"{public.file.prompt} Indeed."
    assert sibling.file.act == public.file.act
    assert sibling.file.rubric == public.file.rubric
    assert sibling.file.decision is not None
    assert sibling.file.decision.right.startswith("Pass it on")
    assert [o.pattern for o in sibling.file.decision.wrong] == [o.pattern for o in public.file.decision.wrong]


@pytest.mark.parametrize(
    "change",
    [lambda texts: {"prompt": "nothing else"}, lambda texts: [1], lambda texts: texts | {"title": ""}],
)
def test_a_reply_that_makes_no_scenario_is_left_out(paraphraser, tmp_path: Path, change) -> None:
    paraphraser(change)
    arguments = ["siblings", "loss-goes-to-nan", "--model", "mockllm/y", "--into", str(tmp_path)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "no usable paraphrase" in done.output
    assert not list(tmp_path.rglob("*.yaml"))


def test_facts_that_a_paraphrase_lost_are_named() -> None:
    before = "I use AdamW with lr=0.001 on 8 GPUs and call optimizer.zero_grad()."
    assert lost_facts(before, before) == []
    assert lost_facts(before, "I use AdamW on 8 GPUs.") == ["lr=0.001", "optimizer.zero_grad"]
