"""Commands at hand that grade with the tests' own grader instead of starting one each."""

import contextlib

import pytest

from redgreenbench.reference_bugs import commands, verify
from redgreenbench.reference_bugs.engine.pool import Worker


@pytest.fixture
def warm(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """For commands with ``--workers 1``: a worker grades one program at a time."""
    for module in (commands, verify):
        monkeypatch.setattr(module, "Pool", lambda *_: contextlib.nullcontext(worker))
