"""One name in site-packages, every data file in the wheel, and no quarrel with a project's own folders."""

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("evals", "tasks", "scorers", "reference_bugs", "reports")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    # The wheel is built from the sdist, as an installer from an index would.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory) -> Path:
    (wheel,) = built.glob("*.whl")
    target = tmp_path_factory.mktemp("site")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run(pip, check=True)
    return target


def wanted() -> set[str]:
    files = subprocess.run(
        ["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return {f for f in files if (ROOT / f).is_file()}


def test_wheel_and_sdist_carry_every_file_of_the_rooms(built: Path) -> None:
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    assert {f"redgreenbench/{name}" for name in wanted()} - in_wheel == set()
    with tarfile.open(sdist) as tar:
        in_sdist = {name.partition("/")[2] for name in tar.getnames()}
    assert wanted() - in_sdist == set()
    assert {"redgreenbench/__init__.py", "redgreenbench/py.typed", "redgreenbench/_registry.py"} <= in_wheel
    tops = {name.partition("/")[0] for name in in_wheel}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"redgreenbench"}


def test_a_minimal_install_decides_routes_and_reports_without_torch(built: Path, tmp_path: Path) -> None:
    """In a fresh environment with the wheel's own dependencies alone, from an empty folder."""
    environment, empty = tmp_path / "fresh", tmp_path / "empty"
    empty.mkdir()
    venv.create(environment, with_pip=True)
    (wheel,) = built.glob("*.whl")
    subprocess.run([environment / "bin" / "pip", "install", "--quiet", str(wheel)], check=True)
    python = environment / "bin" / "python"
    found = subprocess.run(
        [python, "-c", "import importlib.util as u; print(u.find_spec('torch'))"], capture_output=True
    )
    assert found.stdout.strip() == b"None"
    command = [
        environment / "bin" / "redgreen",
        "run",
        "--model",
        "mockllm/model",
        "--tasks",
        "decision,routing",
    ]
    own = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "INSPECT_DISPLAY": "none"}
    done = subprocess.run([*command, "--limit", "1"], cwd=empty, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Routing accuracy" in done.stdout
    assert list(empty.glob("results/*/report/report.html"))


def test_a_foreign_project_keeps_its_own_evals_and_tasks(installed: Path, tmp_path: Path) -> None:
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("WHOSE = 'theirs'\n")
    code = (
        "import evals, tasks, scorers, reports, reference_bugs\n"
        "assert evals.WHOSE == tasks.WHOSE == scorers.WHOSE == reports.WHOSE == reference_bugs.WHOSE == 'theirs'\n"
        "import redgreenbench.tasks.routing as ours\n"
        f"assert ours.__file__.startswith({str(installed)!r}), ours.__file__\n"
        "assert len(ours.routing(scenarios='which-optimizer').dataset) == 2\n"
    )
    environment = {"PYTHONPATH": f"{tmp_path}:{installed}", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_the_links_are_relative_and_point_to_the_rooms() -> None:
    for room in ROOMS:
        link = ROOT / "src" / "redgreenbench" / room
        assert link.is_symlink()
        assert link.readlink() == Path("..") / ".." / room
