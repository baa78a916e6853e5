"""The attacks once more, by a user without capabilities. A file of its own, so that it can run beside the others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# These end by their time or memory alone, whoever runs them, and take most of the time that the others need
# together. REDGREEN_ALL_ATTACKS=1 runs all that is left out here as well.
BY_LIMITS = {*(HERE / "by_limits.txt").read_text().split(), "fill_disk_with_names"}
# These attack the grading from within a process, by its channel, its modules or its end, and meet no wall that knows users.
BY_GRADING = tuple((HERE / "by_grading.txt").read_text().split())
EVERY = bool(os.environ.get("REDGREEN_ALL_ATTACKS"))
IN_BOTH_MODES = {path.stem for path in (HERE / "submissions").glob("*.py")} - set(BY_GRADING)


@pytest.mark.slow
@pytest.mark.needs("root", "bwrap", "landlock")
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
        "" if EVERY else "not slow",
        str(HERE / "test_attacks.py"),
    ]
    left_out = [
        "test_an_attack_on_the_grading_fails_and_leaves_no_trace",
        "test_an_attack_that_ends_by_its_limits_leaves_no_trace",
        *(
            f"test_an_attack_fails_and_leaves_no_trace[{m}-fill_disk_with_names]"
            for m in ("full", "landlock")
        ),
    ]
    for test in () if EVERY else left_out:
        command += ["--deselect", f"{HERE.relative_to(ROOT)}/test_attacks.py::{test}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    count = 2 * len(IN_BOTH_MODES) + len(BY_GRADING) if EVERY else 2 * len(IN_BOTH_MODES - set(BY_LIMITS))
    assert f"{count + 1} passed" in done.stdout
