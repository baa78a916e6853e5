"""The attacks once more, by a user without capabilities. A file of its own, so that it can run beside the others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from redgreenbench.reference_bugs.engine.host import examine

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COUNT = len(list((HERE / "submissions").glob("*.py")))


@pytest.mark.slow
@pytest.mark.skipif(
    os.geteuid() != 0 or bool(examine().bubblewrap), reason="already an ordinary user, or no user namespaces"
)
def test_the_attacks_fail_for_an_ordinary_user_too() -> None:
    """The same tests again, by a user without capabilities, in a user namespace of its own."""
    command = [
        "bwrap",
        "--unshare-user",
        "--uid",
        "1000",
        "--gid",
        "1000",
        "--cap-drop",
        "ALL",
        "--dev-bind",
        "/",
        "/",
    ]
    command += [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
        str(HERE / "test_attacks.py"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{2 * COUNT + 1} passed" in done.stdout
