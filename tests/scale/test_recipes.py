"""The recipes do what they say: two shards on each engine that is installed, and the merge."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai.log import EvalLog, read_eval_log

RECIPES = Path(__file__).parents[2] / "recipes"
LINES = {
    "xargs": '"$RECIPES/xargs.sh" logs 2 2',
    "parallel": """
        seq 2 | parallel --retries 2 redgreen grade logs --shard {}/2 --workers 1
        redgreen merge logs""",
    "ray": '"$(dirname "$(realpath "$(command -v ray)")")/python" "$RECIPES/ray_grade.py" logs 2',
    "slurm": """
        slurm=$(mktemp -d)
        chmod 755 "$slurm"  # munge is a user of its own
        trap 'kill $(cat "$slurm"/*.pid); rm -rf "$slurm" || true' EXIT
        "$RECIPES/slurm_one_node.sh" "$slurm"
        export SLURM_CONF="$slurm/slurm.conf"
        sbatch --wait --array=1-2 "$RECIPES/slurm.sh" logs
        redgreen merge logs""",
}


@pytest.mark.slow
@pytest.mark.needs("landlock")
@pytest.mark.parametrize(
    "engine",
    [
        "xargs",
        pytest.param("parallel", marks=pytest.mark.needs("parallel")),
        pytest.param("ray", marks=pytest.mark.needs("ray")),
        pytest.param("slurm", marks=pytest.mark.needs("slurm", "root")),
    ],
)
def test_every_program_gets_its_grade(put_off: Callable[..., EvalLog], tmp_path: Path, engine: str) -> None:
    log = put_off()
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    assert shutil.which("redgreen", path=path), "redgreen is not installed beside this Python"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", LINES[engine]],
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "RECIPES": str(RECIPES)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for sample in read_eval_log(log.location).samples:
        assert sample.scores["execution"].value["correct"] == float(sample.metadata["arm"] == "green")
